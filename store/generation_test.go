package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// TestGeneration verifies when beginGeneration begins a new generation: see the table in
// generation.go.
func TestGeneration(t *testing.T) {
	for _, tt := range []struct {
		name  string
		file  string // content of the file; empty: there is no file
		isNew bool
	}{
		{"the first", "", false},
		{"closed in order", `{"number":4}`, false},
		{"killed, and the machine went on", `{"number":4,"boot":"now"}`, false},
		{"the machine stopped", `{"number":4,"boot":"before"}`, true},
		{"the machine stopped, and everything was on the disk", `{"number":4,"boot":"before","sync_always":true}`, false},
		{"cut short", `{"number":`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.file != "" {
				if err := os.WriteFile(filepath.Join(dir, generationFile), []byte(tt.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			g, isNew, err := beginGeneration(dir, "now", false)
			if err != nil || isNew != tt.isNew || isNew != (g.Number != 4 && tt.file != "") {
				t.Errorf("generation %+v, isNew %v, %v", g, isNew, err)
			}
			again, isNew, err := beginGeneration(dir, "now", false)
			if err != nil || isNew || again.Number != g.Number {
				t.Errorf("the daemon was killed and started again: %+v, %v, %v", again, isNew, err)
			}
			if err := again.end(dir); err != nil {
				t.Fatal(err)
			}
			if last, isNew, err := beginGeneration(dir, "later", true); err != nil || isNew || last.Number != g.Number {
				t.Errorf("the store was closed before the machine was restarted: %+v, %v, %v", last, isNew, err)
			}
		})
	}
}

// TestNewEpochAfterMachineCrash verifies that ids get a new epoch after the machine stopped while
// the store was open, but not after the store was closed.
func TestNewEpochAfterMachineCrash(t *testing.T) {
	dir := t.TempDir()
	log := &logBuffer{}
	epochs := map[string]bool{}
	epochNow := func(wantLog bool) {
		t.Helper()
		e, err := startEmbedded(embeddedOptions{Embedded: Embedded{Dir: dir}, Log: log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		defer e.shutdown()
		conn, err := e.connect()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		js, err := jetstream.New(conn)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := ensureStream(testContext(t), js, streamConfig{Stream: Stream{Name: "ssed"}})
		if err != nil {
			t.Fatal(err)
		}
		epochs[epochOf(stream.CachedInfo(), e.generation.Number)] = true
		if got := strings.Contains(log.String(), "machine stopped while the store was open"); got != wantLog {
			t.Errorf("the log has %q", log)
		}
	}
	epochNow(false)
	epochNow(false)
	if len(epochs) != 1 {
		t.Errorf("the epochs are %v: one was closed in order", epochs)
	}
	if err := (generation{Boot: "of another start of this machine"}).write(dir); err != nil {
		t.Fatal(err)
	}
	epochNow(true)
	epochNow(true)
	if len(epochs) != 2 {
		t.Errorf("the epochs are %v: the machine stopped once", epochs)
	}
}
