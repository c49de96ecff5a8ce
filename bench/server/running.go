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

// running are the servers that have been started and have not ended.
var running = struct {
	sync.Mutex
	all map[*Process]bool
}{all: map[*Process]bool{}}

// ending is done when the bench is to end: commands that are under way are ended, and no server is
// started any more.
var ending, end = context.WithCancel(context.Background())

var errEnding = errors.New("the bench is ending")

// StopAll stops all servers, whatever state they are in, and lets no other be started. Whoever
// measures one sees it go away, and returns; so this is what a signal does, and all that was begun
// is put in order on the way out.
func StopAll() {
	end()
	running.Lock()
	defer running.Unlock()
	for p := range running.all {
		go p.Stop()
	}
}

// launch starts a server, if the bench is not ending, and notes that it runs.
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

// left notes that a server does not run any more.
func (p *Process) left() {
	running.Lock()
	delete(running.all, p)
	running.Unlock()
	close(p.gone)
}

// Output runs a command and returns what it printed, without the last line's end. It is ended after
// a limit, or with the bench. The error has what it said on its standard error.
func Output(limit time.Duration, name string, args ...string) (string, error) {
	var out, said strings.Builder
	err := within(limit, &out, &said, nil, name, args...)
	if text := strings.TrimSpace(said.String()); err != nil && text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return strings.TrimSpace(out.String()), err
}

// within is Output with other ends of the pipes, and with more in the environment.
func within(limit time.Duration, out, said io.Writer, env []string, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ending, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, said, append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 3 * time.Second // then it is killed, and whoever it started and holds its pipes is left alone
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ending.Err() != nil:
		err = errEnding
	case ctx.Err() != nil:
		err = fmt.Errorf("it was not done in %v", limit)
	}
	return fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
}
