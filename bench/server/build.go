package server

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Spec says how to run one server: the command, to which the two addresses are added.
type Spec struct {
	Name string   // as the tables show it
	Path string   // the executable
	Args []string // before the addresses

	listenFlag, publishFlag, publishPrefix string
	// Namespaces says whether the server tells namespaces apart.
	Namespaces bool
	env        []string
}

// With returns the spec with more arguments, such as "--history=100".
func (s Spec) With(args ...string) Spec {
	s.Args = append(slices.Clone(s.Args), args...)
	return s
}

// Known lists the names that [Build] knows. Anything with a slash is taken for the path of an ssed binary.
const Known = "ssed, ssed-own (publishers on a loop of their own), floor, or the path of an ssed binary"

// Build returns the servers of these names in order, their programs compiled into dir. A name that comes twice is built once
// and shown with a number, so that a server can be measured against itself.
func Build(dir string, names []string) ([]Spec, error) {
	var specs []Spec
	seen := map[string]int{}
	for _, name := range names {
		spec, err := build(dir, name)
		if err != nil {
			return nil, err
		}
		if seen[spec.Name]++; seen[spec.Name] > 1 {
			spec.Name = fmt.Sprintf("%s#%d", spec.Name, seen[spec.Name])
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

func build(dir, name string) (Spec, error) {
	ssed := Spec{Name: name, Namespaces: true, Args: []string{"serve"}, listenFlag: "--listen", publishFlag: "--publish", publishPrefix: "tcp://"}
	var err error
	switch {
	case name == "ssed":
		ssed.Path, err = compile(dir, "ssed", "github.com/ssed/ssed/cmd/ssed")
		return ssed, err
	case name == "ssed-own":
		ssed.Args = append(ssed.Args, "--publish-loop=own")
		ssed.Path, err = compile(dir, "ssed", "github.com/ssed/ssed/cmd/ssed")
		return ssed, err
	case name == "floor":
		path, err := compile(dir, "floor", "github.com/ssed/ssed/bench/floor")
		// The Go runtime sends its busy threads a signal every 10 ms, to make room for other goroutines. The floor has one.
		quiet := []string{"GODEBUG=asyncpreemptoff=1"}
		return Spec{Name: name, Path: path, listenFlag: "-listen", publishFlag: "-publish", env: quiet}, err
	case strings.Contains(name, "/"):
		ssed.Name = filepath.Base(name)
		ssed.Path, err = filepath.Abs(name)
		return ssed, err
	default:
		return Spec{}, fmt.Errorf("server %q: want %s", name, Known)
	}
}

// compile builds one command of this module. The go tool's own cache makes the second time cheap.
func compile(dir, name, pkg string) (string, error) {
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	return path, nil
}
