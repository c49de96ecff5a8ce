package loop

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWatch takes the role of gnet. Its epoll instance must report the descriptor of gnet's end as
// readable once for each full socket that drains, and not otherwise.
func TestWatch(t *testing.T) {
	w, err := newWatch()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	outer, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(outer)
	_, gnetEnd := pair(t) // gnet has a copy of the descriptor, so any number will do
	if err := unix.EpollCtl(outer, unix.EPOLL_CTL_ADD, gnetEnd, &unix.EpollEvent{Events: gnetReads, Fd: int32(gnetEnd)}); err != nil {
		t.Fatal(err)
	}
	if err := w.install(outer, gnetEnd); err != nil {
		t.Fatal(err)
	}
	read, err := w.gnetEnd.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()

	full, far := pair(t)
	for round := range 3 {
		n := fill(t, full)
		watch := w.again
		if round == 0 {
			watch = w.add
		}
		if err := watch(full, 77); err != nil {
			t.Fatal(err)
		}
		if got := reported(t, outer); len(got) != 0 {
			t.Fatalf("epoll reports a full socket: %v", got)
		}
		drain(t, far, n)
		if got := reported(t, outer); !slices.Equal(got, []int32{int32(gnetEnd)}) {
			t.Fatalf("epoll reports %v, want gnet's end %d", got, gnetEnd)
		}
		if n, err := read.Read(make([]byte, 8)); n != 1 || err != nil {
			t.Fatalf("gnet reads %d bytes, %v", n, err)
		}
		w.rearm()
		if got := w.appendReady(nil); !slices.Equal(got, []uint32{77}) {
			t.Fatalf("%v drained, want 77", got)
		}
		if got := reported(t, outer); len(got) != 0 || len(w.appendReady(nil)) != 0 {
			t.Fatal("the drained socket is reported twice")
		}
	}
}

// pair returns two connected sockets.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// fill sends until the socket is full, and returns the number of bytes sent.
func fill(t *testing.T, fd int) (total int) {
	t.Helper()
	b := make([]byte, 64<<10)
	for {
		n, errno := send(fd, b)
		if errno == unix.EAGAIN {
			return total
		}
		if errno != 0 {
			t.Fatal(errno)
		}
		total += n
	}
}

// drain reads total bytes.
func drain(t *testing.T, fd, total int) {
	t.Helper()
	b := make([]byte, 64<<10)
	for total > 0 {
		n, err := unix.Read(fd, b)
		if err != nil {
			t.Fatal(err)
		}
		total -= n
	}
}

// reported returns the descriptors that an epoll instance reports now.
func reported(t *testing.T, epoll int) (fds []int32) {
	t.Helper()
	events := make([]unix.EpollEvent, 8)
	n, err := unix.EpollWait(epoll, events, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events[:n] {
		fds = append(fds, e.Fd)
	}
	return fds
}
