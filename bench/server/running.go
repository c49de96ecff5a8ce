package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// running holds the servers that have been started and have not exited.
var running = struct {
	sync.Mutex
	all map[*Process]bool
}{all: map[*Process]bool{}}

// ending is done when the bench exits. Then running commands are stopped, and no new server is
// started.
var ending, end = context.WithCancel(context.Background())

var errEnding = errors.New("the bench is shutting down")

// StopAll stops all servers, in any state, and prevents new ones from starting. The code that
// measures a server then fails and returns, so a signal handler only has to call StopAll, and
// deferred calls clean up.
func StopAll() {
	end()
	running.Lock()
	defer running.Unlock()
	for p := range running.all {
		go p.Stop()
	}
}

// launch starts a server, unless the bench is shutting down, and records that it is running.
func (p *Process) launch(cpu int) error {
	running.Lock()
	defer running.Unlock()
	if ending.Err() != nil {
		return errEnding
	}
	started := make(chan error, 1)
	go p.live(cpu, started)
	err := <-started
	if err == nil {
		p.PID = p.cmd.Process.Pid
		running.all[p] = true
	}
	return err
}

// left records that a server has exited.
func (p *Process) left() {
	running.Lock()
	delete(running.all, p)
	running.Unlock()
	close(p.gone)
}

// Output runs a command and returns its standard output without the final line end. The command is
// stopped after the limit, or when the bench shuts down. An error contains its standard error.
func Output(limit time.Duration, name string, args ...string) (string, error) {
	var out, said strings.Builder
	err := within(limit, &out, &said, nil, name, args...)
	if text := strings.TrimSpace(said.String()); err != nil && text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return strings.TrimSpace(out.String()), err
}

// within is like Output, with explicit writers and additional environment variables.
func within(limit time.Duration, out, said io.Writer, env []string, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ending, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, said, append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 3 * time.Second // after this, the command is killed, and children that hold its pipes are ignored
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ending.Err() != nil:
		err = errEnding
	case ctx.Err() != nil:
		err = fmt.Errorf("timed out after %v", limit)
	}
	return fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
}
