package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// TestFullDisk verifies that a store does not start on a disk with less than storeRoomMin, and
// that it starts with little more.
func TestFullDisk(t *testing.T) {
	dir := testtool.SmallDisk(t, storeRoomMin-1<<20)
	e, err := startEmbedded(embeddedOptions{Embedded: Embedded{Dir: dir}})
	if e != nil || err == nil || !strings.Contains(err.Error(), "free space") {
		t.Errorf("on a full disk: %v, %v", e, err)
	}
	// On a disk with room for the reserve only, it starts: the stored messages can be read.
	dir = testtool.SmallDisk(t, storeRoomMin+8<<20)
	if n, err := storeBytesMax(dir, embeddedOptions{}); n != 1 || err != nil {
		t.Errorf("on a disk with a reserve only: %d bytes, %v, want 1: 0 would select the library's default", n, err)
	}
	startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}})
}

// TestDiskFillsUp verifies that the server refuses messages before the disk is full. The accepted
// messages survive a restart, and publishing works again once there is room.
func TestDiskFillsUp(t *testing.T) {
	const size, message = 96 << 20, 256 << 10
	ctx, dir, log := testContext(t), testtool.SmallDisk(t, size), &logBuffer{}
	data, accepted := make([]byte, message), 0
	publish := func(js jetstream.JetStream, most int) (err error) {
		for most > 0 && err == nil {
			if _, err = js.Publish(ctx, "ssed.a", data); err == nil {
				accepted++
				most--
			}
		}
		return err
	}
	first, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}, Log: log.logger()})
	if _, err := ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed"}}); err != nil {
		t.Fatal(err)
	}
	if err := publish(js, size/2/message); err != nil {
		t.Fatalf("half of the disk is free, but publishing failed after %d messages: %v", accepted, err)
	}
	first.shutdown()

	second, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}, Log: log.logger()})
	var refusal *jetstream.APIError
	if err := publish(js, size/message); !errors.As(err, &refusal) {
		t.Fatalf("after %d messages: %v, want a refusal", accepted, err)
	}
	if least := (size - reserveBytesMin) * 9 / 10 / message; accepted < least {
		t.Errorf("refused after %d messages, there was room for %d", accepted, least)
	}
	second.shutdown()

	_, js = startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}, Log: log.logger()})
	stream, err := ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed"}})
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != uint64(accepted) {
		t.Errorf("%d messages were accepted, but %d are stored", accepted, n)
	}
	if strings.Contains(log.String(), "no space left") {
		t.Errorf("messages were accepted until the disk was full:\n%s", log)
	}
	if err := stream.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	if err := publish(js, 1); err != nil {
		t.Errorf("publishing failed after the disk had room again: %v", err)
	}
}

// TestDiskFilledByOthers verifies a store whose disk another program fills. The log contains the
// advice once. After the disk has room again and the server is restarted, all accepted messages
// exist.
func TestDiskFilledByOthers(t *testing.T) {
	ctx, disk := testContext(t), testtool.SmallDisk(t, 64<<20)
	dir, log := filepath.Join(disk, "store"), &logBuffer{}
	e, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}, Log: log.logger()})
	if _, err := ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed"}}); err != nil {
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
		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond) // a message that is not stored gets no answer
		if _, err := js.Publish(soon, "ssed.a", data); err == nil {
			accepted++
		}
		cancel()
		if ctx.Err() != nil {
			t.Fatalf("no write failed: %d messages of %d bytes were accepted on a full disk", accepted, len(data))
		}
	}
	if err := os.Remove(greedy); err != nil {
		t.Fatal(err)
	}
	e.shutdown()
	if n := strings.Count(log.String(), "free or repair its disk"); n != 1 {
		t.Errorf("the advice is logged %d times:\n%s", n, log)
	}
	_, js = startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}, Log: log.logger()})
	stream, err := ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed"}})
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := js.Publish(ctx, "ssed.a", data); err != nil || ack.Sequence <= accepted {
		t.Errorf("publishing after the disk had room again: %+v, %v", ack, err)
	}
	for n := range accepted {
		if got, err := stream.GetMsg(ctx, n+1); err != nil || len(got.Data) != len(data) {
			t.Errorf("%d messages were accepted, but message %d is %+v, %v", accepted, n+1, got, err)
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
