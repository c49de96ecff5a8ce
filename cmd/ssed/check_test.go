package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestCheckReportsEveryError checks that each of many errors is reported once, with its place, and
// that nothing else is reported.
func TestCheckReportsEveryError(t *testing.T) {
	file := configOf(t, `# line 1
lisen = [":80"]
backlog = "much"
heartbeat = 5

slow = "maybe"
history-for = ["/a=5", "b"]
max-conns = 10000000
stall-timeout = "1ms"
debug = "yes"
admin = "8003"
cors-origin = [
    "https://a.example",
    "x",
]
publish = "tcp://127.0.0.1:1"
config = "other.toml"
gap_event = "gap"
LISTEN = ["one"]
log-level = "loud"
listen = ["nowhere"]
history = 1.5
[where]
port = 80
`)
	r := run(t, nil, []string{"SSED_MAILBOX=x", "SSED_DRAIN=-1s", "SSED_TOKEN=", "PORT=5000"}, "check", "--config", file, "--header-timeout=1ms", "--trusted-proxy=everybody")
	if r.code != exitFailure || r.stdout != "" {
		t.Errorf("exit code %d, and it printed %q", r.code, r.stdout)
	}
	want := []string{
		file + `:2: unknown flag "lisen"; did you mean "listen"?`,
		file + `:17: unknown flag "config"; "ssed config" lists the flags that a file can set`,
		file + `:18: unknown flag "gap_event"; did you mean "gap-event"?`,
		file + `:19: unknown flag "LISTEN"; did you mean "listen"?`,
		file + `:20: log-level: invalid level "loud": expected debug, info, warn or error`,
		file + `:23: "where" is a table`,
		file + `:3: backlog: invalid size "much": expected bytes`,
		file + `:4: heartbeat: 5 is a number; expected a duration with a unit, in quotes, such as "30s"`,
		file + `:6: slow: invalid value "maybe": expected disconnect or skip`,
		file + `:7: history-for: invalid rule "b"`,
		file + `:9: stall-timeout: invalid value 1ms: must be 1s or more`,
		file + `:10: debug: "yes" is a string; expected true or false`,
		file + `:11: admin: invalid value "8003": expected on, off, or an address`,
		file + `:12: cors-origin: invalid origin "x": expected scheme://host`,
		file + `:16: publish: "tcp://127.0.0.1:1" is a string; expected a list`,
		file + `:21: listen: invalid address "nowhere": expected host:port`,
		file + `:22: history: 1.5 is a number; expected a whole number`,
		`SSED_MAILBOX: invalid size "x"`,
		`SSED_DRAIN: invalid value -1s: must be 0 or more`,
		`SSED_TOKEN: must not be empty`,
		`--header-timeout: invalid value 1ms: must be 100ms or more`,
		`--trusted-proxy: `,
	}
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	for _, words := range want {
		before := len(lines)
		lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, words) })
		if found := before - len(lines); found != 1 {
			t.Errorf("%d lines begin with %q", found, words)
		}
	}
	if len(lines) != 1 || lines[0] != "ssed: the daemon would not start: 22 errors" {
		t.Errorf("unexpected lines: %q", lines)
	}
}

