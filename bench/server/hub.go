package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Hub is a cluster of NATS servers, each a process of its own, that daemons share as their store.
type Hub struct {
	servers []*Process
	folder  string
}

// StartHub builds the NATS server into dir and starts n of it, that know each other, on the given processor (any, if negative). What
// they keep goes to a new folder in parent, until Stop. They may still be looking for a leader when it returns; who waits for a server
// [Spec.WithHub] waits for that, too.
func StartHub(dir, parent string, n, cpu int) (*Hub, error) {
	path, err := compile(dir, "bench", "./nats")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(parent, "hub-")
	if err != nil {
		return nil, err
	}
	h := &Hub{folder: folder}
	if err := h.start(path, n, cpu); err != nil {
		h.Stop()
		return nil, err
	}
	return h, nil
}

// start finds addresses for all before it starts the first, for each has to know the others.
func (h *Hub) start(path string, n, cpu int) error {
	var doors []door
	for range n {
		d, err := freePorts()
		if err != nil {
			return err
		}
		defer d.release()
		doors = append(doors, d)
	}
	var routes []string
	for _, d := range doors {
		routes = append(routes, d.publish)
	}
	for i, d := range doors {
		name := "nats-" + strconv.Itoa(i)
		spec := Spec{Name: name, Path: path, listenFlag: "-listen", publishFlag: "-cluster",
			Args: []string{"-name", name, "-store", filepath.Join(h.folder, name), "-routes", strings.Join(routes, ",")}}
		p, err := startAt(spec, cpu, d, nil)
		if err != nil {
			return fmt.Errorf("the hub: %w", err)
		}
		h.servers = append(h.servers, p)
	}
	return nil
}

// Stop ends all servers, and forgets what they kept.
func (h *Hub) Stop() {
	for _, p := range h.servers {
		p.Stop()
	}
	os.RemoveAll(h.folder)
}

// WithHub returns the spec of an ssed that shares a hub, whose stream all servers of the hub have.
func (s Spec) WithHub(h *Hub) Spec {
	s.stored = true
	for _, p := range h.servers {
		s = s.With("--nats=nats://" + p.Subscribe)
	}
	return s.With("--nats-stream-replicas=" + strconv.Itoa(len(h.servers)))
}
