package main

import (
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestAdminAddress(t *testing.T) {
	for _, tt := range []struct {
		flags  []string
		here   int // the status on the subscribers' address
		within string
	}{
		{nil, 200, `"subscribe_url": "/subscribe"`},
		{[]string{"--admin=off"}, 403, "disabled"},
		{[]string{"--admin=127.0.0.1:0"}, 403, "disabled"},
		{[]string{"--publish-loop=own"}, 200, `"publishers": 0`},
	} {
		t.Run(strings.Join(tt.flags, " "), func(t *testing.T) {
			t.Parallel()
			d := testtool.Start(t, tt.flags...)
			if status, answer := get(t, d.Subscribe[0]+"/admin/status.json"); status != tt.here || !strings.Contains(answer, tt.within) {
				t.Errorf("beside /subscribe: %d %s", status, answer)
			}
			if status, _ := get(t, d.Subscribe[0]+"/metrics"); status != tt.here {
				t.Errorf("the metrics there: %d", status)
			}
			if status, _ := get(t, d.Subscribe[0]+"/debug/pprof/"); status != 404 {
				t.Errorf("profiles without --debug: %d", status)
			}
			if d.Admin == "" || d.Admin == `""` {
				return // the pages are off
			}
			status, answer := get(t, d.Admin+"status.json")
			if status != 200 || tt.here == 403 && !strings.Contains(answer, `"subscribe_url": "`+d.Subscribe[0]+`/subscribe"`) {
				t.Errorf("at %s: %d %s", d.Admin, status, answer)
			}
		})
	}
}

func TestProfilesAreForDebugging(t *testing.T) {
	d := testtool.Start(t, "--debug")
	if status, answer := get(t, d.Subscribe[0]+"/debug/pprof/goroutine?debug=1"); status != 200 || !strings.Contains(answer, "hub.(*Hub).Serve") {
		t.Errorf("%d %.200s", status, answer)
	}
}

func get(t *testing.T, url string) (status int, answer string) {
	t.Helper()
	status, _, answer = testtool.Fetch(t, url)
	return status, answer
}

// TestPublishersAreCounted checks that the statistics count publishers on either loop.
func TestPublishersAreCounted(t *testing.T) {
	for _, kind := range testtool.PublishLoops() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := testtool.Start(t, "--publish-loop="+kind, "--max-publishers=1")
			testtool.DialPublisher(t, d.Publish[0]).Ask(t, "PING")
			for range 3 {
				if got := testtool.DialPublisher(t, d.Publish[0]).Reply(t); !strings.HasPrefix(got, "ERR busy ") {
					t.Errorf("one publisher too many got %q", got)
				}
			}
			_, metrics := get(t, d.Subscribe[0]+"/metrics")
			_, status := get(t, d.Subscribe[0]+"/admin/status.json")
			for _, want := range []string{"\nssed_publishers 1\n", "\nssed_turned_away_total 3\n", "\nssed_publishers_closed_total 0\n", `"publishers": 1,`, `"turned_away": 3,`} {
				if !strings.Contains(metrics+status, want) {
					t.Errorf("%q is missing", want)
				}
			}
		})
	}
}
