package server

import (
	"fmt"
	"io"
	"path/filepath"
	"syscall"
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

// buildPeer also asks the server for its version, which fails if a program that it needs is missing.
func buildPeer(dir, name string) (Spec, error) {
	home, err := Home()
	if err != nil {
		return Spec{}, err
	}
	home = filepath.Join(home, "bench", "peers")
	spec := Spec{Name: name, Peer: true, Namespaces: true, versionArgs: []string{"-version"}, listenFlag: "-listen", publishFlag: "-publish"}
	if name == "node" {
		spec.Path = filepath.Join(home, "node", "hub.mjs")
	} else {
		spec.Path = filepath.Join(dir, name)
		err = goBuild(dir, name, "-C", home, "-o", spec.Path, "./"+name)
	}
	if name == "nchan" {
		spec.PublishPath = "/publish"
		spec.Args = []string{"-prefix", filepath.Join(dir, "nchan-files")}
		// On SIGKILL nginx's master takes no worker along.
		spec.deathSignal = syscall.SIGTERM
	}
	if err == nil {
		_, err = spec.Version()
	}
	return spec, err
}

// Home is where the source of ssed lies, with the modules that are no part of it.
func Home() (string, error) {
	dir, err := Output(versionTimeout, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/ssed/ssed")
	if err != nil {
		return "", fmt.Errorf("where is the source of ssed? %w", err)
	}
	return dir, nil
}
