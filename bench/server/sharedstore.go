package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// SharedStore is a NATS server, or a cluster of them, that daemons share as their store. Each
// server is a separate process.
type SharedStore struct {
	servers []*Process
	folder  string
}

// StartSharedStore builds the NATS server into dir and starts n servers on the given processor, or
// on any processor if cpu is negative. Several servers form a cluster. They keep messages in a new
// folder in parent until Stop. They may not have elected a leader when it returns. Starting an ssed
// with [Spec.WithSharedStore] waits for the leader.
func StartSharedStore(dir, parent string, n, cpu int) (*SharedStore, error) {
	path, err := compile(dir, "bench", "./nats")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(parent, "store-")
	if err != nil {
		return nil, err
	}
	s := &SharedStore{folder: folder}
	if err := s.start(path, n, cpu); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// start finds the addresses of all servers before it starts the first, because each server needs
// the addresses of the others.
func (s *SharedStore) start(path string, n, cpu int) error {
	var all []ports
	for range n {
		d, err := freePorts()
		if err != nil {
			return err
		}
		defer d.release()
		all = append(all, d)
	}
	var routes []string
	if n > 1 {
		for _, d := range all {
			routes = append(routes, d.publish)
		}
	} else {
		all[0].publish = all[0].subscribe // a single server does not listen for others
	}
	for i, d := range all {
		name := "nats-" + strconv.Itoa(i)
		spec := Spec{Name: name, Path: path, listenFlag: "-listen", publishFlag: "-cluster",
			Args: []string{"-name", name, "-store", filepath.Join(s.folder, name), "-routes", strings.Join(routes, ",")}}
		p, err := startAt(spec, cpu, d, nil)
		if err != nil {
			return fmt.Errorf("shared store: %w", err)
		}
		s.servers = append(s.servers, p)
	}
	return nil
}

// Work returns the time that all servers have spent on processors since their start.
func (s *SharedStore) Work() (total time.Duration, err error) {
	for _, p := range s.servers {
		work, err := WorkOf(p.PID)
		if err != nil {
			return 0, err
		}
		total += work
	}
	return total, nil
}

// Stop stops all servers and deletes their messages.
func (s *SharedStore) Stop() {
	for _, p := range s.servers {
		p.Stop()
	}
	os.RemoveAll(s.folder)
}

// WithSharedStore returns the spec of an ssed that uses a shared store. Each server of the store
// has a replica of the stream.
func (s Spec) WithSharedStore(store *SharedStore) Spec {
	s.stored = true
	for _, p := range store.servers {
		s = s.With("--nats=nats://" + p.Subscribe)
	}
	return s.With("--nats-stream-replicas=" + strconv.Itoa(len(store.servers)))
}
