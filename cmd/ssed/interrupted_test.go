package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// wantInterrupted sends the signal of Ctrl-C, and expects the process to exit with the code that
// shells use for it.
func wantInterrupted(t *testing.T, p *os.Process) {
	t.Helper()
	p.Signal(syscall.SIGINT)
	ended := make(chan int)
	go func() {
		state, _ := p.Wait()
		ended <- state.ExitCode()
	}()
	select {
	case code := <-ended:
		if code != 130 {
			t.Errorf("exit code %d, want 130", code)
		}
	case <-time.After(testtool.Patience):
		t.Error("it did not exit")
	}
}
