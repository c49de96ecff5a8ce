package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// A loggedLine is one object of a JSON log.
type loggedLine struct {
	Time       time.Time
	Level, Msg string
	Err        string
	Lines      int
	Admin      string
	Reason     string
	Age        string
}

// readLog reads a JSON log to its end and calls onLine for each line. A line that is not a valid
// object is an error.
func readLog(t *testing.T, log io.Reader, onLine func(loggedLine)) (lines []loggedLine) {
	t.Helper()
	for scanner := bufio.NewScanner(log); scanner.Scan(); {
		var line loggedLine
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil || line.Time.IsZero() || line.Level == "" || line.Msg == "" {
			t.Errorf("not a line of a log: %q, %v", scanner.Bytes(), err)
		}
		lines = append(lines, line)
		onLine(line)
	}
	return lines
}

// TestLogInJSON checks the whole log of a daemon that writes to a pipe.
func TestLogInJSON(t *testing.T) {
	for _, format := range []string{autoLog, jsonLog} {
		t.Run(format, func(t *testing.T) {
			cmd := exec.Command(testtool.Build(t))
			cmd.Env = slices.Concat(testtool.Environ(), testtool.LoopsEnviron(),
				[]string{"SSED_LISTEN=127.0.0.1:0", "SSED_PUBLISH=tcp://127.0.0.1:0", "SSED_DRAIN=0s", "SSED_LOG_FORMAT=" + format})
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill() })
			var subscriber *testtool.Subscriber
			lines := readLog(t, stderr, func(line loggedLine) {
				switch line.Msg {
				case "ssed is up":
					subscriber = testtool.Subscribe(t, strings.TrimSuffix(line.Admin, "/admin/")+"/subscribe/x")
				case "subscriber connected":
					cmd.Process.Signal(unix.SIGTERM)
				}
			})
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if subscriber != nil {
				subscriber.Rest(t)
			}
			for _, line := range lines {
				if _, err := time.ParseDuration(line.Age); line.Msg == "subscriber disconnected" && err != nil {
					t.Errorf("the age is %q: want a time with its unit", line.Age)
				}
			}
			for _, msg := range []string{"ssed is up", "subscriber connected", "draining", "subscriber disconnected"} {
				if !slices.ContainsFunc(lines, func(line loggedLine) bool { return line.Msg == msg }) {
					t.Errorf("%s is missing in %+v", msg, lines)
				}
			}
		})
	}
}

