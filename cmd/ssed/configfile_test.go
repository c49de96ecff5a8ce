package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestConfigFileLineNumbers(t *testing.T) {
	text := "# a comment\n\nlisten = [\n  ':1', # another\n  ':2',\n]\n'drain' = '5s'\na.b.c = 1\na.d = 2\n[where]\nlisten = 3\n[[twice]]\n[[twice]]\n"
	file, err := parseConfigFile("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"listen": 3, "drain": 7, "a": 8, "where": 10, "twice": 12}
	if !maps.Equal(file.lines, want) {
		t.Errorf("got %v, want %v", file.lines, want)
	}
	if keys := []string{"listen", "drain", "a", "where", "twice"}; !slices.Equal(file.keys, keys) {
		t.Errorf("got %v, want %v", file.keys, keys)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"backlog", "backlog-total", "listen", "head-max", "history-age", "drain"}
	for word, want := range map[string]string{
		"lisen": "listen", "Listen": "listen", "head_max": "head-max", "backlogtotal": "backlog-total",
		"backlogs": "backlog", "history-ages": "history-age", "train": "drain", "drain": "drain", "": "drain",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

// TestDistance compares the implementation, which uses one row, with the definition.
func TestDistance(t *testing.T) {
	var naive func(a, b string) int
	naive = func(a, b string) int {
		switch {
		case a == "" || b == "":
			return len(a) + len(b)
		case a[0] == b[0]:
			return naive(a[1:], b[1:])
		}
		return 1 + min(naive(a[1:], b), naive(a, b[1:]), naive(a[1:], b[1:]))
	}
	words := []string{"", "a", "ab", "ba", "drain", "train", "rain", "brain", "nadir", "abba"}
	for _, a := range words {
		for _, b := range words {
			if got, want := distance(a, b), naive(a, b); got != want {
				t.Errorf("%q to %q: got %d, want %d", a, b, got, want)
			}
		}
	}
}

// FuzzConfigFile checks that every key of a file has a line, and that errors are one line long and
// contain no quoted text of the file.
func FuzzConfigFile(f *testing.F) {
	for _, text := range []string{
		"", "listen = [':1',\n':2']\ndrain = '5s' # 5\n", "a.b = 1\na.c = 2\n", "[t]\nx = 1\n[[u]]\n[[u]]\ny = {z = 1}\n",
		"x", "x = ", "x = 1\nx = 2\n", "token = ['s3cr3t-token'\n", "token = \"s3cr3t-\\q\"", "x = 1979-05-27\r\n\"\" = inf\n", "'a\x00' = 1", "\ufeffx = 1\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseConfigFile("f", []byte(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") || strings.Contains(text, "s3cr3t") && strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("the error is %q", err)
			}
			return
		}
		if len(file.values) != len(file.lines) || len(file.keys) != len(file.lines) {
			t.Fatalf("values %v, lines %v, keys %v", file.values, file.lines, file.keys)
		}
		for key := range file.values {
			if line := file.lines[key]; line < 1 || line > 1+strings.Count(text, "\n") {
				t.Errorf("%q is at line %d", key, line)
			}
		}
	})
}