// TestCheckAndServeReportTheSameErrors checks that both commands report the same error if finding
// it requires reading files or the limits of the process.
func TestCheckAndServeReportTheSameErrors(t *testing.T) {
	testtool.Long(t, "many daemons fail to start")
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("# tokens\n\ngood-token-1\nbad-token-2 fly\n\nshort\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		text  string
		where string // after the name of the file
		says  string
	}{
		{"no TOML", "heartbeat = '5s'\nlisten ':80'\n", ":2: ", "expected"},
		{"a key twice", "drain = '5s'\ndrain = '6s'\n", ":2: ", "already defined"},
		{"a token's line", "s3cr3t-token publish\n", ":1: ", "expected"},
		{"a gap event that every frame could be", "\ngap-event = 'message'\n", ":2: gap-event: ", "choose another name"},
		{"a bad token", "\ntoken = ['s3cr3t-token shout']\n", ":2: token: ", "not a list of rights"},
		{"a token file that is not there", "token-file = '/nonexistent/tokens'\n", ":1: token-file: ", "no such file"},
		{"a bad token file", "token-file = '" + tokens + "'\n", ":1: token-file: ", tokens + ": bad token line 4: its second field is not a list of rights; expected a token, then subscribe, publish, admin or metrics, with commas between\n"},
		{"public publishing", "publish = ['tcp://0.0.0.0:8002']", ":1: publish: ", "requires a token"},
		{"backlog below a message", "data-max = '2MiB'\nbacklog = '1MiB'\n", ":2: backlog: ", "cannot hold one message"},
		{"more connections than files", "max-conns = 10000000\n", ":1: max-conns: ", "open files"},
		{"more publishers than files", "max-publishers = 10000000\n", ":1: max-publishers: ", "open files"},
		{"an address twice", "listen = ['127.0.0.1:8055']\nadmin = '127.0.0.1:8055'\n", ":2: admin: ", "cannot listen on 127.0.0.1:8055: --listen 127.0.0.1:8055 has the same port"},
		{"a port twice", "publish = ['tcp://127.0.0.1:8055']\nadmin = ':8055'\n", ":2: admin: ", "cannot listen on :8055: --publish tcp://127.0.0.1:8055 has the same port"},
		{"an empty rule", "history-for = ['/a=5', '']\n", ":1: history-for: ", "contains an empty entry"},
		{"an invalid NATS server", "nats = ['http://s3cr3t@h:1']", ":1: nats: ", "invalid NATS server URL http://h:1"},
		{"a NATS server that cannot be read", "nats = ['nats://h:1', 'nats://u:s3cr3t%ZZ@h']", ":1: nats: ", "cannot be parsed"},
		{"a token in the place of the host", "nats = ['s3cr3t']", ":1: nats: ", "has no host"},
		{"two stores", "store = '/s'\nnats = ['nats://u:s3cr3t@h']", ":1: store: ", "cannot be combined with --nats"},
		{"replicas of a store of one's own", "store = '/s'\nnats-stream-replicas = 3", ":2: nats-stream-replicas: ", "has one"},
		{"too many replicas", "nats = ['nats://h']\nnats-stream-replicas = 6", ":2: nats-stream-replicas: ", "1 to 5"},
		{"fewer than no messages", "nats-stream-per-namespace = -1", ":1: nats-stream-per-namespace: ", "1 or more"},
		{"an invalid age of a stream", "nats-stream-age = '1ms'", ":1: nats-stream-age: ", "100ms or more"},
		{"no patience", "nats-timeout = '1ms'", ":1: nats-timeout: ", "100ms or more"},
		{"no sync", "store = '/s'\nstore-sync = 'never'", ":2: store-sync: ", "expected always, or an interval"},
		{"a wildcard for everything", "cors-origin = ['https://a.example', 'https://*']\n", ":1: cors-origin: ", "a wildcard replaces subdomains"},
		{"a wildcard in the middle", "cors-origin = ['https://a.*.example.org']\n", ":1: cors-origin: ", "whole first label"},
		{"a wildcard for a public suffix", "cors-origin = ['https://*.com']\n", ":1: cors-origin: ", "every site below .com"},
		{"an origin with a path", "cors-origin = ['https://example.org/app']\n", ":1: cors-origin: ", "no path"},
		{"a relative socket", "listen = ['unix://run/x']\n", ":1: listen: ", "absolute"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := configOf(t, tt.text)
			check := run(t, nil, nil, "check", "--config", file)
			lines := strings.Split(check.stderr, "\n")
			bad := 1
			if tt.name == "a bad token file" {
				bad = 2
				if want := tokens + ": bad token line 6: the token has 5 bytes; at least 8 are required"; !strings.HasSuffix(lines[1], want) {
					t.Errorf("got %q, want %s", lines, want)
				}
			}
			if check.code != exitFailure || len(lines) != 2+bad || !strings.Contains(lines[0], file+tt.where) || !strings.Contains(lines[0]+"\n", tt.says) {
				t.Errorf("exit code %d: %q", check.code, check.stderr)
			}
			serve := run(t, nil, nil, "--config", file)
			if serve.code == 0 || !strings.Contains(serve.stderr, tt.says) {
				t.Errorf("serve: exit code %d: %q", serve.code, serve.stderr)
			}
			for _, said := range []string{check.stderr, serve.stderr} {
				if strings.Contains(said, "s3cr3t") || strings.Contains(said, "token-1") || strings.Contains(said, "token-2") {
					t.Errorf("it shows a token: %s", said)
				}
			}
		})
	}
}

// TestCheckReadsTheEnvironment checks that an error names the variable it comes from.
func TestCheckReadsTheEnvironment(t *testing.T) {
	t.Parallel()
	t.Run("no file", func(t *testing.T) {
		for _, command := range []string{"check", "serve", "config"} {
			r := run(t, nil, []string{"SSED_CONFIG=/nonexistent/ssed.toml"}, command)
			if r.code == 0 || !strings.Contains(r.stderr, "SSED_CONFIG: open /nonexistent/ssed.toml") {
				t.Errorf("%s: exit code %d: %q", command, r.code, r.stderr)
			}
		}
	})
	t.Run("PORT", func(t *testing.T) {
		r := run(t, nil, []string{"PORT=http"}, "check")
		if r.code != exitFailure || !strings.Contains(r.stderr, `PORT: invalid port "http"`) {
			t.Errorf("exit code %d: %q", r.code, r.stderr)
		}
	})
}

