package loop_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// A loopsModel is a server with several loops, publishers at full speed, and clients that connect
// and disconnect all the time. A witness receives every message, so its stream shows in the end
// what each of the clients' sessions had to receive.
type loopsModel struct {
	s        *ssed.Server
	began    time.Time
	begun    [publishersOfModel]atomic.Int64 // by publisher: the calls of Publish that have begun
	returned atomic.Int64                    // calls of Publish that have returned
	truth    []truth                         // by number
}

const (
	publishersOfModel = 4
	keptOfModel       = 8                      // messages of each namespace
	ageOfModel        = 200 * time.Millisecond // of messages below /aged
)

// A truth is a message as the witness has received it.
type truth struct {
	namespace        string
	publisher, index int
	at               time.Duration // when its publisher called Publish
}

// A session is one connection of a client.
type session struct {
	set       []string
	after     uint64        // with an id: its number
	last      int           // "last" of the request; -1: none
	since     time.Duration // "since" of the request; -1: none
	sent      time.Duration // when the request was sent
	returned  int64         // calls of Publish that had returned before
	begun     [publishersOfModel]int64
	events    []sessionEvent
	hasID     bool
	completed bool // it has received the last message
}

// A sessionEvent is a message or, if covers is not 0, a gap event.
type sessionEvent struct {
	seq, covers uint64
	capped      bool // the gap event covers the whole replay: see window.lostOf
	at          time.Duration
	begun       int64 // calls of Publish that had begun, for gap events
}

func (m *loopsModel) now() time.Duration { return time.Since(m.began) }

func (m *loopsModel) allBegun() (all [publishersOfModel]int64, sum int64) {
	for p := range m.begun {
		all[p] = m.begun[p].Load()
		sum += all[p]
	}
	return all, sum
}

var namespacesOfModel = []string{"/a", "/a/b", "/a/b/c", "/ab", "/aged", "/aged/x", "/all"}

// publish publishes the messages of one publisher.
func (m *loopsModel) publish(t *testing.T, publisher, messages int) {
	random := rand.New(rand.NewPCG(uint64(publisher), 19))
	for i := range messages {
		ns := namespacesOfModel[random.IntN(len(namespacesOfModel))]
		m.begun[publisher].Add(1)
		data := fmt.Sprintf("%d %d %d %s %s", publisher, i, m.now(), ns, strings.Repeat("x", random.IntN(600)))
		if err := m.s.Publish(context.Background(), sse.Message{Namespace: ns, Data: []byte(data)}); err != nil {
			t.Error(err)
			return
		}
		m.returned.Add(1)
	}
}

// numberOf returns the number in an id.
func numberOf(id string) (seq uint64) {
	fmt.Sscanf(id[strings.Index(id, "-")+1:], "%d", &seq)
	return seq
}

// witness reads the truth until the last message.
func (m *loopsModel) witness(t *testing.T, r *bufio.Reader) {
	for {
		e, err := readEvent(r)
		if err != nil {
			t.Errorf("the witness: %v", err)
			return
		}
		if seq := numberOf(e.id); seq != uint64(len(m.truth)) {
			t.Errorf("the witness got %+v, want number %d", e, len(m.truth))
			return
		}
		var x truth
		if _, err := fmt.Sscanf(e.data, "%d %d %d %s ", &x.publisher, &x.index, &x.at, &x.namespace); err != nil {
			x = truth{namespace: "/end"}
		}
		if m.truth = append(m.truth, x); x.namespace == "/end" {
			return
		}
	}
}

// readEvent is nextEvent for any goroutine.
func readEvent(r *bufio.Reader) (e event, err error) {
	for {
		text, err := r.ReadString('\n')
		if err != nil {
			return e, err
		}
		switch field, value, _ := strings.Cut(strings.TrimSuffix(text, "\n"), ":"); field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data += value
		case "":
			if e != (event{}) {
				return e, nil
			}
		}
	}
}

// client opens one session after another until it has received the last message.
func (m *loopsModel) client(t *testing.T, seed uint64) (sessions []*session) {
	random := rand.New(rand.NewPCG(seed, 20))
	sets := [][]string{{"/"}, {"/a", "/end"}, {"/a/b", "/aged", "/end"}, {"/ab", "/end"}, {"/aged/x", "/end"}, {"/all", "/end"}}
	id := ""
	var set []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		v := &session{last: -1, since: -1, hasID: id != ""}
		if v.hasID && random.IntN(4) > 0 || m.returned.Load() == 0 {
			v.after = numberOf(cmp.Or(id, "-0"))
		} else {
			id, v.hasID = "", false
			set = sets[random.IntN(len(sets))]
			switch random.IntN(3) {
			case 0:
				v.last = random.IntN(keptOfModel + 1)
			case 1:
				v.since = time.Duration(random.IntN(300)) * time.Millisecond
			}
		}
		if set == nil {
			set = sets[0]
		}
		v.set = set
		id = m.visit(t, v, id, random)
		if sessions = append(sessions, v); v.completed {
			return sessions
		}
	}
	t.Errorf("client %d has not received the last message in %d sessions", seed, len(sessions))
	return sessions
}

