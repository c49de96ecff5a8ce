package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestTokenFile changes the token file of a running daemon. A valid file applies after SIGHUP; an
// invalid one changes nothing and is reported.
func TestTokenFile(t *testing.T) {
	for _, where := range testtool.PublishLoops() {
		t.Run(where, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "tokens")
			write := func(text string) {
				t.Helper()
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("# tokens\nfirst-token\n")
			d := testtool.Start(t, "--publish-loop="+where, "--token=always-good subscribe", "--token-file="+file)
			reload := func(says string) {
				t.Helper()
				before := strings.Count(d.Log(), says)
				if err := d.Process.Signal(syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
				testtool.WaitFor(t, "the log to contain "+says, func() bool { return strings.Count(d.Log(), says) > before })
			}
			status := func(token string, want int) {
				t.Helper()
				request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, d.Subscribe[0]+"/subscribe/x", nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("X-Authorization", token)
				response, err := http.DefaultTransport.RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				if response.StatusCode != want {
					t.Errorf("the token %q: %d, want %d", token, response.StatusCode, want)
				}
			}
			conn := dialPublisher(t, d.Publish[0])
			replies := bufio.NewReader(conn)
			say := func(command, want string) {
				t.Helper()
				fmt.Fprintln(conn, command)
				if got, err := replies.ReadString('\n'); err != nil || !strings.HasPrefix(got, want) {
					t.Errorf("%s: %q, %v; want %s", command, got, err, want)
				}
			}
			say("AUTH first-token", "OK")
			say("PUB /x - 1", "OK 1")
			status("first-token", 200)
			status("always-good", 200)

			write("second-token\n")
			reload("token file reloaded")
			say("PUB /x - 2", "ERR auth")
			say("AUTH second-token", "OK")
			say("PUB /x - 2", "OK 2")
			status("first-token", 401)
			status("second-token", 200)
			status("always-good", 200)

			for _, bad := range []string{"third-token fly\n", "", "short\n", "third-token subscribe\n"} {
				write(bad)
				reload("token file not reloaded; keeping the old tokens")
				status("second-token", 200)
				say("PUB /x - 3", "OK")
			}
			if strings.Contains(d.Log(), "-token ") || strings.Contains(d.Log(), "second-token") || strings.Contains(d.Log(), "always-good") {
				t.Errorf("the log shows a token:\n%s", d.Log())
			}
		})
	}
}

// TestReloadDoesNotOpenPublishing checks that a file which would let the whole network publish is
// refused.
func TestReloadDoesNotOpenPublishing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("some-token publish\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := testtool.Start(t, "--publish=tcp://:0", "--token-file="+file)
	if !strings.Contains(d.Log(), "file with tokens is readable by every user") {
		t.Errorf("no warning in:\n%s", d.Log())
	}
	if err := os.WriteFile(file, []byte("some-token subscribe\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := d.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	testtool.WaitFor(t, "a refusal", func() bool { return strings.Contains(d.Log(), "no token would grant [publish]") })
}

// TestSIGHUPWithoutTokenFile checks that SIGHUP does not stop the daemon.
func TestSIGHUPWithoutTokenFile(t *testing.T) {
	d := testtool.Start(t)
	if err := d.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	testtool.WaitFor(t, "a word about it", func() bool { return strings.Contains(d.Log(), "nothing to reload") })
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
