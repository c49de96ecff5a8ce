package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// adminTimeout limits an answer of the admin pages, in addition to the time that it has to take.
const adminTimeout = 10 * time.Second

// admin sends a request to a path of ssed's admin pages, and returns the body of the answer.
func (p *Process) admin(path string, takes time.Duration) ([]byte, error) {
	// The bench keeps no connection open that the next measurement would count.
	client := http.Client{Timeout: takes + adminTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + p.Subscribe + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200q", path, answer.Status, body)
	}
	return body, err
}

// SubscribersByLoop returns how many subscribers each event loop of an ssed has.
func (p *Process) SubscribersByLoop() ([]int, error) {
	body, err := p.admin("/admin/status.json?limit=0", 0)
	if err != nil {
		return nil, err
	}
	var status struct {
		Loops []struct{ Subscribers int }
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return nil, err
	}
	var all []int
	for _, l := range status.Loops {
		all = append(all, l.Subscribers)
	}
	return all, nil
}

// PublishersLoop is a part of the names of all functions that run only on the loop of publishers,
// in an ssed with --publish-loop=own.
const PublishersLoop = "tidwall/evio"

// WithProfiles returns the spec of an ssed that can be profiled with [Process.Profile].
func (s Spec) WithProfiles() Spec { return s.With("--debug") }

// Profile profiles an ssed for the given time, which is rounded down to seconds but is at least
// one. It returns the part of the server's CPU time that functions with part in their names took,
// including the functions that they call. The precision is some percent: the profile is a sample
// every 10 ms of CPU time. dir is for a temporary file.
func (p *Process) Profile(dir, part string, d time.Duration) (share float64, err error) {
	seconds := max(int(d/time.Second), 1)
	profile, err := p.admin(fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds), time.Duration(seconds)*time.Second)
	if err != nil {
		return 0, err
	}
	file := filepath.Join(dir, "profile")
	defer os.Remove(file)
	if err := os.WriteFile(file, profile, 0o600); err != nil {
		return 0, err
	}
	// Without these limits, pprof sums up only the largest functions.
	top, err := Output(buildTimeout, "go", "tool", "pprof", "-top", "-nodefraction=0", "-nodecount=1000000", "-focus="+regexp.QuoteMeta(part), file)
	if err != nil {
		return 0, err
	}
	return shareIn(top)
}

// accounted matches the line in which pprof sums up the functions that it shows.
var accounted = regexp.MustCompile(`(?m)^Showing nodes accounting for [^,]+, ([0-9.]+)% of `)

func shareIn(top string) (float64, error) {
	found := accounted.FindStringSubmatch(top)
	if found == nil {
		return 0, fmt.Errorf("unexpected output of pprof: %.500q", top)
	}
	percent, err := strconv.ParseFloat(found[1], 64)
	if err == nil && percent == 0 {
		err = fmt.Errorf("the profile has no sample of the functions: %.500q", top)
	}
	return percent / 100, err
}
