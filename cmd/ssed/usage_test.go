package main

import "testing"

// TestUsageTexts verifies the whole error for each kind of invalid command line. Most of them are
// errors of kong in the words of ssed.
func TestUsageTexts(t *testing.T) {
	ofEnv := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, tt := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{nil, []string{"serve", "--heartbeat", "5"}, `--heartbeat: invalid value "5": expected a duration with a unit, such as 30s (see ssed serve --help)`},
		{ofEnv("SSED_HEARTBEAT", "5"), nil, `SSED_HEARTBEAT: invalid value "5": expected a duration with a unit, such as 30s (see ssed --help)`},
		{nil, []string{"doctor", "--idle", "1", "/x"}, `--idle: invalid value "1": expected a duration with a unit, such as 30s (see ssed doctor --help)`},
		{nil, []string{"--history", "abc"}, `--history: invalid value "abc": expected a whole number, such as 100 (see ssed --help)`},
		{ofEnv("SSED_HISTORY", "1.5"), nil, `SSED_HISTORY: invalid value "1.5": expected a whole number, such as 100 (see ssed --help)`},
		{nil, []string{"sub", "--last", "x", "/x"}, `--last: invalid value "x": expected a whole number, such as 100 (see ssed sub --help)`},
		{nil, []string{"--history"}, `--history: a value is missing (see ssed --help)`},
		{nil, []string{"--listen"}, `--listen: a value is missing (see ssed --help)`},
		{nil, []string{"--backlog"}, `--backlog: a value is missing (see ssed --help)`},
		{nil, []string{"--history", "--debug"}, `--history: a value is missing; if "--debug" is the value, write --history=--debug (see ssed --help)`},
		{nil, []string{"--history", "-1"}, `--history: invalid value -1: must be 0 or more (see ssed --help)`},
		{nil, []string{"--max-conns", "-5"}, `--max-conns: invalid value -5: must be 0 or more (see ssed --help)`},
		{nil, []string{"--drain", "-1s"}, `--drain: invalid value -1s: must be 0 or more (see ssed --help)`},
		{nil, []string{"--slow", "drop"}, `--slow: invalid value "drop": expected disconnect or skip (see ssed --help)`},
		{ofEnv("SSED_LOG_FORMAT", "xml"), nil, `SSED_LOG_FORMAT: invalid value "xml": expected auto, text or json (see ssed --help)`},
		{nil, []string{"--proxy-protocol=maybe"}, `--proxy-protocol: invalid value "maybe": expected true or false (see ssed --help)`},
		{ofEnv("SSED_DEBUG", "maybe"), nil, `SSED_DEBUG: invalid value "maybe": expected true or false (see ssed --help)`},
		{nil, []string{"sub", "--json", "--raw", "/x"}, `--json and --raw cannot be used together (see ssed sub --help)`},
		{nil, []string{"--debug", "check"}, `--debug must follow the name of the command: ssed check --debug (see ssed --help)`},
		{nil, []string{"--lisen", ":1"}, `unknown flag "--lisen"; did you mean "--listen"? (see ssed --help)`},
		{nil, []string{"sub", "-x"}, `unknown flag "-x" (see ssed sub --help)`},
		{nil, []string{"serv"}, `unknown command "serv"; did you mean "serve"? (see ssed --help)`},
		{nil, []string{"hello"}, `unknown command "hello" (see ssed --help)`},
		{nil, []string{"help"}, `unknown command "help" (see ssed --help)`},
		{nil, []string{"check", "a\nb"}, `unexpected argument "a\nb" (see ssed check --help)`},
		{nil, []string{"completion", "tcsh"}, `unknown shell "tcsh": expected bash, zsh or fish (see ssed completion --help)`},
		{nil, []string{"completion"}, `a shell is missing: expected bash, zsh or fish (see ssed completion --help)`},
		{nil, []string{"pub"}, `a namespace is missing: ssed pub /pets/dogs Corgi (see ssed pub --help)`},
		{nil, []string{"pub", "/pets", "-x"}, `unknown flag "-x"; put -- before data that begins with a dash (see ssed pub --help)`},
		{nil, []string{"pub", "/pets", "a", "b"}, `unexpected argument "b": put data with spaces into quotes (see ssed pub --help)`},
		{nil, []string{"pub", "pets", "x"}, `"pets": a namespace must start with "/" (see ssed pub --help)`},
		{nil, []string{"pub", "/pets//dogs"}, `namespace "/pets//dogs" has an empty segment ("//") (see ssed pub --help)`},
		{nil, []string{"pub", "--event", "a b", "/pets"}, `--event: invalid name "a b": expected a name without spaces, and not a dash alone (see ssed pub --help)`},
		{nil, []string{"pub", "--event", "a\nb", "/pets"}, "--event: bad event name: the name contains a line break or NUL at byte 1 (see ssed pub --help)"},
		{nil, []string{"pub", "--to", "http://localhost:8001", "/x"}, `--to: invalid URL "http://localhost:8001": expected tcp://host:port, tls://host:port or unix:///path; publishers use port 8002 by default (see ssed pub --help)`},
		{nil, []string{"pub", "--to", "tcp://127.0.0.1", "/x"}, `--to: invalid URL "tcp://127.0.0.1": the port is missing: expected tcp://host:port, such as tcp://127.0.0.1:8002 (see ssed pub --help)`},
		{nil, []string{"sub", "pets"}, `"pets": a namespace must start with "/", and a URL with http:// or https:// (see ssed sub --help)`},
		{nil, []string{"--retry", "6s-2s"}, `--retry: invalid range 6s-2s: the first time must not exceed the second (see ssed --help)`},
		{nil, []string{"--retry", "1ms"}, `--retry: invalid time 1ms: expected 100ms to 1h (see ssed --help)`},
		{nil, []string{"--retry", "1s-2h"}, `--retry: invalid time 2h: expected 100ms to 1h (see ssed --help)`},
		{nil, []string{"--token", "T"}, `--token: bad token line 1: the token has 1 byte; at least 8 are required (see ssed --help)`},
		{nil, []string{"--token", "a-long-token publish /pets extra"}, `--token: bad token line 1: it has more than three fields; expected a token, its rights and its namespace (see ssed --help)`},
		{nil, []string{"--listen", "http://:8001"}, `--listen: invalid address "http://:8001": expected host:port, :port or unix:///path (see ssed --help)`},
	} {
		_, err := parse(t, tt.env, tt.args...)
		if err == nil || err.Error() != tt.want {
			t.Errorf("ssed %q, %v:\ngot  %v\nwant %s", tt.args, tt.env, err, tt.want)
		}
	}
}

// TestNegativeData verifies that a number after a namespace or after -- is data.
func TestNegativeData(t *testing.T) {
	cli, err := parse(t, nil, "pub", "--strict", "/x", "--", "-1")
	if err != nil || cli.Pub.Data == nil || *cli.Pub.Data != "-1" {
		t.Errorf("%v: %+v", err, cli.Pub)
	}
}

func TestVersionFlag(t *testing.T) {
	if flag, command := run(t, nil, nil, "--version"), run(t, nil, nil, "version"); flag != command || flag.code != 0 {
		t.Errorf("got %+v, want %+v", flag, command)
	}
}
