package subreq

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/nsindex"
)

// FuzzParse compares the results of Parse with a model, for a path, a query and two fields. The
// model decodes everything with net/url, and makes one pass over the query for each question.
func FuzzParse(f *testing.F) {
	for _, query := range []string{"", "last=3", "last=-1", "last=x", "since=30s", "since=-1s", "since=2562047h", "last_event_id=a-1&lastEventId=b-2",
		"ns=/pets&last=1&since=5m&lastEventId=", "last=1&last=2", "l%61st=1", "lastEventId=%zz", "last=%31", "lastEventId=a+b%2d1", "token=a&token=b", "token=%z", "ns=%2fa&ns=/b", "&&ns=/a&", "ns[]=/a&ns%5b0%5d=/b", "topic=/a", "NS=/a", "ns[a]=/b", "+ns=/a", "n%zz"} {
		f.Add([]byte("/pets"), []byte(query), []byte(nil), []byte(nil))
	}
	f.Add([]byte("/"), []byte("lastEventId=a-1"), []byte("b-2"), []byte("Bearer x"))
	f.Add([]byte(""), []byte("ns=/"), []byte(""), []byte("Basic x"))
	f.Fuzz(func(t *testing.T, below, query, id, authorization []byte) {
		if len(below) > 0 && below[0] != '/' {
			below = append([]byte("/"), below...)
		}
		req := &httpparse.Request{Method: []byte("GET"), Path: append([]byte("/subscribe"), below...), Query: query}
		if id != nil {
			req.Fields = append(req.Fields, httpparse.Field{Name: []byte("last-event-id"), Value: id})
		}
		if authorization != nil {
			req.Fields = append(req.Fields, httpparse.Field{Name: []byte("authorization"), Value: authorization})
		}
		r, refusal := parse(req)
		m := model{string(below), string(query), string(id), string(authorization)}
		set, ok := m.set()
		if ok != (refusal == Refusal{}) || !ok && refusal.Status != 400 {
			t.Fatalf("%+v: %+v, the model has %v", m, refusal, ok)
		}
		if !ok {
			return
		}
		if !slices.Equal(r.Set.Members(), set.Members()) {
			t.Fatalf("%+v: %q, want %q", m, r.Set.Members(), set.Members())
		}
		if token := m.token(); string(r.Token) != token {
			t.Fatalf("%+v: the token is %q, the model has %q", m, r.Token, token)
		}
		want, ok := m.resume()
		if ok != (r.BadResume == Refusal{}) {
			t.Fatalf("%+v: %+v, the model has %v", m, r.BadResume, ok)
		}
		if ok && (string(r.Resume.ID) != string(want.ID) || r.Resume.Last != want.Last || r.Resume.Since != want.Since) {
			t.Fatalf("%+v: %+v, the model has %+v", m, r.Resume, want)
		}
	})
}

// A model is a request that is parsed in the simplest way.
type model struct{ below, query, id, authorization string }

// values returns the decoded values of the parameters with these names. ok is false if one of them
// cannot be decoded.
func (m model) values(names ...string) (values [][2]string, ok bool) {
	for _, pair := range strings.Split(m.query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		name, err := modelName(name)
		if err != nil {
			return nil, false
		}
		if !slices.Contains(names, name) {
			continue
		}
		value, err := url.QueryUnescape(raw)
		if err != nil || strings.Contains(value, "\x00") && strings.Contains(raw, "%00") {
			return nil, false
		}
		values = append(values, [2]string{name, value})
	}
	return values, true
}

// modelName decodes a name. If it returns an error, a request with this name is refused.
func modelName(raw string) (string, error) {
	name, err := url.QueryUnescape(raw)
	switch {
	case err != nil || strings.Contains(raw, "%00"):
		return "", strconv.ErrSyntax
	case regexp.MustCompile(`^ns\[[0-9]*\]$`).MatchString(name):
		return "ns", nil
	case name != "ns" && regexp.MustCompile(`^(?i:ns|namespaces?|topics?|channels?)$`).MatchString(strings.TrimSpace(regexp.MustCompile(`(?s)[.\[].*`).ReplaceAllString(name, ""))):
		return "", strconv.ErrSyntax
	}
	return name, nil
}

func (m model) set() (set nsindex.Set, ok bool) {
	values, ok := m.values("ns")
	if !ok {
		return set, false
	}
	var namespaces []string
	if m.below != "" && (m.below != "/" || len(values) == 0) {
		ns, err := url.PathUnescape(m.below)
		if err != nil || strings.Contains(m.below, "%00") {
			return set, false
		}
		namespaces = append(namespaces, ns)
	}
	for _, v := range values {
		namespaces = append(namespaces, v[1])
	}
	set, err := nsindex.NewSet(namespaces...)
	return set, err == nil
}

func (m model) token() string {
	if scheme, token, ok := strings.Cut(m.authorization, " "); ok && strings.EqualFold(scheme, "bearer") && len(m.authorization) > 7 {
		return strings.TrimLeft(token, " ")
	}
	for _, pair := range strings.Split(m.query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		if name, _ := modelName(name); name == "token" {
			token, err := url.QueryUnescape(raw)
			if err != nil || strings.Contains(raw, "%00") {
				return ""
			}
			return token
		}
	}
	return ""
}

func (m model) resume() (r Resume, ok bool) {
	r = Resume{Last: -1, Since: -1}
	values, ok := m.values("last", "since", "last_event_id", "lastEventId")
	if !ok {
		return r, false
	}
	for _, v := range values {
		switch name, value := v[0], v[1]; {
		case value == "":
		case name == "last":
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				return r, false
			}
			r.Last = n
		case name == "since":
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 {
				return r, false
			}
			r.Since = d
		default:
			r.ID = []byte(value)
		}
	}
	if m.id != "" {
		r.ID = []byte(m.id)
	}
	return r, true
}
