package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"testing"
)

func TestDisconnectAndNamespaces(t *testing.T) {
	h := serve(t)
	_, r := h.subscribe(t, "/subscribe/a", "one")
	h.subscribe(t, "/subscribe/a", "two")
	h.subscribe(t, "/subscribe/b", "three")
	code, answer, _ := h.ask(t, "GET", "/admin/namespaces.json", "")
	var got struct {
		Namespaces []struct {
			Namespaces  []string
			Subscribers int
		}
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || code != 200 || len(got.Namespaces) != 2 ||
		got.Namespaces[0].Subscribers != 2 || got.Namespaces[1].Namespaces[0] != "/b" {
		t.Errorf("%d %v %s", code, err, answer)
	}
	id := h.status(t, "").Connections[0].ID
	if code, answer, _ := h.ask(t, "POST", "/admin/disconnect", fmt.Sprint("id=", id)); code != 204 {
		t.Fatal(code, answer)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
	if s := h.status(t, ""); s.Disconnects["kicked"] != 1 || s.Subscribers != 2 {
		t.Errorf("%+v", s)
	}
}

func TestHealthWhileDraining(t *testing.T) {
	h := serve(t)
	_, r := h.subscribe(t, "/subscribe/a", "one")
	if code, answer, _ := h.ask(t, "GET", "/admin/healthz", ""); code != 200 || answer != "serving\n" {
		t.Error(code, answer)
	}
	go h.loop.Shutdown(context.Background())
	io.ReadAll(r)
	if res, err := h.client.Get(h.base + "/admin/healthz"); err == nil && res.StatusCode != 503 {
		t.Error(res.Status)
	}
}

// TestPublishNeedsThePublishRight verifies that a token with the admin right alone cannot publish
// if publishing requires a token.
func TestPublishNeedsThePublishRight(t *testing.T) {
	h := serve(t, "admin-token admin", "publish-token publish", "both-tokens admin,publish /", "part-tokens publish /pets")
	for token, want := range map[string]int{"admin-token": 403, "both-tokens": 200, "publish-token": 401} {
		if status, answer, _ := h.ask(t, "POST", "/admin/publish", "namespace=/x&data=y", "X-Authorization: "+token); status != want {
			t.Errorf("%s: %d %s", token, status, answer)
		}
	}
	open := serve(t, "publish-token publish")
	if status, answer, _ := open.ask(t, "POST", "/admin/publish", "namespace=/x&data=y"); status != 403 {
		t.Errorf("from this machine, without the token: %d %s", status, answer)
	}
}

// TestPublishRefusesReservedEvents verifies that reserved event names are refused here, too.
func TestPublishRefusesReservedEvents(t *testing.T) {
	h := serve(t)
	for event, want := range map[string]int{"gap": 400, "new-dog": 200} {
		if status, answer, _ := h.ask(t, "POST", "/admin/publish", "namespace=/x&data=y&event="+event); status != want {
			t.Errorf("%s: %d %s", event, status, answer)
		}
	}
}