// TestCheckDoesNotListen checks the addresses that a running daemon uses.
func TestCheckDoesNotListen(t *testing.T) {
	d := testtool.Start(t)
	address := strings.TrimPrefix(d.Subscribe[0], "http://")
	r := run(t, nil, nil, "check", "--listen", address, "--publish", d.Publish[0])
	r.wantSuccess(t)
	if r.stdout != "ok\n" {
		t.Errorf("it printed %q", r.stdout)
	}
	run(t, nil, toOf(d), "pub", "/x", "y").wantSuccess(t)
}

// TestCheckWarnsOfUnusedSettings checks that a file with a store and a history is valid, with a
// warning that the store replaces the history.
func TestCheckWarnsOfUnusedSettings(t *testing.T) {
	r := run(t, nil, nil, "check", "--config", configOf(t, "store = '/s'\nhistory = 1"))
	if r.code != 0 || !strings.Contains(r.stderr, "--history") || !strings.Contains(r.stderr, "--nats-stream-age") {
		t.Errorf("exit code %d: %q", r.code, r.stderr)
	}
}

// TestCheckWarnsOfStoreFlagsWithoutAStore checks that a flag of a store is valid without the store,
// with a warning.
func TestCheckWarnsOfStoreFlagsWithoutAStore(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"store-sync = 'always'", "flag=--store-sync needs=--store source="},
		{"nats = ['nats://h']\nstore-sync = 'always'", "flag=--store-sync needs=--store source="},
		{"nats-cert-file = '/c'", "flag=--nats-cert-file needs=--nats source="},
		{"nats-stream-age = '1h'", `flag=--nats-stream-age needs="--store or --nats" source=`},
		{"store = '/s'\nstore-sync = 'always'\nnats-stream-age = '1h'", ""},
	} {
		r := run(t, nil, nil, "check", "--config", configOf(t, tt.text))
		if r.code != 0 || r.stdout != "ok\n" || !strings.Contains(r.stderr, tt.want) || tt.want == "" && r.stderr != "" {
			t.Errorf("%s: %+v, want %q", tt.text, r, tt.want)
		}
	}
}

// TestErrorsAreOnePerLine checks that the daemon reports every error of a file as check does: on a
// line of its own, sorted by line.
func TestErrorsAreOnePerLine(t *testing.T) {
	file := configOf(t, "history = \"100\"\nslow = 'drop'\nlisen = 1\ntoken = 's3cr3t-token'\nlisten = [1]\n")
	want := strings.ReplaceAll(`FILE:1: history: "100" is a string; expected a whole number, such as 100
FILE:2: slow: invalid value "drop": expected disconnect or skip
FILE:3: unknown flag "lisen"; did you mean "listen"?
FILE:4: token: the value is a string; expected a list of strings, such as ["one", "two"]
FILE:5: listen: the value is a list with other entries than strings; expected a list of strings, such as ["one", "two"]
`, "FILE", file)
	if r := run(t, nil, nil, "check", "--config", file); r.code != exitFailure || r.stderr != want+"ssed: the daemon would not start: 5 errors\n" {
		t.Errorf("check: %+v", r)
	}
	if r := run(t, nil, nil, "--config", file); r.code != exitUsage || r.stderr != want+"ssed: invalid settings: 5 errors\n" {
		t.Errorf("serve: %+v", r)
	}
	file = configOf(t, "debug = true\nheartbeat = 5s\n")
	run(t, nil, nil, "--config", file).wantFailure(t, exitUsage, "ssed: "+file+`:2: strings must be quoted, such as "30s"`)
}

// TestExampleFile checks deploy/ssed.toml unchanged, and with all commented settings enabled. It
// must contain every flag.
func TestExampleFile(t *testing.T) {
	text, err := os.ReadFile("../../deploy/ssed.toml")
	if err != nil {
		t.Fatal(err)
	}
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("a-token-of-this-test admin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^# ([a-z-]+ = )`).ReplaceAllString(string(text), "$1")
	all = strings.Replace(all, "/etc/ssed/tokens", tokens, 1)
	withoutStore := regexp.MustCompile(`(?m)^(store|nats) = .*`).ReplaceAllString(all, "") // --store, --nats and a history cannot be combined
	for _, text := range []string{string(text), withoutStore} {
		r := run(t, nil, nil, "check", "--config", configOf(t, text))
		for line := range strings.Lines(r.stderr) {
			if !strings.Contains(line, "store flag has no effect without a store") {
				t.Errorf("unexpected: %s", line)
			}
		}
		if r.code != 0 {
			t.Errorf("exit code %d", r.code)
		}
	}
	file, err := parseConfigFile("ssed.toml", []byte(all))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range newParser(&commands{}, io.Discard).Model.Children {
		for _, flag := range command.Flags {
			if _, there := file.values[flag.Name]; command.Name == "serve" && !there && flag.Name != "config" {
				t.Errorf("it has no %s", flag.Name)
			}
		}
	}
}
