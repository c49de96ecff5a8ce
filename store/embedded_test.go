package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// startStore starts an embedded server and connects to it. Both are closed when the test ends.
func startStore(t testing.TB, opts embeddedOptions) (*embeddedServer, jetstream.JetStream) {
	t.Helper()
	e, err := startEmbedded(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.shutdown)
	return e, connectStore(t, e)
}

func connectStore(t testing.TB, e *embeddedServer) jetstream.JetStream {
	t.Helper()
	conn, err := e.connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// A logBuffer is a log that a test can read while a server writes to it.
type logBuffer struct{ testtool.LockedBuffer }

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// TestStoreKeepsMessagesAcrossServerRestarts starts a store, stores a message and shuts it down,
// several times. It verifies that all messages are kept, that no goroutine is left, and that
// nothing is logged for operators.
func TestStoreKeepsMessagesAcrossServerRestarts(t *testing.T) {
	ctx, dir, log := testContext(t), filepath.Join(t.TempDir(), "new", "store"), &logBuffer{}
	before := runtime.NumGoroutine()
	for life := range 3 {
		e, err := startEmbedded(embeddedOptions{Embedded: Embedded{Dir: dir}, Log: log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := e.connect()
		if err != nil {
			t.Fatal(err)
		}
		js, err := jetstream.New(conn)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ssed", Subjects: []string{"ssed.>"}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range life {
			got, err := stream.GetMsg(ctx, uint64(i+1))
			if err != nil || string(got.Data) != strconv.Itoa(i) {
				t.Errorf("life %d: message %d is %+v, %v", life, i+1, got, err)
			}
		}
		if ack, err := js.Publish(ctx, "ssed.a", []byte(strconv.Itoa(life))); err != nil || ack.Sequence != uint64(life+1) {
			t.Errorf("life %d: published as %+v, %v", life, ack, err)
		}
		if e.server.Addr() != nil || e.server.MonitorAddr() != nil {
			t.Errorf("the server listens on %v and %v, expected no port", e.server.Addr(), e.server.MonitorAddr())
		}
		conn.Close()
		e.shutdown()
	}
	testtool.WaitFor(t, "all started goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v: expected access for its user only", info.Mode(), err)
	}
	if said := log.String(); said != "" {
		t.Errorf("logged:\n%s", said)
	}
}

// TestStoreIsLocked verifies that a second server cannot open the folder of a running one.
func TestStoreIsLocked(t *testing.T) {
	dir := t.TempDir()
	first, _ := startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}})
	second, err := startEmbedded(embeddedOptions{Embedded: Embedded{Dir: dir}})
	if second != nil || !errors.Is(err, errStoreInUse) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("a second server on one store: %v, %v", second, err)
	}
	first.shutdown()
	startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}})
}

// TestStoreThatCannotStart verifies the errors for unusable folders.
func TestStoreThatCannotStart(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := filepath.Join(folder, "taken")
	if err := os.MkdirAll(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(taken, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir, want string }{
		{"a file", file, "not a folder; give the path of a folder"},
		{"below a file", filepath.Join(file, "store"), "cannot create the folder"},
		{"in a folder without write permission", "/proc/ssed-store", "cannot create the folder"},
		{"a folder without write permission", "/proc/self", "cannot write to the folder"},
		{"a fatal error of the library", taken, "storage directory is not a directory; repair this folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := startEmbedded(embeddedOptions{Embedded: Embedded{Dir: tt.dir}})
			if e != nil || err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.dir) {
				t.Errorf("%v, %v; want an error with %q", e, err, tt.want)
			}
			if err == nil {
				e.shutdown()
			}
		})
	}
	// A failed start has released the lock.
	if err := os.Remove(filepath.Join(taken, "jetstream")); err != nil {
		t.Fatal(err)
	}
	startStore(t, embeddedOptions{Embedded: Embedded{Dir: taken}})
}

// TestLimitAboveTheDisk verifies that a stream's limit is accepted even if it exceeds the free disk
// space, with a warning.
func TestLimitAboveTheDisk(t *testing.T) {
	const limit = 1 << 50
	log := &logBuffer{}
	_, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}, StoreBytesMax: limit, Log: log.logger()})
	if _, err := js.CreateStream(testContext(t), jetstream.StreamConfig{Name: "ssed", MaxBytes: limit}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "stream limit exceeds the free disk space") {
		t.Errorf("no warning, but %q", log)
	}
}

