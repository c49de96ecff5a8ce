package server

import (
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestOutput checks the output, the errors and the time limit of commands.
func TestOutput(t *testing.T) {
	testtool.Need(t, "sh", "sleep")
	for _, tt := range []struct{ script, want, err string }{
		{"echo 1.2; echo careful >&2", "1.2", ""},
		{"echo no such thing >&2; exit 3", "", "exit status 3: no such thing"},
		{"sleep 60", "", "timed out after 200ms"},
		{"sleep 9 & echo begun", "begun", "timed out after 200ms"}, // its child holds the pipe
	} {
		began := time.Now()
		got, err := Output(200*time.Millisecond, "sh", "-c", tt.script)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: %q, %v, want %q, %q", tt.script, got, err, tt.want, tt.err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%q took %v", tt.script, took)
		}
	}
}
