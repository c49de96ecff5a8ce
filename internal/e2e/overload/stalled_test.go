package overload

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// stallTimeout is --stall-timeout in these tests.
const stallTimeout = 2 * time.Second

// TestStallTimeout verifies that a subscriber that stops reading is disconnected after
// --stall-timeout, not earlier, even if nothing more is published. Its unread bytes are in the
// daemon, or all in the kernel's buffer.
func TestStallTimeout(t *testing.T) {
	unix := func(t *testing.T) string { return "unix://" + filepath.Join(t.TempDir(), "subscribers") }
	tcp := func(*testing.T) string { return "127.0.0.1:0" }
	tests := []struct {
		name     string
		listen   func(*testing.T) string
		messages int
	}{
		{"bytes in the daemon", tcp, 2000},
		{"bytes in the kernel", tcp, 20},
		{"bytes in the daemon over unix", unix, 2000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, limits{conns: 10, backlogBytes: 8 << 20}, "--stall-timeout="+stallTimeout.String(), "--listen="+tt.listen(t))
			news := script{"/news", 1000}
			others := s.audience(t, 3, news)
			stalled := s.crowd(t, 1, s.thin(), news)[0]
			begin := time.Now()
			s.play(t, news, 0, tt.messages, 64<<10, others)
			testtool.WaitFor(t, "the subscriber to be disconnected", func() bool { return len(endsOf(s.daemon.Log())) > 0 })
			took := time.Since(begin)
			t.Logf("disconnected after %v", took.Round(time.Millisecond))
			got := endsOf(s.daemon.Log())
			if took < stallTimeout || len(got) != 1 || got[0].reason != "stalled" || got[0].client != nameOf(stalled) {
				t.Errorf("after %v: %+v", took, got)
			}
			s.play(t, news, tt.messages, tt.messages+10, 1<<10, others)
			s.wantUnharmed(t)
		})
	}
}

// nameOf returns the address of a reader in the daemon's log.
func nameOf(r *reader) string {
	if r.Conn.LocalAddr().Network() == "unix" {
		return "unix"
	}
	return r.Conn.LocalAddr().String()
}
