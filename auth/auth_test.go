package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseTable(t *testing.T) {
	for _, tt := range []struct {
		name, lines string
		words       string // what the error must say; "" means accepted
	}{
		{"nothing", "", ""},
		{"a token alone may do all", "s3cret-s3cret", ""},
		{"rights", "s3cret-s3cret subscribe,publish", ""},
		{"rights and a prefix", "s3cret-s3cret publish /pets", ""},
		{"all four rights", "s3cret-s3cret subscribe,publish,admin,metrics /", ""},
		{"comments and empty lines", "# who\n\n  s3cret-s3cret  \n", ""},
		{"too short", "abc", "line 1: the token has 3 bytes; at least 8 are required"},
		{"one byte", "T", "line 1: the token has 1 byte; at least 8 are required"},
		{"an unknown right", "\ns3cret-s3cret fly", "line 2: its second field is not a list of rights"},
		{"an empty right", "s3cret-s3cret publish,", "not a list of rights"},
		{"the fields are swapped", "subscribe s3cret-s3cret", "it begins with a right"},
		{"a passphrase with spaces", "correct-horse s3cret-battery", "not a list of rights"},
		{"a bad prefix", "s3cret-s3cret publish pets", `namespace "pets" must start with "/"`},
		{"too many fields", "s3cret-s3cret publish /pets now", "more than three"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseTable(strings.Split(tt.lines, "\n"))
			if (err == nil) != (tt.words == "") {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				return
			}
			if !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("the error is %q, want it to contain %q", err, tt.words)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows a token: %q", err)
			}
		})
	}
}

func TestParseTableReportsTenBadLines(t *testing.T) {
	lines := []string{"good-token-0"}
	for range 11 {
		lines = append(lines, "s3cret-s3cret fly", "", "good-token-1 admin")
	}
	_, err := ParseTable(lines)
	if err == nil || !errors.Is(err, ErrToken) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %q", err)
	}
	for i := range 11 {
		line := fmt.Sprintf("bad token line %d: ", 3*i+2)
		if told := strings.Contains(err.Error(), line); told != (i < 10) {
			t.Errorf("%q: %t, in %q", line, told, err)
		}
	}
}

func TestGrant(t *testing.T) {
	table, err := ParseTable([]string{
		"everything-goes",
		"only-reads-pets subscribe /pets",
		"writes-in-two-places publish /pets",
		"writes-in-two-places publish /time",
		"scrapes-figures metrics",
		"operates-it admin",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		token string
		right Right
		ns    string
		known bool
		may   bool
	}{
		{"everything-goes", Subscribe, "/", true, true},
		{"everything-goes", Publish, "/a/b", true, true},
		{"everything-goes", Admin, "/", true, true},
		{"everything-goes", Metrics, "/", true, true},
		{"scrapes-figures", Metrics, "/", true, true},
		{"scrapes-figures", Admin, "/", false, false},
		{"scrapes-figures", Subscribe, "/", false, false},
		{"scrapes-figures", Publish, "/", false, false},
		{"operates-it", Admin, "/", true, true},
		{"operates-it", Metrics, "/", true, true},
		{"operates-it", Publish, "/", false, false},
		{"only-reads-pets", Metrics, "/pets", false, false},
		{"only-reads-pets", Subscribe, "/pets/dogs", true, true},
		{"only-reads-pets", Subscribe, "/petsmart", true, false},
		{"only-reads-pets", Subscribe, "/", true, false},
		{"only-reads-pets", Publish, "/pets", false, false},
		{"writes-in-two-places", Publish, "/time", true, true},
		{"writes-in-two-places", Publish, "/pets/x", true, true},
		{"writes-in-two-places", Publish, "/", true, false},
		{"writes-in-two-place", Publish, "/time", false, false},
		{"", Publish, "/", false, false},
	} {
		grant, known := table.Grant([]byte(tt.token), tt.right)
		if known != tt.known || grant.Allows([]byte(tt.ns)) != tt.may {
			t.Errorf("%q for %d at %s: known %t, allowed %t", tt.token, tt.right, tt.ns, known, grant.Allows([]byte(tt.ns)))
		}
	}
}

func TestRequired(t *testing.T) {
	var none *Table
	if none.Required(Publish) {
		t.Error("a nil table requires a token")
	}
	if _, ok := none.Grant([]byte("s3cret-s3cret"), Publish); ok {
		t.Error("a nil table accepts a token")
	}
	table, err := ParseTable([]string{"s3cret-s3cret publish"})
	if err != nil {
		t.Fatal(err)
	}
	if !table.Required(Publish) || table.Required(Subscribe) || table.Required(Admin) {
		t.Error("a token for publishing requires tokens for other rights")
	}
	scraper, err := ParseTable([]string{"s3cret-s3cret metrics"})
	if err != nil {
		t.Fatal(err)
	}
	if !scraper.Required(Metrics) || scraper.Required(Admin) || scraper.Required(Subscribe) || scraper.Required(Publish) {
		t.Error("a token for metrics requires tokens for other rights")
	}
}

func TestAnd(t *testing.T) {
	one, err := ParseTable([]string{"first-token"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := ParseTable([]string{"second-token publish", "# comment"})
	if err != nil {
		t.Fatal(err)
	}
	var none *Table
	both := one.And(two).And(none)
	if both.Len() != 2 || none.Len() != 0 || none.And(nil).Len() != 0 {
		t.Errorf("%d tokens", both.Len())
	}
	for _, token := range []string{"first-token", "second-token"} {
		if _, ok := both.Grant([]byte(token), Publish); !ok {
			t.Errorf("%s is missing", token)
		}
	}
}

func TestOpens(t *testing.T) {
	table := func(lines ...string) *Table {
		table, err := ParseTable(lines)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	both := table("first-token subscribe", "second-token publish")
	for _, tt := range []struct {
		name     string
		new, old *Table
		want     string
	}{
		{"the same", both, both, "[]"},
		{"one right is left", table("second-token publish"), both, "[subscribe]"},
		{"nothing is left", nil, both, "[subscribe publish]"},
		{"more than before", both, table("second-token publish"), "[]"},
		{"the scraper's token does not count", table("first-token subscribe"), table("first-token subscribe", "scraper-token metrics"), "[]"},
		{"the operator's right does not count", table("first-token subscribe"), table("first-token subscribe", "admin-token admin"), "[admin]"},
		{"another token of the same right", table("third-token subscribe,publish"), both, "[]"},
	} {
		if got := fmt.Sprint(tt.new.Opens(tt.old)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
