package admin_test

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"
)

func TestLive(t *testing.T) {
	h := serve(t)
	res, err := h.client.Get(h.base + "/admin/live")
	if err != nil || res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatal(res, err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for _, want := range []string{"event:history", "event:sample", "event:sample"} {
		var event, data string
		for lines.Scan() && lines.Text() != "" {
			if event == "" {
				event = lines.Text()
			} else {
				data = strings.TrimPrefix(lines.Text(), "data:")
			}
		}
		if event != want || !json.Valid([]byte(data)) || want == "event:sample" && !strings.Contains(data, `"rss_bytes":`) {
			t.Fatalf("%q %q, want %q", event, data, want)
		}
	}
}