// TestFailureInJSON checks that the last line contains the error, in the format of the other lines.
func TestFailureInJSON(t *testing.T) {
	r := run(t, nil, []string{"SSED_LOG_FORMAT=json"}, "--listen=unix:///nonexistent/socket", "--publish=tcp://127.0.0.1:0")
	lines := readLog(t, strings.NewReader(r.stderr), func(loggedLine) {})
	if r.code != exitFailure || len(lines) != 1 || lines[0].Level != "ERROR" || lines[0].Msg != "ssed failed" || !strings.Contains(lines[0].Err, "does not exist") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

// TestLostLinesInJSON checks that the line about lost lines is JSON, too.
func TestLostLinesInJSON(t *testing.T) {
	var reader fakeReader
	goOn := reader.hang()
	w := newLogWriter(&reader)
	w.inJSON.Store(true)
	line := []byte(`{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"` + strings.Repeat("x", 1000) + `"}` + "\n")
	const written = 3 * logBytesMax / 1000
	for range written {
		w.Write(line)
	}
	goOn()
	w.end("", testtool.Patience)
	counts, lost := 0, 0
	lines := readLog(t, &reader.text, func(line loggedLine) {
		if line.Lines > 0 {
			counts++
			lost += line.Lines
		}
	})
	if got := len(lines) - counts + lost; lost == 0 || got != written {
		t.Errorf("%d lines arrived or were counted as lost, of %d", got, written)
	}
}

// TestLogOnATerminal checks that the log is text on a terminal, unless JSON is requested.
func TestLogOnATerminal(t *testing.T) {
	for format, want := range map[string]string{autoLog: "ssed: cannot listen", textLog: "ssed: cannot listen", jsonLog: `{"time":`} {
		t.Run(format, func(t *testing.T) {
			terminal := testtool.NewTerminal(t)
			cmd := terminal.Start(t, []string{"SSED_LOG_FORMAT=" + format}, testtool.Build(t), "--listen=unix:///nonexistent/socket", "--publish=tcp://127.0.0.1:0")
			if code := wait(t, cmd); code != exitFailure {
				t.Errorf("exit code %d, want %d", code, exitFailure)
			}
			if said := terminal.Rest(t); !strings.HasPrefix(said, want) {
				t.Errorf("got %q, want %s", said, want)
			}
		})
	}
}

// TestTokensAreNeverShown passes valid and invalid tokens in every possible way, and looks for them
// in all output of ssed.
func TestTokensAreNeverShown(t *testing.T) {
	const mark = "s3cr3t"
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte(mark+"-of-the-file admin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := configOf(t, "token = ['"+mark+"-of-the-config publish']\ntoken-file = '"+tokens+"'\n")
	hidden := func(t *testing.T, said string) {
		t.Helper()
		if strings.Contains(said, mark) {
			t.Errorf("it shows a token: %s", said)
		}
	}
	t.Run("config", func(t *testing.T) {
		for from, r := range map[string]result{
			file + ":1":    run(t, nil, nil, "config", "--config", file),
			"$SSED_TOKEN":  run(t, nil, []string{"SSED_TOKEN=" + mark + "-of-the-environment"}, "config", "--config", file),
			"command line": run(t, nil, nil, "config", "--config", file, "--token", mark+"-of-the-flag"),
		} {
			r.wantSuccess(t)
			hidden(t, r.stdout)
			if line := lineOf(t, r.stdout, "token"); !strings.Contains(line, "is set (1) and not shown") || !strings.HasSuffix(line, "# "+from) {
				t.Errorf("got %q, want %s", line, from)
			}
			if line := lineOf(t, r.stdout, "token-file"); !strings.Contains(line, tokens) {
				t.Errorf("the file is not named: %q", line)
			}
		}
	})
	for _, format := range []string{textLog, jsonLog} {
		t.Run("log "+format, func(t *testing.T) {
			socket := filepath.Join(shortTempDir(t), "http")
			log := filepath.Join(t.TempDir(), "log")
			stderr, err := os.Create(log)
			if err != nil {
				t.Fatal(err)
			}
			defer stderr.Close()
			cmd := exec.Command(testtool.Build(t), "--config", file, "--token="+mark+"-of-the-flag;"+mark+"-reader subscribe", "--listen=unix://"+socket, "--listen=127.0.0.1:0", "--publish=unix://"+socket+".pub", "--drain=0s", "--log-level=debug", "--log-format="+format)
			cmd.Env, cmd.Stderr = append(testtool.Environ(), testtool.LoopsEnviron()...), stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill() })
			said := func() string { text, _ := os.ReadFile(log); return string(text) }
			testtool.WaitFor(t, "the daemon", func() bool { return strings.Contains(said(), "ssed is up") })
			base := "http://" + addressIn(t, said())
			for _, token := range []string{mark + "-reader", mark + "-wrong"} {
				subscribeOnce(t, base+"/subscribe/x?token="+token, token)
				run(t, nil, []string{"SSED_TO=unix://" + socket + ".pub", "SSED_TOKEN=" + token}, "pub", "/x", "y")
			}
			for range 2 {
				cmd.Process.Signal(unix.SIGHUP)
			}
			testtool.WaitFor(t, "the disconnect and the reload", func() bool {
				return strings.Contains(said(), "subscriber disconnected") && strings.Contains(said(), "token file reloaded")
			})
			cmd.Process.Signal(unix.SIGTERM)
			cmd.Wait()
			hidden(t, said())
		})
	}
}

// addressIn returns the TCP address for subscribers in a log.
func addressIn(t *testing.T, log string) string {
	t.Helper()
	_, rest, found := strings.Cut(log, "http://127.0.0.1:")
	if !found {
		t.Fatalf("no address in %s", log)
	}
	return "127.0.0.1:" + rest[:strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })]
}

// subscribeOnce sends a request with a token in every form, and disconnects.
func subscribeOnce(t *testing.T, url, token string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Authorization", token)
	request.Header.Set("User-Agent", "a test")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}
