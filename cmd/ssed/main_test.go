package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// A result is the outcome of a run of the real binary.
type result struct {
	stdout, stderr string
	code           int
}

// run runs "ssed args..." until it exits, without any SSED_ variables except those in env.
func run(t *testing.T, stdin io.Reader, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, testtool.Build(t), args...)
	cmd.Env = append(testtool.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("ssed %q did not end; it said:\n%s", args, stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// wantFailure expects an exit code, and one line that contains all of says.
func (r result) wantFailure(t *testing.T, code int, says ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if !strings.HasPrefix(r.stderr, "ssed: ") || strings.Count(r.stderr, "\n") != 1 || !strings.HasSuffix(r.stderr, "\n") {
		t.Errorf("want one line that begins with \"ssed: \", got %q", r.stderr)
	}
	for _, words := range says {
		if !strings.Contains(r.stderr, words) {
			t.Errorf("%q is missing in %q", words, r.stderr)
		}
	}
}

// wantSuccess expects exit code 0 and nothing on standard error.
func (r result) wantSuccess(t *testing.T) {
	t.Helper()
	if r.code != 0 || r.stderr != "" {
		t.Errorf("exit code %d, want 0; stderr %q", r.code, r.stderr)
	}
}

func TestVersion(t *testing.T) {
	r := run(t, nil, nil, "version")
	r.wantSuccess(t)
	if !strings.HasPrefix(r.stdout, "ssed ") || !strings.Contains(r.stdout, " go1.") || strings.Count(r.stdout, "\n") != 1 {
		t.Errorf("got %q", r.stdout)
	}
}
