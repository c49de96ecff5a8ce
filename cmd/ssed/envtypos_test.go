package main

import (
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestWarnEnvTypos(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ variable, nearest string }{
		{"SSED_TOKENS", "SSED_TOKEN"},
		{"SSED_HEARBEAT", "SSED_HEARTBEAT"},
		{"SSED_MAX_CONN", "SSED_MAX_CONNS"},
		{"SSED_TOKENFILE", "SSED_TOKEN_FILE"},
		{"SSED_EVENT", ""},        // of ssed pub
		{"SSED_TOKEN_FILE", ""},   // a valid variable
		{"SSED_PORT", ""},         // set by Kubernetes
		{"SSED_SERVICE_HOST", ""}, // set by Kubernetes
		{"SSEDTOKENS", ""},        // no underscore, so not of ssed
	} {
		t.Run(tt.variable, func(t *testing.T) {
			value := "s3cr3t-value"
			if tt.variable == "SSED_TOKEN_FILE" {
				value = configOf(t, "a-long-secret publish\n")
			}
			r := run(t, nil, []string{tt.variable + "=" + value}, "check")
			told := strings.Contains(r.stderr, "variable="+tt.variable+" nearest="+tt.nearest+"\n")
			if r.code != 0 || told != (tt.nearest != "") || !told && r.stderr != "" || strings.Contains(r.stderr, "s3cr3t") {
				t.Errorf("exit code %d, and it says %q", r.code, r.stderr)
			}
		})
	}
}

func TestServeWarnsOfEnvTypos(t *testing.T) {
	d := testtool.StartEnv(t, []string{"SSED_TOKENS=s3cr3t-value publish"})
	if log := d.Log(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "variable=SSED_TOKENS nearest=SSED_TOKEN\n") || strings.Contains(log, "s3cr3t") {
		t.Errorf("it logs %q", log)
	}
}