// visit runs one session. It disconnects at random, and returns the id of the last event.
func (m *loopsModel) visit(t *testing.T, v *session, id string, random *rand.Rand) string {
	conn, err := net.Dial("tcp", m.s.ListenAddrs()[0].String())
	if err != nil {
		t.Error(err)
		return id
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	query := "ns=" + strings.Join(v.set, "&ns=")
	if v.last >= 0 {
		query += fmt.Sprint("&last=", v.last)
	}
	if v.since >= 0 {
		query += fmt.Sprint("&since=", v.since)
	}
	if id != "" {
		query += "&last_event_id=" + id
	}
	v.sent, v.returned = m.now(), m.returned.Load()
	fmt.Fprintf(conn, "GET /subscribe?%s HTTP/1.1\r\nHost: x\r\n\r\n", query)
	r := bufio.NewReader(conn)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 200 {
		t.Error(res, err)
		return id
	}
	v.begun, _ = m.allBegun()
	for left := random.IntN(600); left > 0; left-- {
		e, err := readEvent(r)
		if err != nil {
			t.Errorf("%+v: %v", v.set, err)
			return id
		}
		if e.name == "gap" {
			var g sse.Gap
			json.Unmarshal([]byte(e.data), &g)
			_, begun := m.allBegun()
			v.events = append(v.events, sessionEvent{covers: numberOf(g.CompleteAfter), capped: g.CompleteAfter == g.Newest, at: m.now(), begun: begun})
			continue
		}
		id = e.id
		v.events = append(v.events, sessionEvent{seq: numberOf(id)})
		if e.data == "end" {
			v.completed = true
			return id
		}
	}
	io.CopyN(io.Discard, r, int64(random.IntN(50))) // it leaves in the middle of a frame
	return id
}

// TestLoopsAgainstModel disconnects clients of several loops at random. They reconnect on any loop,
// with the id of their last event, with "last" or with "since". Each must receive every message
// once and in order, or a gap event that is true. Requests for /healthz block single loops for some
// milliseconds, so that they deliver at different times.
func TestLoopsAgainstModel(t *testing.T) {
	for loops := 2; loops <= 3; loops++ {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) { runLoopsModel(t, loops, testtool.FewerUnderRace(20_000)) })
	}
}

func runLoopsModel(t *testing.T, loops, messages int) {
	stall := func() string {
		time.Sleep(time.Duration(rand.IntN(15)) * time.Millisecond)
		return ""
	}
	m := &loopsModel{began: time.Now(), truth: make([]truth, 1), s: serve(t, ssed.Options{
		Loops: loops, MailboxBytesMax: 8 << 10, Unfit: stall,
		BacklogBytesMax: 1 << 30, BacklogTotalBytesMax: 1 << 30, // the witness may lag
		History: []ssed.HistoryRule{
			{Prefix: "/", Messages: keptOfModel}, {Prefix: "/all", Messages: 1 << 20},
			{Prefix: "/aged", Messages: 1 << 20, Age: ageOfModel},
		}})}
	_, r := subscribe(t, m.s, "/subscribe/")
	var all, publishers, stalls sync.WaitGroup
	all.Go(func() { m.witness(t, r) })
	sessions := make([][]*session, 6)
	for i := range sessions {
		all.Go(func() { sessions[i] = m.client(t, uint64(i)) })
	}
	for i := range publishersOfModel {
		publishers.Go(func() { m.publish(t, i, messages) })
	}
	published := make(chan struct{})
	stalls.Go(func() {
		for {
			select {
			case <-published:
				return
			case <-time.After(10 * time.Millisecond):
				health(t, m.s, "GET", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
			}
		}
	})
	publishers.Wait()
	close(published)
	stalls.Wait()
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	for waiting := true; waiting; { // a session may begin after one "end"
		publishTo(t, m.s, "/end", "end")
		select {
		case <-ended:
			waiting = false
		case <-time.After(10 * time.Millisecond):
		}
	}
	if t.Failed() {
		return // the truth may be incomplete
	}
	visits, gaps := 0, 0
	for i, of := range sessions {
		for _, v := range of {
			visits++
			for _, e := range v.events {
				if e.covers > 0 {
					gaps++
				}
			}
			if err := m.check(v); err != nil {
				t.Errorf("client %d of %v, after %d, last=%d, since=%v: %v", i, v.set, v.after, v.last, v.since, err)
			}
		}
	}
	if t.Logf("%d sessions, %d gap events", visits, gaps); gaps == 0 {
		t.Error("no client has missed messages, so the test checks too little")
	}
}
