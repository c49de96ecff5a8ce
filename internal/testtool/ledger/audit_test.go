package ledger

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ssed/ssed/sse"
)

// sentAs returns a ledger with the messages m1 to m5. All but m4 were acknowledged.
func sentAs() *Ledger {
	l := &Ledger{}
	for i := range 5 {
		if data := fmt.Sprintf("m%d", i+1); i == 3 {
			l.Send(data)
		} else {
			l.Ack(data, uint64(i+1))
		}
	}
	return l
}

// The scripted streams below are lists of frames. m1 is the message m1 with the id e-1. m1@7 is the
// same message with the id e-7, and x:m1@7 has the id x-7. gap(2,4) is a gap event for the messages
// after e-2 and up to e-4.
var audits = []struct {
	name, stream string
	audit        Audit
	fails        string // start of the expected error; empty: no error
}{
	{"all", "m1 m2 m3 m4 m5", Audit{InOrder: true}, ""},
	{"without the unacknowledged message", "m1 m2 m3 m5", Audit{InOrder: true}, ""},
	{"lost at the beginning", "m2 m3 m5", Audit{}, `lost: 1 of 4 acknowledged messages did not arrive, the first is "m1", acknowledged as 1`},
	{"lost in the middle", "m1 m3 m5", Audit{}, `lost: 1 of 4 acknowledged messages did not arrive, the first is "m2"`},
	{"lost at the end", "m1 m2", Audit{}, `lost: 2 of 4 acknowledged messages did not arrive, the first is "m3"`},
	{"nothing", "", Audit{}, "lost: 4 of 4"},
	{"repeated with its id", "m1 m2 m2 m3 m5", Audit{}, `repeated: message 2 is e-2 message "m2", which arrived before as e-2`},
	{"repeated with another id", "m1 m2 m3 m5 m2@6", Audit{}, "repeated: message 4"},
	{"repeated, and not acknowledged", "m1 m2 m3 m4 m5 m4@6", Audit{}, "repeated: message 5"},
	{"reordered", "m1 m3 m2 m5", Audit{}, `reordered: message 2 is e-2 message "m2", after e-3`},
	{"two messages with one id", "m1 m2 m3 m4@3 m5", Audit{}, "reordered: message 3"},
	{"reordered against sending", "m1 m2 m3 m5 m4@6", Audit{InOrder: true}, "reordered: message 4 is e-6 message \"m4\", which its publisher sent before"},
	{"sent again after others", "m1 m2 m3 m5 m4@6", Audit{}, ""},
	{"not as acknowledged", "m1 m2 m3@4 m5", Audit{}, `sequence: message 2 is e-4 message "m3", which was acknowledged as 3`},
	{"of no publisher", "m1 m2 m3 other@4 m5", Audit{}, `unknown: message 3 is e-4 message "other", which no publisher sent`},
	{"another epoch", "m1 m2 x:m3 m5", Audit{}, "epoch: message 2 is x-3"},
	{"resumed", "m3 m5", Audit{After: 2}, ""},
	{"resumed too early", "m2 m3 m5", Audit{After: 2}, "repeated: message 0 is e-2 message \"m2\", but the subscriber began after 2"},
	{"resumed too late", "m5", Audit{After: 2}, "lost: 1 of 2"},
	{"a gap that is not allowed", "m1 m2 gap(2,3) m5", Audit{}, "gap event after 2 messages"},
	{"a gap that covers", "m1 gap(1,3) m5", Audit{AllowGaps: true}, ""},
	{"a gap at the end", "m1 m2 gap(2,5)", Audit{AllowGaps: true}, ""},
	{"a gap that arrived too late", "m1 m5 gap(1,3)", Audit{AllowGaps: true}, "lost: 2 of 4"},
	{"a gap that is too short", "m1 gap(1,2) m5", Audit{AllowGaps: true}, `lost: 1 of 4 acknowledged messages did not arrive, the first is "m3"`},
	{"another event name", "m1 named:m2 m3 m5", Audit{}, "event: message 1 is e-2 named \"m2\""},
}

