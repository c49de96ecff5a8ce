package publish

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		line string
		want string // verb, namespace, event, data, size, word, quiet; or the code
	}{
		{"PUB /a e d d", `1 "/a" "e" "d d" 0 "" false`},
		{"PUB a e ", `1 "a" "e" "" 0 "" false`}, // parse does not check the namespace
		{"PUB /a - d", `1 "/a" "" "d" 0 "" false`},
		{"PUB /a -- d", `1 "/a" "--" "d" 0 "" false`},
		{"PUBN /a e 12", `2 "/a" "e" "" 12 "" false`},
		{"PUBN /a - 999999999999999999", `2 "/a" "" "" 999999999999999999 "" false`},
		{"AUTH a b ", `4 "" "" "" 0 "a b " false`},
		{"PING", `5 "" "" "" 0 "" false`},
		{"QUIET on", `6 "" "" "" 0 "" true`},
		{"QUIET off", `6 "" "" "" 0 "" false`},
		{"QUIT", `7 "" "" "" 0 "" false`},
		{"GET / HTTP/1.1", `8 "" "" "" 0 "" false`},
		{"HOST: example.org", `8 "" "" "" 0 "" false`},
		{"KEY a", `3 "" "" "" 0 "a" false`},
		{"KEY", "syntax"},
		{"KEY a b", "syntax"},
		{"KEY  a", "syntax"},
		{"PUBN /a e ", "syntax"},
		{"PUBN /a e +1", "syntax"},
		{"PUBN /a e 1 ", "syntax"},
		{"PUBN /a e 0x1", "syntax"},
		{"QUIET ON", "syntax"},
		{"QUIET on ", "syntax"},
		{"PUBB /a e d", "syntax"},
		{"\tPING", "syntax"},
		{"HTTP", "syntax"},
	}
	for _, tt := range tests {
		var c command
		err := parse([]byte(tt.line), &c)
		got := fmt.Sprintf("%d %q %q %q %d %q %v", c.verb, c.namespace, c.event, c.data, c.size, c.word, c.quiet)
		if err != nil {
			got = err.Code
		}
		if got != tt.want {
			t.Errorf("%q is %s, want %s", tt.line, got, tt.want)
		}
	}
}

func TestTokensAreNotEchoed(t *testing.T) {
	const token = "s3cret"
	_, out, _, _ := feed(&guarded, []byte("AUTH "+token+"\nAUTH  "+token+"\nAUTH "+token+" x\n"), 99)
	if strings.Contains(out, token) || strings.Count(out, "ERR auth") != 3 {
		t.Errorf("replies are %q", out)
	}
}

func TestParseReply(t *testing.T) {
	tests := []struct {
		line     string
		sequence uint64
		err      string
	}{
		{"OK", 0, "<nil>"},
		{"OK 18446744073709551615", 18446744073709551615, "<nil>"},
		{"PONG", 0, "<nil>"},
		{"ERR busy try again", 0, "busy: try again"},
		{"OK x", 0, `invalid reply "OK x": expected ssed's line protocol; check the address`},
		{"HTTP/1.1 400 Bad Request", 0, `invalid reply "HTTP/1.1 400 Bad Request": expected ssed's line protocol; check the address`},
	}
	for _, tt := range tests {
		sequence, err := parseReply([]byte(tt.line))
		if sequence != tt.sequence || fmt.Sprint(err) != tt.err {
			t.Errorf("%q is %d, %v", tt.line, sequence, err)
		}
	}
}
