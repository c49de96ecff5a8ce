package relay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// smallDisk is a disk of its own, of so many bytes.
func smallDisk(t *testing.T, bytes int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		testtool.Lack(t, "a small disk needs the right to mount one (%v)", err)
	}
	t.Cleanup(func() {
		// The server deletes what was purged beside its shutdown.
		testtool.WaitFor(t, "the end of all use of the small disk", func() bool { return unix.Unmount(dir, 0) == nil })
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, storeRoomMin-1<<20)
	e, err := startEmbedded(EmbeddedOptions{Dir: dir})
	if e != nil || err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("on a full disk: %v, %v", e, err)
	}
}

// TestDiskFillsUp: publishers are told before the disk is full, what was accepted
// stays, and once there is room it goes on, without a new start.
func TestDiskFillsUp(t *testing.T) {
	ctx, dir := testContext(t), smallDisk(t, 64<<20)
	log := &logBuffer{}
	_, js := startStore(t, EmbeddedOptions{Dir: dir, Log: log.logger()})
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ssed", Subjects: []string{"ssed.>"}})
	if err != nil {
		t.Fatal(err)
	}
	data, accepted := make([]byte, 256<<10), uint64(0)
	for err == nil && accepted < 1000 {
		if _, err = js.Publish(ctx, "ssed.a", data); err == nil {
			accepted++
		}
	}
	var refusal *jetstream.APIError
	if !errors.As(err, &refusal) || accepted < 32<<20/uint64(len(data)) {
		t.Fatalf("after %d messages: %v, want a refusal", accepted, err)
	}
	if info, err := stream.Info(ctx); err != nil || info.State.Msgs != accepted {
		t.Errorf("of %d messages that were accepted %+v, %v are there", accepted, info, err)
	}
	if strings.Contains(log.String(), "no space left") {
		t.Errorf("the disk was full:\n%s", log)
	}
	if err := stream.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(ctx, "ssed.a", data); err != nil {
		t.Errorf("there is room again, and publishing: %v", err)
	}
}

// TestDiskFilledByOthers: another program takes what the store was to have. The log
// says once what to do, and what was accepted is there when the server is started
// again with room.
func TestDiskFilledByOthers(t *testing.T) {
	ctx, disk := testContext(t), smallDisk(t, 64<<20)
	dir, log := filepath.Join(disk, "store"), &logBuffer{}
	e, js := startStore(t, EmbeddedOptions{Dir: dir, Log: log.logger()})
	if _, err := ensureStream(ctx, js, streamConfig{Name: "ssed"}); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64<<10)
	if _, err := js.Publish(ctx, "ssed.a", data); err != nil {
		t.Fatal(err)
	}
	greedy := filepath.Join(disk, "greedy")
	fill(t, greedy)
	accepted := uint64(1)
	for isOpen(e.failed) {
		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond) // nobody answers what was not stored
		if _, err := js.Publish(soon, "ssed.a", data); err == nil {
			accepted++
		}
		cancel()
		if ctx.Err() != nil {
			t.Fatalf("%d messages of %d bytes found room on a full disk", accepted, len(data))
		}
	}
	if err := os.Remove(greedy); err != nil {
		t.Fatal(err)
	}
	e.shutdown()
	if n := strings.Count(log.String(), "make room"); n != 1 {
		t.Errorf("what to do is said %d times:\n%s", n, log)
	}
	_, js = startStore(t, EmbeddedOptions{Dir: dir, Log: log.logger()})
	stream, err := ensureStream(ctx, js, streamConfig{Name: "ssed"})
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := js.Publish(ctx, "ssed.a", data); err != nil || ack.Sequence <= accepted {
		t.Errorf("there is room again, and publishing: %+v, %v", ack, err)
	}
	for n := range accepted {
		if got, err := stream.GetMsg(ctx, n+1); err != nil || len(got.Data) != len(data) {
			t.Errorf("of %d messages that were accepted number %d is %+v, %v", accepted, n+1, got, err)
		}
	}
}

// fill writes a file until the disk has no room.
func fill(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 64<<10))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

func isOpen(c <-chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		return true
	}
}