// TestAudit verifies the results of audits of scripted streams.
func TestAudit(t *testing.T) {
	for _, tt := range audits {
		t.Run(tt.name, func(t *testing.T) {
			server := scripted(t, frames(tt.stream)+"event:end\nid:e-99\ndata:end\n\n")
			s := StartSubscriber(t, SubscriberOptions{URL: server})
			s.WaitData(t, "end")
			got := s.State().Record
			got.Messages = got.Messages[:len(got.Messages)-1]
			tt.audit.Ledgers = []*Ledger{sentAs()}
			err := tt.audit.Check(got)
			if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.fails)) {
				t.Errorf("the audit returned %v, want %q", err, tt.fails)
			}
		})
	}
}

// frames writes a script as an event stream.
func frames(script string) string {
	var stream strings.Builder
	for _, word := range strings.Fields(script) {
		var after, until int
		if n, _ := fmt.Sscanf(word, "gap(%d,%d)", &after, &until); n == 2 {
			fmt.Fprintf(&stream, "event:gap\ndata:{\"reason\":\"expired\",\"asked\":\"e-%d\",\"complete_after\":\"e-%d\"}\n\n", after, until)
			continue
		}
		data, sequence, other := strings.Cut(word, "@")
		epoch, event := "e", ""
		if prefix, rest, ok := strings.Cut(data, ":"); ok && prefix == "named" {
			event, data = "event:named\n", rest
		} else if ok {
			epoch, data = prefix, rest
		}
		if !other {
			sequence = strings.TrimPrefix(data, "m")
		}
		fmt.Fprintf(&stream, "%sid:%s-%s\ndata:%s\n\n", event, epoch, sequence, data)
	}
	return stream.String()
}

// scripted starts a server that answers its n-th request with the n-th stream. It ends each stream
// except the last, which it keeps open.
func scripted(t *testing.T, streams ...string) (url string) {
	t.Helper()
	requests := make(chan string, len(streams))
	for _, stream := range streams {
		requests <- stream
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream := <-requests
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, strings.ReplaceAll(stream, "LAST", r.Header.Get("Last-Event-ID")))
		w.(http.Flusher).Flush()
		if len(requests) == 0 {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestSubscriberResumes verifies that a subscriber reconnects with its last id after a stream ends
// in the middle of an event.
func TestSubscriberResumes(t *testing.T) {
	for _, patient := range []bool{false, true} {
		t.Run(fmt.Sprintf("patient %v", patient), func(t *testing.T) {
			cut := "retry:10\n\n" + frames("m1 m2") + "id:e-3\ndata:m"
			url := scripted(t, cut, frames("m3"), "id:e-4\ndata:after LAST\n\n")
			s := StartSubscriber(t, SubscriberOptions{URL: url, LastEventID: "e-0", Patient: patient})
			l := &Ledger{}
			for i, data := range []string{"m1", "m2", "m3", "after e-3"} {
				l.Ack(data, uint64(i+1))
			}
			s.WaitAll(t, Audit{Ledgers: []*Ledger{l}})
			state := s.State()
			if state.Streams != 3 || state.Lost != 2 || s.LastID() != (sse.ID{Epoch: "e", Seq: 4}) {
				t.Errorf("%+v", state)
			}
		})
	}
}

// TestCounter verifies the errors of a Counter for lost, repeated and reordered messages.
func TestCounter(t *testing.T) {
	for _, tt := range []struct {
		name    string
		numbers []int // negative: a gap event for that number of messages
		fails   string
	}{
		{"in order", []int{0, 1, 2}, ""},
		{"lost", []int{0, 2}, "lost: message 2 arrived, but message 1 is missing"},
		{"repeated", []int{0, 1, 1}, "repeated or reordered: message 1 arrived, but message 2 was expected"},
		{"reordered", []int{1, 0}, "lost: message 1 arrived"},
		{"after a gap", []int{0, -2, 3}, ""},
		{"within a gap", []int{0, -2, 2}, "repeated or reordered: message 2 arrived"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c Counter
			var err error
			for _, number := range tt.numbers {
				if number < 0 {
					c.Miss(-number)
				} else if err == nil {
					err = c.Message(number)
				}
			}
			if got := fmt.Sprint(err); tt.fails == "" && err != nil || !strings.HasPrefix(got, tt.fails) && tt.fails != "" {
				t.Errorf("got %s, want %q", got, tt.fails)
			}
		})
	}
}
