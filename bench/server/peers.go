package server

import (
	"fmt"
	"io"
	"path/filepath"
	"syscall"

	"github.com/ssed/ssed/bench/tree"
)

// peers are the servers of the module bench/peers: first the Go libraries, then the others.
var peers = []string{"sseserver", "r3labs", "gosse", "mercure", "centrifuge", "node", "nchan"}

// buildPeers returns the named peers that can run here. It writes the reason to tell for each that
// cannot.
func buildPeers(dir string, names []string, tell io.Writer) []Spec {
	var specs []Spec
	for _, name := range names {
		spec, err := buildPeer(dir, name)
		if err != nil {
			fmt.Fprintf(tell, "bench: skipping %s: %v\n", name, err)
			continue
		}
		specs = append(specs, spec)
	}
	return specs
}

// buildPeer builds a peer and asks it for its version, which fails if a program that it needs is
// missing.
func buildPeer(dir, name string) (Spec, error) {
	spec := Spec{Name: name, Peer: true, Namespaces: true, versionArgs: []string{"-version"}, listenFlag: "-listen", publishFlag: "-publish"}
	if name == "nchan" {
		spec.PublishPath = "/publish"
		spec.Args = []string{"-prefix", filepath.Join(dir, "nchan-files")}
		// If nginx's master gets SIGKILL, its workers keep running.
		spec.deathSignal = syscall.SIGTERM
	}
	var err error
	if name == "node" {
		var root string
		root, err = tree.Root()
		spec.Path = filepath.Join(root, "bench", "peers", "node", "hub.mjs")
	} else {
		spec.Path, err = compile(dir, "bench/peers", "./"+name)
	}
	if err == nil {
		_, err = spec.Version()
	}
	return spec, err
}
