package loop

import (
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReasonForEachCause checks the reason for the end of a subscriber for each cause.
func TestReasonForEachCause(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want reason
	}{
		{"an orderly end", io.EOF, reasonLeft},
		{"an orderly end, as gnet may have it", os.NewSyscallError("read", io.EOF), reasonLeft},
		{"we closed it", nil, reasonLeft},
		{"it said so", os.NewSyscallError("read", unix.ECONNRESET), reasonReset},
		{"we wrote after it said so", unix.EPIPE, reasonReset},
		{"an operator's ss --kill", unix.ECONNABORTED, reasonReset},
		{"it vanished", os.NewSyscallError("read", unix.ETIMEDOUT), reasonStalled},
		{"it vanished from our own network", os.NewSyscallError("read", unix.EHOSTUNREACH), reasonStalled},
		{"our own link is down", unix.ENETUNREACH, reasonStalled},
		{"a firewall on the way was changed", unix.EACCES, reasonStalled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := reasonFor(tt.err); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
