package main

import (
	"cmp"
	"os"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// keeper has a daemon keep messages: it prepares the spec, plays a case, and clears up.
type keeper func(b *bench, spec server.Spec, play func(server.Spec) (values, error)) (values, error)

// keeping is a case on a daemon that keeps messages.
func keeping(where keeper, run func(*bench, server.Spec) (values, error)) func(*bench, server.Spec) (values, error) {
	return func(b *bench, spec server.Spec) (values, error) {
		return where(b, spec, func(spec server.Spec) (values, error) { return run(b, spec) })
	}
}

// memory keeps them as the daemon does by itself. With a store they have ids, too, so it is this
// that a store is held against.
func memory(_ *bench, spec server.Spec, play func(server.Spec) (values, error)) (values, error) {
	return play(spec.With(keepHistory))
}

// disk keeps them in a store of the daemon's own, anew for each run.
func disk(b *bench, spec server.Spec, play func(server.Spec) (values, error)) (values, error) {
	folder, err := os.MkdirTemp(cmp.Or(b.options.StoreDir, b.dir), "ssed-bench-store-")
	if err != nil {
		return nil, ownError{err}
	}
	defer os.RemoveAll(folder)
	got, err := play(spec.WithStore(folder))
	if err != nil {
		return nil, err
	}
	return b.onDisk(got, folder)
}

// onDisk adds whether a folder is on a disk: in memory a store costs less.
func (b *bench) onDisk(got values, folder string) (values, error) {
	real, err := server.OnDisk(folder)
	if err != nil {
		return nil, ownError{err}
	}
	number := 0.0
	if real {
		number = 1
	}
	return append(got, value{storeOnDisk, number}), nil
}

// publishers is the way in from so many, with every OK read.
func publishers(n int) func(*bench, server.Spec) (values, error) {
	return func(b *bench, spec server.Spec) (values, error) { return b.publishFrom(spec, n, true) }
}

// scannedSteadily is the open loop of steady, read in the same way whatever ids look like.
func (b *bench) scannedSteadily(spec server.Spec) (values, error) {
	subscribers := cmp.Or(b.options.Subscribers, 1000)
	return b.messages(spec, load.Config{Topics: load.Split(subscribers, 1), RatePerSec: b.options.Rate, Scan: true})
}

const (
	storeServers = 3
	// clusterEach is how many subscribers each daemon has: with so few, three daemons and what
	// measures them fit two processors at the rate of steady.
	clusterEach = 300
)

// cluster has daemons share a store. The messages are published to the first daemon at a fixed
// rate, however many there are. All daemons have the server's processor together, and the store has
// that of the load.
func (b *bench) cluster(spec server.Spec, daemons int) (values, error) {
	parent := cmp.Or(b.options.StoreDir, b.dir)
	store, err := server.StartSharedStore(b.dir, parent, storeServers, b.options.LoadCPU)
	if err != nil {
		return nil, ownError{err}
	}
	defer store.Stop()
	spec = spec.WithSharedStore(store)
	first, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer first.Stop()
	each := cmp.Or(b.options.Subscribers, clusterEach)
	config := load.Config{Topics: load.Split(each*daemons, 1), RatePerSec: b.options.Rate, Scan: true}
	for range daemons - 1 {
		p, err := server.StartBeside(first, spec, b.options.ServerCPU)
		if err != nil {
			return nil, err
		}
		defer p.Stop()
		config.Also = append(config.Also, p.Subscribe)
	}
	got, err := b.messagesOf(first, spec, config)
	if err != nil {
		return nil, err
	}
	return b.onDisk(got, parent)
}
