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

// TestCheckTellsEverything wants each of many things that are wrong, where it is,
// and nothing else.
func TestCheckTellsEverything(t *testing.T) {
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
		file + `:2: there is no flag "lisen"; the nearest is "listen"`,
		file + `:17: there is no flag "config" for a file, nor one like it; ssed config prints them all`,
		file + `:18: there is no flag "gap_event"; the nearest is "gap-event"`,
		file + `:19: there is no flag "LISTEN"; the nearest is "listen"`,
		file + `:20: log-level: "loud" is none of debug, info, warn, error`,
		file + `:23: "where" is a table`,
		file + `:3: backlog: "much" is no size`,
		file + `:4: heartbeat: it must be a time with its unit`,
		file + `:6: slow: "maybe" is none of disconnect, skip`,
		file + `:7: history-for: "b" is no rule`,
		file + `:9: stall-timeout: must be 1s or more`,
		file + `:10: debug: it must be true or false`,
		file + `:11: admin: must be on, off, or an address`,
		file + `:12: cors-origin: invalid origin "x": expected scheme://host`,
		file + `:16: publish: it must be a list`,
		file + `:21: listen: invalid listen address "nowhere": expected host:port`,
		file + `:22: history: it must be a number`,
		`SSED_MAILBOX: "x" is no size`,
		`SSED_DRAIN: must be 0s`,
		`SSED_TOKEN: it is empty`,
		`--header-timeout: must be 100ms or more`,
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
	if len(lines) != 1 || lines[0] != "ssed: the daemon would not start: these 22 things are wrong" {
		t.Errorf("what is left: %q", lines)
	}
}

// TestCheckFailsAsServeDoes wants the same words of both, for what needs a look at
// files or at the limits of the process.
func TestCheckFailsAsServeDoes(t *testing.T) {
	testtool.Long(t, "many daemons fail to start")
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("# tokens\n\ngood-token-1\nbad-token-2 fly\n\nshort\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		text  string
		where string // behind the file's name
		says  string
	}{
		{"no TOML", "heartbeat = '5s'\nlisten ':80'\n", ":2: ", "expected"},
		{"a key twice", "drain = '5s'\ndrain = '6s'\n", ":2: ", "already defined"},
		{"a token's line", "s3cr3t-token publish\n", ":1: ", "expected"},
		{"a gap event that every frame could be", "\ngap-event = 'message'\n", ":2: gap-event: ", "use another name"},
		{"a bad token", "\ntoken = ['s3cr3t-token shout']\n", ":2: token: ", "not a list of rights"},
		{"a token file that is not there", "token-file = '/nonexistent/tokens'\n", ":1: token-file: ", "no such file"},
		{"a bad token file", "token-file = '" + tokens + "'\n", ":1: token-file: ", tokens + ": bad token line 4: its second field is not a list of rights; expected a token, then subscribe, publish, admin or metrics, with commas between; bad token line 6: the token has 5 bytes"},
		{"public publishing", "publish = ['tcp://0.0.0.0:8002']", ":1: publish: ", "needs a token"},
		{"backlog below a message", "data-max = '2MiB'\nbacklog = '1MiB'\n", ":2: backlog: ", "cannot hold one message"},
		{"more connections than files", "max-conns = 10000000\n", ":1: max-conns: ", "open files"},
		{"more publishers than files", "max-publishers = 10000000\n", ":1: max-publishers: ", "open files"},
		{"an empty rule", "history-for = ['/a=5', '']\n", ":1: history-for: ", "an entry is empty"},
		{"a NATS server that is none", "nats = ['http://s3cr3t@h:1']", ":1: nats: ", "http://h:1 is no NATS server's URL"},
		{"a NATS server that cannot be read", "nats = ['nats://h:1', 'nats://u:s3cr3t%ZZ@h']", ":1: nats: ", "cannot be read"},
		{"a token in the place of the host", "nats = ['s3cr3t']", ":1: nats: ", "names no host"},
		{"two stores", "store = '/s'\nnats = ['nats://u:s3cr3t@h']", ":1: store: ", "exclude each other"},
		{"replicas of a store of one's own", "store = '/s'\nnats-stream-replicas = 3", ":2: nats-stream-replicas: ", "has one"},
		{"too many replicas", "nats = ['nats://h']\nnats-stream-replicas = 6", ":2: nats-stream-replicas: ", "1 to 5"},
		{"fewer than no messages", "nats-stream-per-namespace = -1", ":1: nats-stream-per-namespace: ", "1 or more"},
		{"a stream's age that is none", "nats-stream-age = '1ms'", ":1: nats-stream-age: ", "100ms or more"},
		{"no patience", "nats-timeout = '1ms'", ":1: nats-timeout: ", "100ms or more"},
		{"no sync", "store = '/s'\nstore-sync = 'never'", ":2: store-sync: ", "neither always nor an interval"},
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
			if check.code != exitFailure || len(lines) != 3 || !strings.Contains(lines[0], file+tt.where) || !strings.Contains(lines[0], tt.says) {
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
		if r.code != exitFailure || !strings.Contains(r.stderr, `PORT: "http" is no port`) {
			t.Errorf("exit code %d: %q", r.code, r.stderr)
		}
	})
}

// TestCheckListensNowhere checks the addresses of a daemon that is up.
func TestCheckListensNowhere(t *testing.T) {
	d := testtool.Start(t)
	address := strings.TrimPrefix(d.Subscribe[0], "http://")
	r := run(t, nil, nil, "check", "--listen", address, "--publish", d.Publish[0])
	r.wantSuccess(t)
	if r.stdout != "ok\n" {
		t.Errorf("it printed %q", r.stdout)
	}
	run(t, nil, toOf(d), "pub", "/x", "y").wantSuccess(t)
}

// TestCheckTellsWhatMeansNothing: a store takes the place of the history, and a file
// that has both is good, with a word.
func TestCheckTellsWhatMeansNothing(t *testing.T) {
	r := run(t, nil, nil, "check", "--config", configOf(t, "store = '/s'\nhistory = 1"))
	if r.code != 0 || !strings.Contains(r.stderr, "--history") || !strings.Contains(r.stderr, "--nats-stream-age") {
		t.Errorf("exit code %d: %q", r.code, r.stderr)
	}
}

// TestExampleFile checks deploy/ssed.toml as it is, and with all that is in comments
// there, which has to be every flag.
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
	withoutStore := regexp.MustCompile(`(?m)^(store|nats) = .*`).ReplaceAllString(all, "") // they exclude each other, and a history
	for _, text := range []string{string(text), withoutStore} {
		r := run(t, nil, nil, "check", "--config", configOf(t, text))
		r.wantSuccess(t)
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
