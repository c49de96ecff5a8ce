package admin

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/ssed/ssed"
)

// reference renders a value with the standard library.
func reference(t testing.TB, value any) string {
	t.Helper()
	var b bytes.Buffer
	body := json.NewEncoder(&b)
	body.SetIndent("", "  ")
	body.SetEscapeHTML(false)
	if err := body.Encode(value); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRender(t *testing.T) {
	for name, value := range map[string]any{
		"a status":      statusJSON{Node: "a", Connections: []connectionJSON{{UserAgent: "curl/8 <\"x\">"}, {Namespaces: []string{"/a", "/b,{}[]:"}}}},
		"no connection": statusJSON{Connections: []connectionJSON{}, Disconnects: map[string]uint64{}},
		"nothing":       statusJSON{},
		"sets":          namespacesJSON{[]setJSON{{Namespaces: []string{"/"}}, {}}},
		"no sets":       namespacesJSON{[]setJSON{}},
		"a failure":     map[string]string{"error": "no: \"\\"},
		"a word":        map[string]bool{"ok": true},
		"control bytes": []string{"\x00\n\u2028\xff", "\\", "\\\"", ""},
		"a number":      -1.5e-9,
	} {
		if got, want := string(render(value)), reference(t, value); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// FuzzRender verifies that any JSON value is indented in the same way as by the standard library.
func FuzzRender(f *testing.F) {
	for _, text := range []string{`{"a":[1,2,{"b":null}],"c":{}}`, `"\\\""`, `[[],[[]],{"":""}]`, `[" {,:} "]`, "1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var value any
		if json.Unmarshal(text, &value) != nil || depthOf(value) > depthMax {
			return // not a value, or nested more deeply than ours
		}
		if got, want := string(render(value)), reference(t, value); got != want {
			t.Errorf("%q: got\n%s\nwant\n%s", text, got, want)
		}
	})
}

func depthOf(value any) (depth int) {
	switch v := value.(type) {
	case []any:
		for _, x := range v {
			depth = max(depth, depthOf(x))
		}
		return depth + 1
	case map[string]any:
		for _, x := range v {
			depth = max(depth, depthOf(x))
		}
		return depth + 1
	}
	return 0
}

// BenchmarkRender renders a list of 19,000 connections.
func BenchmarkRender(b *testing.B) {
	status := statusJSON{Connections: make([]connectionJSON, 19_000)}
	for i := range status.Connections {
		status.Connections[i] = connectionJSON{RequestPath: "/subscribe/bench", Namespace: "/bench", ClientIP: "127.0.0.1", ID: ssed.ConnID(i) << 20, Namespaces: []string{"/bench"}}
	}
	for b.Loop() {
		b.SetBytes(int64(len(render(status))))
	}
}
