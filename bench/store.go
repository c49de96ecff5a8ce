package main

import (
	"cmp"
	"os"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// keeper runs a case on a daemon that keeps messages. It prepares the spec, calls play, and cleans
// up.
type keeper func(b *bench, spec server.Spec, play func(server.Spec) (values, error)) (values, error)

// keeping returns a case that runs on a daemon that keeps messages.
func keeping(where keeper, run func(*bench, server.Spec) (values, error)) func(*bench, server.Spec) (values, error) {
	return func(b *bench, spec server.Spec) (values, error) {
		return where(b, spec, func(spec server.Spec) (values, error) { return run(b, spec) })
	}
}

// memory keeps messages in the daemon's memory, as with --history alone. A store is compared with
// this, because the messages have ids in both cases.
func memory(_ *bench, spec server.Spec, play func(server.Spec) (values, error)) (values, error) {
	return play(spec.With(keepHistory))
}

// disk keeps messages in the daemon's own store. Each run gets a new store.
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

// onDisk adds whether a folder is on a disk, because a store in memory costs less.
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

// publishers returns a case with n publishers that read every OK.
func publishers(n int) func(*bench, server.Spec) (values, error) {
	return func(b *bench, spec server.Spec) (values, error) { return b.publishFrom(spec, n, true) }
}

// scannedSteadily runs the open loop of steady. It reads frames in the same way, whatever their ids
// look like.
func (b *bench) scannedSteadily(spec server.Spec) (values, error) {
	subscribers := cmp.Or(b.options.Subscribers, 1000)
	return b.messages(spec, load.Config{Topics: load.Split(subscribers, 1), RatePerSec: b.options.Rate, Scan: true})
}

const (
	storeServers = 3
	// clusterEach is the number of subscribers of each daemon. With so few, three daemons and the
	// load fit on two processors at the rate of steady.
	clusterEach = 300
)

// cluster runs daemons that share a store. All daemons share the server's processor, and the store
// shares the load's processor.
func (b *bench) cluster(spec server.Spec, daemons int) (values, error) {
	return b.daemonsOf(spec, daemons, storeServers, b.options.LoadCPU, cmp.Or(b.options.Subscribers, clusterEach))
}

// daemonsOf runs daemons that share a store of some NATS servers, each with some subscribers. The
// NATS servers are on the given processor. The messages are published to the first daemon at a rate
// that does not depend on the number of daemons.
func (b *bench) daemonsOf(spec server.Spec, daemons, servers, storeCPU, each int) (values, error) {
	parent := cmp.Or(b.options.StoreDir, b.dir)
	store, err := server.StartSharedStore(b.dir, parent, servers, storeCPU)
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
	config := load.Config{Topics: load.Split(each*daemons, 1), RatePerSec: b.options.Rate, Scan: true}
	for range daemons - 1 {
		p, err := server.StartBeside(first, spec, b.options.ServerCPU)
		if err != nil {
			return nil, err
		}
		defer p.Stop()
		config.Also = append(config.Also, p.Subscribe)
	}
	before, err := store.Work()
	if err != nil {
		return nil, ownError{err}
	}
	got, err := b.messagesOf(first, spec, config)
	if err != nil {
		return nil, err
	}
	work, err := store.Work()
	if err != nil {
		return nil, ownError{err}
	}
	messages := b.options.Rate * (b.options.warm() + b.options.measure()).Seconds()
	got = append(got, value{storePerMessage, (work - before).Seconds() * 1e6 / messages})
	return b.onDisk(got, parent)
}
