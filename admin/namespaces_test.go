package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ssed/ssed/loop"
)

// A place is a subscriber's stream, which has a loop and a number, and what the loop reports of it.
type place struct {
	loop              int
	stream, published uint64
	set               []string
}

// TestSetsOf verifies the count of each set, and when its stream changes.
func TestSetsOf(t *testing.T) {
	a, b, both := []string{"/a"}, []string{"/b"}, []string{"/a", "/b"}
	for _, tt := range []struct {
		name  string
		loops int
		conns []place // the oldest first
		want  string  // the namespaces, the subscribers, the messages and the stream
	}{
		{"nobody", 2, nil, "[]"},
		{"one loop: the stream keeps its number", 1, []place{{0, 7, 5, a}, {0, 7, 6, a}, {0, 9, 1, b}}, "[{[/a] 2 6 7} {[/b] 1 1 9}]"},
		{"a set on two loops", 2, []place{{0, 1, 50, a}, {1, 1, 10, a}}, "[{[/a] 2 50 2}]"},
		{"the oldest subscriber is on the other loop", 2, []place{{1, 1, 50, a}, {0, 1, 10, a}}, "[{[/a] 2 50 3}]"},
		{"a lagging loop", 2, []place{{0, 1, 50, a}, {1, 1, 51, a}}, "[{[/a] 2 50 2}]"},
		{"the count of the last subscriber of the stream", 2, []place{{1, 1, 50, a}, {0, 1, 99, a}, {1, 1, 52, a}}, "[{[/a] 3 52 3}]"},
		{"the oldest has left, and another loop counts", 2, []place{{0, 1, 12, a}, {1, 1, 54, a}}, "[{[/a] 2 12 2}]"},
		{"the set was empty in between", 2, []place{{0, 4, 0, a}}, "[{[/a] 1 0 8}]"},
		{"equal numbers on two loops are two streams", 3, []place{{0, 1, 1, a}, {1, 1, 2, b}, {2, 1, 3, both}}, "[{[/a] 1 1 3} {[/a /b] 1 3 5} {[/b] 1 2 4}]"},
	} {
		var conns []loop.SubscriberInfo
		for i, p := range tt.conns {
			conns = append(conns, loop.SubscriberInfo{ID: loop.ConnID(i), Loop: p.loop, Stream: p.stream, Published: p.published, Namespaces: p.set})
		}
		if got := fmt.Sprint(setsOf(conns, tt.loops).Namespaces); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestStreamsAreUnique verifies that no two streams of a daemon have the same number in
// namespaces.json.
func TestStreamsAreUnique(t *testing.T) {
	const loops = 3
	var all []uint64
	for number := range uint64(100) {
		for i := range loops {
			all = append(all, streamID(&loop.SubscriberInfo{Loop: i, Stream: number}, loops))
		}
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 100*loops {
		t.Errorf("%d streams have %d numbers", 100*loops, n)
	}
}

// A countingDaemon counts how often its loops are asked.
type countingDaemon struct {
	Daemon
	loops []loop.Stats
	asked int
}

func (d *countingDaemon) Stats(context.Context) (loop.Stats, error) {
	d.asked++
	return loop.Stats{Subscribers: 9}, nil
}

func (d *countingDaemon) LoopStats(context.Context) ([]loop.Stats, error) {
	d.asked++
	if d.loops == nil {
		return nil, errors.New("no answer")
	}
	return d.loops, nil
}

// TestOneLoopIsAskedOnce verifies the questions for the figures, and that publishers outside the
// loops are only added to the daemon's.
func TestOneLoopIsAskedOnce(t *testing.T) {
	for _, tt := range []struct {
		loops              []loop.Stats
		asked, subscribers int
		fails              bool
	}{
		{[]loop.Stats{{Subscribers: 5}}, 1, 5, false},
		{[]loop.Stats{{Subscribers: 5}, {Subscribers: 3}}, 2, 9, false},
		{nil, 1, 0, true},
	} {
		daemon := &countingDaemon{loops: tt.loops}
		s := &Server{opts: Options{Daemon: daemon, Publishers: func(s *loop.Stats) { s.Publishers += 7 }}}
		stats, loops, err := s.allStats(t.Context())
		if daemon.asked != tt.asked || stats.Subscribers != tt.subscribers || len(loops) != len(tt.loops) || (err != nil) != tt.fails {
			t.Errorf("%v: asked %d times, %+v, %v, %v", tt.loops, daemon.asked, stats, loops, err)
		}
		if !tt.fails && (stats.Publishers != 7 || loops[0].Publishers != 0) {
			t.Errorf("%v: %d publishers, and %d of a loop", tt.loops, stats.Publishers, loops[0].Publishers)
		}
	}
}
