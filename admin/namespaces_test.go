package admin

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ssed/ssed/loop"
)

// A place is a subscriber's stream, which has a number, and the count that its loop reports of it.
type place struct {
	stream, published uint64
	set               []string
}

// TestSetsOf verifies the count of each set, and when its stream changes. A set with two streams is
// on two loops.
func TestSetsOf(t *testing.T) {
	a, b := []string{"/a"}, []string{"/b"}
	for _, tt := range []struct {
		name  string
		conns []place // the oldest first
		want  string  // the namespaces, the subscribers, the messages and the stream
	}{
		{"nobody", nil, "[]"},
		{"one loop", []place{{7, 5, a}, {7, 6, a}, {9, 1, b}}, "[{[/a] 2 6 7} {[/b] 1 1 9}]"},
		{"a set on two loops", []place{{1, 50, a}, {2, 10, a}}, "[{[/a] 2 50 1}]"},
		{"the oldest subscriber is on the other loop", []place{{2, 50, a}, {1, 10, a}}, "[{[/a] 2 50 2}]"},
		{"a lagging loop", []place{{1, 50, a}, {2, 51, a}}, "[{[/a] 2 50 1}]"},
		{"the count of the last subscriber of the stream", []place{{2, 50, a}, {1, 99, a}, {2, 52, a}}, "[{[/a] 3 52 2}]"},
		{"the oldest has left, and another loop counts", []place{{1, 12, a}, {2, 54, a}}, "[{[/a] 2 12 1}]"},
		{"the set was empty in between", []place{{4, 0, a}}, "[{[/a] 1 0 4}]"},
	} {
		var conns []loop.SubscriberInfo
		for i, p := range tt.conns {
			conns = append(conns, loop.SubscriberInfo{ID: loop.ConnID(i), Stream: p.stream, Published: p.published, Namespaces: p.set})
		}
		if got := fmt.Sprint(setsOf(conns).Namespaces); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A countingDaemon counts how often it is asked.
type countingDaemon struct {
	Daemon
	loops []loop.Stats
	asked int
}

func (d *countingDaemon) LoopStats(context.Context) ([]loop.Stats, error) {
	d.asked++
	if d.loops == nil {
		return nil, errors.New("no answer")
	}
	return d.loops, nil
}

// TestLoopsAreAskedOnce verifies that one question yields the figures of the daemon and of its
// loops, and that publishers outside the loops are only added to the daemon's.
func TestLoopsAreAskedOnce(t *testing.T) {
	for _, tt := range []struct {
		loops       []loop.Stats
		subscribers int
		fails       bool
	}{
		{[]loop.Stats{{Subscribers: 5}}, 5, false},
		{[]loop.Stats{{Subscribers: 5}, {Subscribers: 3}}, 8, false},
		{nil, 0, true},
	} {
		daemon := &countingDaemon{loops: tt.loops}
		s := &Server{opts: Options{Daemon: daemon, Publishers: func(s *loop.Stats) { s.Publishers += 7 }}}
		stats, loops, err := s.stats(t.Context())
		if daemon.asked != 1 || stats.Subscribers != tt.subscribers || len(loops) != len(tt.loops) || (err != nil) != tt.fails {
			t.Errorf("%v: asked %d times, %+v, %v, %v", tt.loops, daemon.asked, stats, loops, err)
		}
		if !tt.fails && (stats.Publishers != 7 || loops[0].Publishers != 0) {
			t.Errorf("%v: %d publishers, and %d of a loop", tt.loops, stats.Publishers, loops[0].Publishers)
		}
	}
}
