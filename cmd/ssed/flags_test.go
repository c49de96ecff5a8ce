package main

import (
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
)

// parse parses a command line, with env and without any other SSED_ variables.
func parse(t *testing.T, env map[string]string, args ...string) (*commands, error) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "SSED_") {
			t.Setenv(name, value) // restores it at the end of the test
			os.Unsetenv(name)
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	cli := &commands{}
	_, err := parseArgs(newParser(cli, io.Discard), args)
	return cli, err
}

var storeDefaults = storeFlags{
	StoreSync:          syncRule{interval: time.Second},
	NATSStream:         "ssed",
	NATSStreamBytes:    1 << 30,
	NATSStreamReplicas: 1,
	NATSTimeout:        10 * time.Second,
}

func TestFlagDefaultsEqualServerDefaults(t *testing.T) {
	cli, err := parse(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := cli.Serve.daemonFlags
	want := daemonFlags{
		Listen:        []string{":8001"},
		Publish:       []string{"tcp://127.0.0.1:8002"},
		Admin:         "on",
		Loops:         1,
		PublishLoop:   autoLoop,
		CORSOrigin:    []string{"*"},
		Backlog:       16 << 20,
		BacklogTotal:  ssed.DefaultBacklogTotalBytes,
		Mailbox:       ssed.DefaultMailboxBytes,
		DataMax:       1 << 20,
		HeadMax:       16 << 10,
		Sndbuf:        ssed.DefaultSendBufferBytes,
		Slow:          "disconnect",
		HistoryBytes:  ssed.DefaultHistoryBytes,
		GapEvent:      "gap",
		Heartbeat:     15 * time.Second,
		HeaderTimeout: 10 * time.Second,
		StallTimeout:  30 * time.Second,
		Retry:         retryRange{min: ssed.DefaultRetryMin, max: ssed.DefaultRetryMax},
		Drain:         5 * time.Second,
		LogFormat:     "auto",
		storeFlags:    storeDefaults,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRepeatedFlags(t *testing.T) {
	token := []string{"first-token publish,subscribe /pets", "second-token admin"}
	tests := []struct {
		name string
		env  map[string]string
		args []string
		want daemonFlags // only Listen, Publish and Token
	}{
		{
			name: "given values replace the default",
			args: []string{"--listen", ":9000"},
			want: daemonFlags{Listen: []string{":9000"}, Publish: []string{defaultPublishURL}},
		},
		{
			name: "repeated",
			args: []string{"--listen", ":9000", "--listen=unix:///run/s", "--publish", "tcp://[::1]:1", "--publish", "unix:///run/p"},
			want: daemonFlags{Listen: []string{":9000", "unix:///run/s"}, Publish: []string{"tcp://[::1]:1", "unix:///run/p"}},
		},
		{
			name: "after the command's name",
			args: []string{"serve", "--listen", ":9000"},
			want: daemonFlags{Listen: []string{":9000"}, Publish: []string{defaultPublishURL}},
		},
		{
			name: "the environment has commas",
			env:  map[string]string{"SSED_LISTEN": ":9000,:9001", "SSED_PUBLISH": "tcp://127.0.0.1:1,unix:///run/p"},
			want: daemonFlags{Listen: []string{":9000", ":9001"}, Publish: []string{"tcp://127.0.0.1:1", "unix:///run/p"}},
		},
		{
			name: "flags replace the environment",
			env:  map[string]string{"SSED_LISTEN": ":9000,:9001"},
			args: []string{"--listen", ":9002"},
			want: daemonFlags{Listen: []string{":9002"}, Publish: []string{defaultPublishURL}},
		},
		{
			name: "tokens contain commas",
			args: []string{"--token", token[0], "--token", token[1]},
			want: daemonFlags{Listen: []string{":8001"}, Publish: []string{defaultPublishURL}, Token: token},
		},
		{
			name: "so the environment has semicolons between them",
			env:  map[string]string{"SSED_TOKEN": strings.Join(token, ";")},
			want: daemonFlags{Listen: []string{":8001"}, Publish: []string{defaultPublishURL}, Token: token},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cli, err := parse(t, tt.env, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			got := cli.Serve.daemonFlags
			got = daemonFlags{Listen: got.Listen, Publish: got.Publish, Token: got.Token}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	cli, err := parse(t, map[string]string{
		"SSED_PUBLISH_LOOP":     "own",
		"SSED_BACKLOG":          "32MiB",
		"SSED_BACKLOG_TOTAL":    "64MiB",
		"SSED_MAILBOX":          "1MiB",
		"SSED_DATA_MAX":         "64KiB",
		"SSED_HEAD_MAX":         "8KiB",
		"SSED_SNDBUF":           "65536",
		"SSED_MAX_CONNS":        "100",
		"SSED_MAX_CONNS_PER_IP": "7",
		"SSED_MAX_PUBLISHERS":   "8",
		"SSED_ADMIN":            "127.0.0.1:8003",
		"SSED_DEBUG":            "true",
		"SSED_HISTORY":          "7",
		"SSED_HISTORY_AGE":      "1h",
		"SSED_HISTORY_FOR":      "/a=5;/b/c/=0,1m",
		"SSED_HISTORY_BYTES":    "1GiB",
		"SSED_GAP_EVENT":        "hole",
		"SSED_SLOW":             "skip",
		"SSED_STALL_TIMEOUT":    "1m",
		"SSED_RETRY":            "1s-1m",
		"SSED_DRAIN":            "0s",
		"SSED_HEARTBEAT":        "5s",
		"SSED_HEADER_TIMEOUT":   "1m",
		"SSED_LOG_LEVEL":        "warn",
		"SSED_LOG_FORMAT":       "json",
		"SSED_CORS_ORIGIN":      "https://a.example,https://b.example",
		"SSED_TRUSTED_PROXY":    "10.0.0.0/8,unix",
		"SSED_PROXY_PROTOCOL":   "true",
	}, "demo", "--backlog", "3MiB")
	if err != nil {
		t.Fatal(err)
	}
	got := cli.Demo.daemonFlags
	want := daemonFlags{
		Listen: []string{":8001"}, Publish: []string{defaultPublishURL}, Loops: 1, PublishLoop: ownLoop, Admin: "127.0.0.1:8003", Debug: true,
		Backlog: 3 << 20, BacklogTotal: 64 << 20, Mailbox: 1 << 20, DataMax: 64 << 10, HeadMax: 8 << 10, Sndbuf: 64 << 10, MaxConns: 100, MaxConnsPerIP: 7, MaxPublishers: 8, Slow: "skip",
		History: 7, HistoryAge: time.Hour, HistoryBytes: 1 << 30, GapEvent: "hole",
		HistoryFor: []historyRule{{Prefix: "/a", Messages: 5}, {Prefix: "/b/c", Messages: 0, Age: time.Minute}},
		Heartbeat:  5 * time.Second, StallTimeout: time.Minute, Retry: retryRange{min: time.Second, max: time.Minute}, HeaderTimeout: time.Minute, LogLevel: 4, LogFormat: jsonLog,
		CORSOrigin: []string{"https://a.example", "https://b.example"}, TrustedProxy: []string{"10.0.0.0/8", "unix"}, ProxyProtocol: true,
		storeFlags: storeDefaults,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestUsageErrors(t *testing.T) {
	const secret = "s3cr3t-token"
	tests := []struct {
		name string
		env  map[string]string
		args []string
		says string
	}{
		{"unknown flag", nil, []string{"--lisen", ":1"}, `did you mean "--listen"`},
		{"unknown command", nil, []string{"server"}, `unknown command "server"; did you mean "serve"?`},
		{"no size", nil, []string{"--backlog", "much"}, "--backlog:"},
		{"no size in the environment", map[string]string{"SSED_BACKLOG": "much"}, nil, "SSED_BACKLOG"},
		{"backlog below a message", nil, []string{"--backlog", "1MiB", "--data-max", "2MiB"}, "cannot hold one message"},
		{"unknown loop", nil, []string{"--publish-loop", "both"}, "expected auto, shared or own"},
		{"unknown log level", nil, []string{"--log-level", "loud"}, "--log-level"},
		{"all backlogs below one", nil, []string{"--backlog-total", "15MiB"}, "--backlog-total:"},
		{"negative connections", nil, []string{"--max-conns", "-1"}, "--max-conns"},
		{"heartbeat too short", nil, []string{"--heartbeat", "0"}, "--heartbeat"},
		{"header time-out too short", nil, []string{"--header-timeout", "1ms"}, "--header-timeout: invalid value 1ms: must be"},
		{"no publish URL", nil, []string{"--publish", "127.0.0.1:8002"}, "--publish:"},
		{"unknown right", nil, []string{"--token", secret + " shout"}, "not a list of rights"},
		{"bad prefix", nil, []string{"--token", secret + " publish pets"}, "must start with"},
		{"empty token", nil, []string{"--token", ""}, "--token: must not be empty"},
		{"empty token in the environment", map[string]string{"SSED_TOKEN": ""}, nil, "SSED_TOKEN: must not be empty"},
		{"one of two tokens empty", map[string]string{"SSED_TOKEN": secret + "; "}, nil, "SSED_TOKEN: a token must not be empty"},
		{"token that reads like a comment", nil, []string{"--token", "#" + secret}, "--token: a token must not"},
		{"a token file that is not there", nil, []string{"--token-file", "/nonexistent/tokens"}, "--token-file: open"},
		{"a token file without tokens", nil, []string{"--token-file", "/dev/null"}, "contains no token"},
		{"no publishers", map[string]string{"SSED_PUBLISH": ""}, nil, "SSED_PUBLISH: must not be empty"},
		{"no subscribers", nil, []string{"demo", "--listen="}, "--listen: must not be empty"},
		{"public publishing without a token", nil, []string{"--publish", "tcp://0.0.0.0:8002"}, "requires a token"},
		{"public publishing with a subscriber's token", nil, []string{"--publish", "tcp://:8002", "--token", secret + " subscribe"}, "requires a token"},
		{"public publishing of the demo", nil, []string{"demo", "--publish", "tcp://[::]:8002"}, "requires a token"},
		{"pub without a namespace", nil, []string{"pub"}, "a namespace is missing"},
		{"pub with a token's rights", map[string]string{"SSED_TOKEN": secret + " publish"}, []string{"pub", "/x", "y"}, "--token:"},
		{"pub of several words", nil, []string{"pub", "/x", "a", "b"}, `unexpected argument "b"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(t, tt.env, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("error %v, want %q in it", err, tt.says)
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
				t.Errorf("a token or a line break in: %v", err)
			}
		})
	}
}

func TestUsageErrorIsOneLineWithCode2(t *testing.T) {
	run(t, nil, nil, "--publish", "tcp://0.0.0.0:0").wantFailure(t, exitUsage, "requires a token", "--help")
	run(t, nil, []string{"SSED_HEARTBEAT=often"}).wantFailure(t, exitUsage, "SSED_HEARTBEAT")
}

// TestHelpHasUnitsAndDefaults checks the help of every flag of the daemon. The placeholder must
// show the unit, which the title of the group explains, and the text must contain the default.
func TestHelpHasUnitsAndDefaults(t *testing.T) {
	for _, flag := range newParser(&commands{}, io.Discard).Model.DefaultCmd.Flags {
		want := ""
		switch flag.Target.Interface().(type) {
		case byteSize:
			want = "SIZE"
		case time.Duration:
			want = "DURATION"
		case int:
			want = "N"
		}
		if want != "" && flag.PlaceHolder != want {
			t.Errorf("--%s: its placeholder is %q, want %s", flag.Name, flag.PlaceHolder, want)
		}
		for title, unit := range map[string]string{"SIZE": "64KiB", "DURATION": "15s"} {
			if want == title && !strings.Contains(flag.Group.Title, unit) {
				t.Errorf("--%s: %q does not explain %s", flag.Name, flag.Group.Title, title)
			}
		}
		if flag.HasDefault && !strings.Contains(flag.Help, "efault") {
			t.Errorf("--%s: its help does not contain the default: %s", flag.Name, flag.Help)
		}
	}
}

// TestHelp checks that the help contains every flag and its environment variable. "ssed --help"
// must also contain the flags of the default command.
func TestHelp(t *testing.T) {
	wants := map[string][]string{"": {"serve", "pub", "demo", "version"}}
	for _, command := range newParser(&commands{}, io.Discard).Model.Children {
		for _, flag := range command.Flags {
			wants[command.Name] = append(wants[command.Name], "--"+flag.Name)
			for _, variable := range flag.Envs {
				wants[command.Name] = append(wants[command.Name], "$"+variable)
			}
			// A key is for one message: a variable could remain set for the next one.
			if hasOne := len(flag.Envs) == 1; hasOne == (flag.Name == "key") {
				t.Errorf("ssed %s --%s has the variables %v", command.Name, flag.Name, flag.Envs)
			}
			if flag.Help == "" {
				t.Errorf("ssed %s --%s has no help", command.Name, flag.Name)
			}
		}
		for _, argument := range command.Positional {
			wants[command.Name] = append(wants[command.Name], "<"+argument.Name+">")
		}
	}
	wants[""] = append(wants[""], "Usage: ssed [<command>] [flags]\n", "Show this help.\n")
	wants[""] = append(wants[""], wants["serve"]...)
	wants["serve"] = append(wants["serve"], ":8001", "tcp://127.0.0.1:8002", "16MiB", "15s")
	for command, want := range wants {
		t.Run("ssed "+command, func(t *testing.T) {
			r := run(t, nil, []string{"SSED_TOKEN=s3cr3t-token"}, append(strings.Fields(command), "--help")...)
			r.wantSuccess(t)
			for _, words := range want {
				if !strings.Contains(r.stdout, words) {
					t.Errorf("%q is missing", words)
				}
			}
			if strings.Contains(r.stdout, "s3cr3t") {
				t.Error("the help shows a token")
			}
			for line := range strings.Lines(r.stdout) {
				if len(line) > 111 {
					t.Errorf("%d bytes in one line: %s", len(line), line)
				}
			}
		})
	}
}
