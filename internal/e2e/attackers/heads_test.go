package attackers

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// TestSilentConnections opens thousands of connections from several addresses that never send a
// byte. It verifies that each gets a 408 after the timeout, and that the daemon closes it though
// the client keeps its end open.
func TestSilentConnections(t *testing.T) {
	testtool.Long(t, "it holds as many connections as the process can, for twice the timeout of a head")
	s := startAttack(t)
	crowd := s.crowd(t, testtool.Fewer(crowdMax(t)), "")
	eachOf(t, crowd, wantTimeout)
	s.wantGone(t, headerTimeout+lingerTime)
	s.wantUnharmed(t, bound(len(crowd), 0))
}

// wantTimeout expects that the daemon answers the attacker with a 408 for the timeout of the head.
func wantTimeout(a *attacker) error { return a.wantRefusal(408, "did not arrive within 2s") }

// crowdMax returns 20,000, or fewer if the limit on open files is lower. The limit holds for this
// process and for the daemon, and 1,000 files are reserved.
func crowdMax(t *testing.T) int {
	t.Helper()
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	n := min(20_000, int(min(files.Max, 1<<20))-1000)
	if n < 100 {
		testtool.Lack(t, "the limit of %d open files is too low for a crowd: raise it (ulimit -Hn)", files.Max)
	}
	return n
}

// TestUnfinishedHeads sends each head except its last byte, which is the most memory that a pending
// connection can hold. It verifies the bound on memory, and the timeout.
func TestUnfinishedHeads(t *testing.T) {
	testtool.Long(t, "it waits for two timeouts")
	s := startAttack(t)
	head := get(common)
	head = head[:len(head)-2] + "X-Long: "
	head += strings.Repeat("x", headBytesMax-len(head)-1)
	crowd := s.crowd(t, testtool.Fewer(2000), head)
	eachOf(t, crowd, wantTimeout)
	s.wantGone(t, headerTimeout+lingerTime)
	s.wantUnharmed(t, bound(len(crowd), headBytesMax))
}

// TestDribbledHeads sends one byte of each head every 100 ms. It verifies that this progress does
// not extend the timeout. The attackers continue to send after the response.
func TestDribbledHeads(t *testing.T) {
	testtool.Long(t, "heads are sent byte by byte for seconds")
	t.Parallel()
	s := startAttack(t)
	crowd := s.crowd(t, 200, "")
	head := get("/" + strings.Repeat("dribble", 40))
	start, pace := time.Now(), time.NewTicker(100*time.Millisecond)
	defer pace.Stop()
	for i := 0; time.Since(start) < headerTimeout+lingerTime/2; i++ {
		for _, a := range crowd {
			a.send(t, head[i:i+1])
		}
		<-pace.C
	}
	eachOf(t, crowd, wantTimeout)
	s.wantGone(t, lingerTime)
	s.wantUnharmed(t, bound(len(crowd), headBytesMax))
}

// TestTooManyConnections verifies that the daemon immediately closes connections above --max-conns
// and a small reserve, so that it never runs out of descriptors. When the accepted connections have
// closed, it accepts new ones.
func TestTooManyConnections(t *testing.T) {
	testtool.Long(t, "it waits for two timeouts")
	const connsMax, reserve = 200, 128
	s := startAttack(t, "--max-conns=200")
	crowd := s.crowd(t, 1000, "")
	accepted := 0
	for _, a := range crowd {
		if got, err := a.readAnswer("GET"); err == nil && got.status == 408 {
			accepted++
		}
	}
	// The bystander and its publisher are two of the connsMax connections.
	if accepted < connsMax-2 || accepted > connsMax+reserve {
		t.Errorf("%d connections were accepted, want %d to %d", accepted, connsMax-2, connsMax+reserve)
	}
	s.wantGone(t, headerTimeout+lingerTime)
	s.wantUnharmed(t, bound(len(crowd), 0))
}

// TestStormAtTheLimit holds as many connections as the daemon accepts, while other clients connect
// and disconnect as fast as they can. The daemon has only as many descriptors as its --max-conns
// gets by default: 256 more. It must not run out of them, because then it could never accept a
// connection again.
func TestStormAtTheLimit(t *testing.T) {
	testtool.Long(t, "thousands of clients storm the daemon for seconds")
	const connsMax, reserve = 300, 256
	s := startAttack(t, "--max-conns=300")
	files := unix.Rlimit{Cur: connsMax + reserve, Max: connsMax + reserve}
	if err := unix.Prlimit(s.daemon.Process.Pid, unix.RLIMIT_NOFILE, &files, nil); err != nil {
		t.Fatal(err)
	}
	held := s.crowd(t, connsMax+reserve/2, "")
	stop := time.Now().Add(headerTimeout / 2)
	failed, err := testtool.AtATime(20_000, func(i int) error {
		if time.Now().After(stop) {
			return nil
		}
		a, err := s.connect(t, i)
		if err == nil {
			err = a.reset()
		}
		return err
	})
	if err != nil {
		t.Errorf("%d connections of the storm failed: %v", failed, err)
	}
	s.wantGone(t, headerTimeout+lingerTime)
	s.wantUnharmed(t, bound(len(held)+reserve, 0))
}