// TestNatsLog verifies which lines of the library are logged at which level, and how fatal lines
// and failed writes are handled.
func TestNatsLog(t *testing.T) {
	log := &logBuffer{}
	n := newNatsLog(log.logger(), "dir")
	n.Tracef("traced")
	n.Debugf("debugged")
	n.Noticef("noticed")
	n.Fatalf("the first %s", "end")
	n.Fatalf("the second end")
	if log.String() != "" || *n.fatal.Load() != "the first end" {
		t.Errorf("logged %q and ended with %q", log, *n.fatal.Load())
	}
	n.Warnf("%d warnings", 7)
	n.Errorf("read: %v", unix.EIO)
	select {
	case <-n.failed:
		t.Error("a failed read is handled like a failed write")
	default:
	}
	for range 2 {
		n.Errorf("Critical write error: %v", unix.ENOSPC)
	}
	<-n.failed
	for _, want := range []string{`level=WARN msg="nats: 7 warnings"`, `level=ERROR msg="nats: read: `, `level=ERROR msg="nats: Critical write error: no space left`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q lacks %q", log, want)
		}
	}
	if n := strings.Count(log.String(), "free or repair its disk"); n != 1 {
		t.Errorf("the advice is logged %d times:\n%s", n, log)
	}
}

// storeVariable is an environment variable with a folder. If it is set, this test binary stores
// messages in that folder until it is killed.
const storeVariable = "SSED_TEST_STORE"

func init() {
	if dir := os.Getenv(storeVariable); dir != "" {
		fmt.Fprintln(os.Stderr, storeForever(dir))
		os.Exit(1)
	}
}

// storeForever publishes messages to a store, with many in flight at any time. For each ack it
// prints a line with the sequence.
func storeForever(dir string) error {
	e, err := startEmbedded(embeddedOptions{Embedded: Embedded{Dir: dir, SyncAlways: true}})
	if err != nil {
		return err
	}
	conn, err := e.connect()
	if err != nil {
		return err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	if _, err = js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "ssed", Subjects: []string{"ssed.>"}}); err != nil {
		return err
	}
	acks := make(chan jetstream.PubAckFuture, 64)
	go func() {
		for i := 1; ; i++ {
			ack, err := js.PublishMsgAsync(&nats.Msg{Subject: "ssed.a", Data: []byte(strconv.Itoa(i))})
			if err != nil {
				return
			}
			acks <- ack
		}
	}()
	for ack := range acks {
		select {
		case got := <-ack.Ok():
			fmt.Println(got.Sequence)
		case err := <-ack.Err():
			return err
		}
	}
	return nil
}

// TestKilledStore verifies that all acknowledged messages exist after SIGKILL in the middle of a
// burst, and that another process can open the store immediately.
func TestKilledStore(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), storeVariable+"="+dir)
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	child.Stderr = &stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // the child dies with the thread that started it
	defer runtime.UnlockOSThread()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	impatience := time.AfterFunc(testtool.Patience, func() { child.Process.Kill() })
	defer impatience.Stop()
	acknowledged := 0
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		sequence, err := strconv.Atoi(lines.Text())
		if err != nil || sequence != acknowledged+1 {
			t.Fatalf("%q was acknowledged after %d", lines.Text(), acknowledged)
		}
		if acknowledged = sequence; acknowledged == 200 {
			child.Process.Kill() // the lines that it wrote before are still read
		}
	}
	child.Wait()
	if acknowledged < 200 {
		t.Fatalf("only %d messages were acknowledged: %s", acknowledged, stderr.String())
	}
	_, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}})
	stream, err := js.Stream(testContext(t), "ssed")
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= acknowledged; i++ {
		if got, err := stream.GetMsg(testContext(t), uint64(i)); err != nil || string(got.Data) != strconv.Itoa(i) {
			t.Fatalf("of %d acknowledged messages number %d is %+v, %v", acknowledged, i, got, err)
		}
	}
}
