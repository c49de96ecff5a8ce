package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The heap may grow by so much above what is in use before the collector runs: by
// sparePercent, by spareBytes where that is more, but never by more than what is in
// use. The large parts of a large heap, history and backlog, hold no pointers, so that
// a collection costs little however large they are.
const (
	spareBytes   = 16 << 20
	sparePercent = 15
)

// collectorPercent returns the value of GOGC for a heap with so many live bytes.
func collectorPercent(live uint64) int {
	percent := spareBytes * 100 / max(live, 1)
	return int(min(max(percent, sparePercent), 100))
}

// boundCollector adjusts GOGC after each collection, for the life of the process, as
// collectorPercent says. A GOGC in the environment wins.
func boundCollector() {
	if os.Getenv("GOGC") != "" { // the runtime takes an empty one for none
		return
	}
	collected := make(chan struct{}, 1)
	go func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		present := 100
		for range collected {
			notifyCollected(collected)
			metrics.Read(live)
			if percent := collectorPercent(live[0].Value.Uint64()); percent != present {
				present = percent
				debug.SetGCPercent(percent)
			}
		}
	}()
	notifyCollected(collected)
}

// notifyCollected sends to c after the next collection. It allocates an object that
// nothing refers to, and has the runtime tell when that is gone.
func notifyCollected(c chan<- struct{}) {
	type marker struct{ _ [64]byte } // not so small that it shares its memory with others
	runtime.AddCleanup(new(marker), func(c chan<- struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}, c)
}
