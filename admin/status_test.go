package admin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"testing"
	"time"
)

// status is status.json as a program written for mroth/sseserver reads it.
type status struct {
	MsgsBroadcast int `json:"msgs_broadcast"`
	Connections   []struct {
		RequestPath string `json:"request_path"`
		Namespace   string `json:"namespace"`
		ClientIP    string `json:"client_ip"`
		UserAgent   string `json:"user_agent"`
		MsgsSent    int    `json:"msgs_sent"`
		CreatedAt   int64  `json:"created_at"`
		ID          int64  `json:"id"`
	} `json:"connections"`
	NextAfter   int64          `json:"next_after"`
	Subscribers int            `json:"subscribers"`
	Disconnects map[string]int `json:"disconnects"`
}

func (h *env) status(t *testing.T, query string) (s status) {
	t.Helper()
	code, answer, _ := h.ask(t, "GET", "/admin/status.json"+query, "")
	if err := json.Unmarshal([]byte(answer), &s); err != nil || code != 200 {
		t.Fatalf("%d %v: %s", code, err, answer)
	}
	return s
}

func TestStatus(t *testing.T) {
	h := serve(t)
	_, first := h.subscribe(t, "/subscribe/pets", "one")
	h.subscribe(t, "/subscribe/pets/dogs", "two")
	h.subscribe(t, "/subscribe?ns=/time&ns=/pets/%3F", "three")
	h.subscribe(t, "/subscribe/petsmart", "four")
	h.ask(t, "POST", "/admin/publish", url.Values{"namespace": {"/pets/cats"}, "event": {"new"}, "data": {"Tom\nJerry"}}.Encode())
	frame := "event:new\ndata:Tom\ndata:Jerry\n\n"
	got := make([]byte, len(frame))
	if _, err := io.ReadFull(first, got); err != nil || string(got) != frame {
		t.Fatalf("%q %v", got, err)
	}
	all := h.status(t, "")
	agents := ""
	for _, c := range all.Connections {
		agents += c.UserAgent + " "
	}
	if agents != "one two three four " || all.MsgsBroadcast != 1 || all.Subscribers != 4 || all.NextAfter != 0 {
		t.Errorf("%q, %+v", agents, all)
	}
	if c := all.Connections[0]; c.RequestPath != "/subscribe/pets" || c.Namespace != "/pets" || c.ClientIP != "127.0.0.1" || c.MsgsSent != 1 ||
		time.Since(time.Unix(c.CreatedAt, 0)).Abs() > time.Minute {
		t.Errorf("%+v", c)
	}
	if c := all.Connections[2]; c.RequestPath != "/subscribe?ns=%2Fpets%2F%3F&ns=%2Ftime" || c.Namespace != "/pets/? /time" {
		t.Errorf("%+v", c)
	}
	for query, want := range map[string]string{
		"?limit=2":                 "one two ",
		"?limit=0":                 "",
		"?namespace=/pets":         "one two three ",
		"?namespace=/pets/dogs":    "two ",
		"?namespace=/":             "one two three four ",
		"?sort=backlog&limit=1":    "one ",
		"?limit=10&namespace=/x/y": "",
		fmt.Sprintf("?limit=2&after=%d", h.status(t, "?limit=1").NextAfter): "two three ",
	} {
		agents := ""
		for _, c := range h.status(t, query).Connections {
			agents += c.UserAgent + " "
		}
		if agents != want {
			t.Errorf("%s: %q, want %q", query, agents, want)
		}
	}
}
