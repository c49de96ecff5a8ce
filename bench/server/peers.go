package server

import (
	"fmt"
	"io"
	"path/filepath"
	"syscall"

	"github.com/ssed/ssed/bench/tree"
)

// peers are the servers of the module bench/peers: the libraries, then what is not written in Go.
var peers = []string{"sseserver", "r3labs", "gosse", "mercure", "centrifuge", "node", "nchan"}

// buildPeers returns those of the names that can be run here, and tells of each other why not.
func buildPeers(dir string, names []string, tell io.Writer) []Spec {
	var specs []Spec
	for _, name := range names {
		spec, err := buildPeer(dir, name)
		if err != nil {
			fmt.Fprintf(tell, "bench: %s is left out: %v\n", name, err)
			continue
		}
		specs = append(specs, spec)
	}
	return specs
}

// buildPeer also asks the server for its version, which fails if a program that it needs is
// missing.
func buildPeer(dir, name string) (Spec, error) {
	spec := Spec{Name: name, Peer: true, Namespaces: true, versionArgs: []string{"-version"}, listenFlag: "-listen", publishFlag: "-publish"}
	if name == "nchan" {
		spec.PublishPath = "/publish"
		spec.Args = []string{"-prefix", filepath.Join(dir, "nchan-files")}
		// On SIGKILL nginx's master takes no worker along.
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
