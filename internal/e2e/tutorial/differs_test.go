package tutorial

import (
	"regexp"
	"strings"
	"testing"
)

// differs lists everything that may differ between the tutorial and a run, in the order of
// replacement, with the text that replaces it for the comparison.
var differs = []struct {
	form    *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "DATE"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d(\.\d{3})?\b`), "TIME"},
	{regexp.MustCompile(`\b\w{3}, \d\d \w{3} \d{4} TIME GMT`), "DATE"},
	{regexp.MustCompile(`client=(127\.0\.0\.1|"?\[::1\]):\d+"?`), "client=HERE"},
	{regexp.MustCompile(`\bcurl/[\d.]+`), "curl/VERSION"},
	{regexp.MustCompile(`^ssed \S+ \(commit [^)]+\) go\S+ linux/\w+$`), "ssed VERSION"},
	{regexp.MustCompile(`\bopen_files=\d+`), "open_files=N"},
	{regexp.MustCompile(`\bage=\w+`), "age=DURATION"},
}

// epoch matches an id, and captures its epoch, which differs at each start of a daemon, and its
// sequence.
var epoch = regexp.MustCompile(`\b([0-9a-z]{8})(-\d+)\b`)

// epochs maps the epochs in the tutorial to the real ones.
type epochs map[string]string

// real returns a command with real ids in place of the tutorial's.
func (e epochs) real(t *testing.T, command string) string {
	return epoch.ReplaceAllStringFunc(command, func(id string) string {
		shown, number, _ := strings.Cut(id, "-")
		drawn, known := e[shown]
		if !known {
			t.Errorf("%q has an id that no earlier output has shown", command)
		}
		return drawn + "-" + number
	})
}

// same reports whether a line matches the tutorial's. It also learns which real epoch an epoch of
// the tutorial represents. The relation is one-to-one, so equal ids in one are equal in the other.
func (e epochs) same(shown, got string) bool {
	if plain(shown) != plain(got) {
		return false
	}
	was := epoch.FindAllStringSubmatch(got, -1)
	for i, id := range epoch.FindAllStringSubmatch(shown, -1) {
		drawn, known := e[id[1]]
		if known && drawn != was[i][1] {
			return false
		}
		for other, taken := range e {
			if taken == was[i][1] && other != id[1] {
				return false
			}
		}
		e[id[1]] = was[i][1]
	}
	return true
}

// plain replaces everything in a line that may differ.
func plain(line string) string {
	for _, d := range differs {
		line = d.form.ReplaceAllString(line, d.instead)
	}
	return epoch.ReplaceAllString(line, "EPOCH$2")
}

func TestSameIDs(t *testing.T) {
	for _, c := range []struct {
		name, shown, got string
		want             bool
	}{
		{"the same", "data:Corgi", "data:Corgi", true},
		{"another word", "data:Corgi", "data:Manx", false},
		{"another time", "at 12:00:01", "at 23:59:59", true},
		{"no time", "at 12:00:01", "at noon", false},
		{"another date", "time=2026-11-23T03:55:09.100Z up", "time=2027-01-02T03:04:05.6+01:00 up", true},
		{"another client", "client=127.0.0.1:40123 x", "client=[::1]:51 x", true},
		{"a client from elsewhere", "client=127.0.0.1:40123", "client=10.0.0.1:40123", false},
		{"another version", "ssed v1.0.0 (commit 0123456789ab) go1.26.8 linux/amd64", "ssed (devel) (commit unknown) go1.27 linux/arm64", true},
		{"another epoch", "id:k3j9x2ab-17", "id:00000000-17", true},
		{"another number", "id:k3j9x2ab-17", "id:00000000-18", false},
		{"an epoch that replaces another one", "id:f57rv0ie-2", "id:11111111-2", false},
		{"two epochs that replace one", "id:k3j9x2ab-1", "id:zzzzzzzz-1", false},
	} {
		known := epochs{"f57rv0ie": "zzzzzzzz"}
		if got := known.same(c.shown, c.got); got != c.want {
			t.Errorf("%s: %q and %q are the same: %v", c.name, c.shown, c.got, got)
		}
	}
	known := epochs{}
	if !known.same("id:f57rv0ie-2", "id:zzzzzzzz-2") || known.real(t, "curl f57rv0ie-7") != "curl zzzzzzzz-7" {
		t.Errorf("an epoch in the output was not learned: %v", known)
	}
}
