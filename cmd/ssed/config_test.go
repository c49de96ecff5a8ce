package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/internal/testtool"
)

// configOf writes a configuration file and returns its name.
func configOf(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ssed.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// lineOf returns the line of "ssed config" about a flag.
func lineOf(t *testing.T, printed, flag string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^(?:# )?`+flag+` .*$`).FindAllString(printed, -1)
	if len(found) != 1 {
		t.Fatalf("%d lines about %s in:\n%s", len(found), flag, printed)
	}
	return found[0]
}

// TestPrecedence sets the same flags with increasing precedence, and expects the last setting to
// apply.
func TestPrecedence(t *testing.T) {
	file := configOf(t, "# a comment\nlisten = [':3', ':33']\nheartbeat = '3s'\n")
	says := []struct {
		name               string
		env                []string
		args               []string
		listen, listenFrom string
		heart, heartFrom   string
	}{
		{"default", nil, nil, "[':8001']", "default", "'15s'", "default"},
		{"PORT", []string{"PORT=5000"}, nil, "[':5000']", "$PORT", "'15s'", "default"},
		{"an empty PORT", []string{"PORT="}, nil, "[':8001']", "default", "'15s'", "default"},
		{"file", []string{"PORT=5000"}, []string{"--config", file}, "[':3', ':33']", file + ":2", "'3s'", file + ":3"},
		{"file of the environment", []string{"SSED_CONFIG=" + file}, nil, "[':3', ':33']", file + ":2", "'3s'", file + ":3"},
		{"environment", []string{"PORT=5000", "SSED_LISTEN=:4", "SSED_HEARTBEAT=4s"}, []string{"--config", file}, "[':4']", "$SSED_LISTEN", "'4s'", "$SSED_HEARTBEAT"},
		{"flag", []string{"PORT=5000", "SSED_LISTEN=:4", "SSED_HEARTBEAT=4s"}, []string{"--config", file, "--listen=:6", "--heartbeat=6s"}, "[':6']", "command line", "'6s'", "command line"},
		{"the same as the default", nil, []string{"--listen=:8001"}, "[':8001']", "command line", "'15s'", "default"},
	}
	for _, tt := range says {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, nil, tt.env, append([]string{"config"}, tt.args...)...)
			r.wantSuccess(t)
			for flag, want := range map[string][2]string{"listen": {tt.listen, tt.listenFrom}, "heartbeat": {tt.heart, tt.heartFrom}} {
				line := lineOf(t, r.stdout, flag)
				if !strings.HasPrefix(line, flag+" = "+want[0]+" ") || !strings.HasSuffix(line, " # "+want[1]) {
					t.Errorf("got %q, want %s from %s", line, want[0], want[1])
				}
			}
		})
	}
}

// TestServeReadsTheFile checks that the daemon uses settings that only a file, or only PORT,
// contains.
func TestServeReadsTheFile(t *testing.T) {
	t.Parallel()
	t.Run("file", func(t *testing.T) {
		socket := filepath.Join(shortTempDir(t), "http")
		file := configOf(t, "admin = 'off'\ncors-origin = ['https://a.example']\npublish-loop = 'own'\nhistory-for = ['/a=5', '/b=0,1m']\ntoken = ['some-token subscribe /pets']\n")
		d := testtool.Start(t, "--config", file, "--listen=unix://"+socket, "--listen=127.0.0.1:0")
		if d.Admin != "" {
			t.Errorf("the file turned the admin pages off, and they are at %s", d.Admin)
		}
		subscriber := testtool.Subscribe(t, d.Subscribe[1]+"/subscribe/pets", "X-Authorization: some-token")
		run(t, nil, toOf(d), "pub", "/pets", "woof").wantSuccess(t)
		if got := subscriber.Frame(t); !strings.Contains(got, "data:woof\n") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("PORT", func(t *testing.T) {
		// The port is in use, so the error contains its number.
		taken := testtool.Start(t)
		_, port, _ := strings.Cut(strings.TrimPrefix(taken.Subscribe[0], "http://"), ":")
		run(t, nil, []string{"PORT=" + port, "SSED_PUBLISH=tcp://127.0.0.1:0"}).wantFailure(t, exitFailure, ":"+port, "in use")
	})
}

// TestConfigOutputIsAConfigFile checks that the output of "ssed config", used as a configuration
// file, has the same effect.
func TestConfigOutputIsAConfigFile(t *testing.T) {
	env := []string{"SSED_HISTORY=7", "SSED_HISTORY_FOR=/a=5;/b/c=0,1m", "SSED_TRUSTED_PROXY=10.0.0.0/8,unix", "SSED_DEBUG=yes", "SSED_GAP_EVENT=it's", "SSED_LOG_LEVEL=warn", "SSED_MAX_CONNS=50", "SSED_BACKLOG=20000000"}
	first := run(t, nil, env, "config")
	first.wantSuccess(t)
	second := run(t, nil, nil, "config", "--config", configOf(t, first.stdout))
	second.wantSuccess(t)
	origins := regexp.MustCompile(` +# .*`)
	values := func(r result) string {
		_, rest, _ := strings.Cut(r.stdout, "# Addresses") // after the name of the file
		return origins.ReplaceAllString(rest, "")
	}
	if values(first) != values(second) {
		t.Errorf("first\n%s\nthen\n%s", first.stdout, second.stdout)
	}
	if !strings.Contains(values(first), "/b/c=0,1m0s") || !strings.Contains(values(first), "backlog = '20000000'") {
		t.Errorf("values are missing:\n%s", first.stdout)
	}
}

// TestConfigHidesNATSURLs checks that URLs of NATS servers are not printed, because they may
// contain passwords.
func TestConfigHidesNATSURLs(t *testing.T) {
	r := run(t, nil, []string{"SSED_NATS=nats://u:s3cr3t@a,nats://s3cr3t@b"}, "config", "--nats-creds-file=/c", "--nats-stream=pets")
	r.wantSuccess(t)
	if strings.Contains(r.stdout, "s3cr3t") {
		t.Errorf("it shows a secret:\n%s", r.stdout)
	}
	for flag, want := range map[string]string{
		"nats": "# nats is set (2) and not shown ", "nats-creds-file": "nats-creds-file = '/c' ", "nats-stream": "nats-stream = 'pets' ", "store": "# store is not set ",
	} {
		if line := lineOf(t, r.stdout, flag); !strings.HasPrefix(line, want) {
			t.Errorf("got %q, want %q", line, want)
		}
	}
}

// TestSecretFlagsAreTagged checks that every flag with a name that suggests a secret is tagged as
// secret, or is the name of a file.
func TestSecretFlagsAreTagged(t *testing.T) {
	secret := regexp.MustCompile(`token|secret|password|key`)
	var serve *kong.Node
	for _, command := range newParser(&commands{}, io.Discard).Model.Children {
		if command.Name == "serve" {
			serve = command
		}
	}
	for _, flag := range serve.Flags {
		if secret.MatchString(flag.Name) && !strings.HasSuffix(flag.Name, "-file") && !flag.Tag.Has(secretTag) {
			t.Errorf("--%s would be shown by ssed config", flag.Name)
		}
	}
}
