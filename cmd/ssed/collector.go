package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The collector runs when the heap has grown by sparePercent above its live bytes. Small heaps may
// grow by spareBytes instead if that is more, but never to more than twice the live bytes. The
// percentage can be low because the large parts of a large heap, history and backlog, contain no
// pointers, so a collection is cheap regardless of their size.
const (
	spareBytes   = 16 << 20
	sparePercent = 15
)

// collectorPercent returns the value of GOGC for a heap with the given number of live bytes.
func collectorPercent(live uint64) int {
	percent := spareBytes * 100 / max(live, 1)
	return int(min(max(percent, sparePercent), 100))
}

// boundCollector sets GOGC to collectorPercent after every collection, as long as the process runs.
// A GOGC in the environment takes precedence.
func boundCollector() {
	if os.Getenv("GOGC") != "" { // the runtime treats an empty GOGC as unset
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

// notifyCollected sends to c after the next collection. It allocates an unreachable object and adds
// a cleanup, which the runtime calls when it has collected the object.
func notifyCollected(c chan<- struct{}) {
	type marker struct{ _ [64]byte } // large enough to get its own memory: the runtime batches tiny objects
	runtime.AddCleanup(new(marker), func(c chan<- struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}, c)
}
