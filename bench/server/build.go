package server

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ssed/ssed/bench/tree"
)

// Time limits: a build may have to fetch what it needs first, and a version is a word.
const (
	buildTimeout   = 5 * time.Minute
	versionTimeout = 10 * time.Second
)

// Spec says how to run one server: the command, to which the two addresses are added.
type Spec struct {
	Name string   // as the tables show it
	Path string   // the executable
	Args []string // before the addresses

	Peer        bool   // one that ssed is measured beside
	Namespaces  bool   // it tells namespaces apart
	Sets        bool   // it understands ?ns=a&ns=b
	PublishPath string // not empty if it is published to by HTTP POST and not by lines: what comes before the namespace in the path

	listenFlag, publishFlag, publishPrefix string
	env                                    []string
	stored                                 bool           // it takes subscribers only once its store is reached
	crowded                                []string       // arguments that leave the descriptors to subscribers
	versionArgs                            []string       // that make it print its version; none if it cannot
	deathSignal                            syscall.Signal // what it gets when this process dies; none is SIGKILL
}

// With returns the spec with more arguments, such as "--history=100".
func (s Spec) With(args ...string) Spec {
	s.Args = append(slices.Clone(s.Args), args...)
	return s
}

// Crowded returns the spec as it is started for as many subscribers as there are descriptors.
func (s Spec) Crowded() Spec { return s.With(s.crowded...) }

// Version tells which version of the server it is, on one line; of a peer also what was changed in
// it, and why: "; " stands before each change.
func (s Spec) Version() (string, error) {
	if len(s.versionArgs) == 0 {
		return builtFrom(s.Path)
	}
	return Output(versionTimeout, s.Path, s.versionArgs...)
}

// builtFrom tells what the go tool wrote into a program: its module, and the module's version or
// revision.
func builtFrom(path string) (string, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", err
	}
	version := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			version = setting.Value
		}
	}
	return fmt.Sprintf("%s %s (%s)", info.Path, version, info.GoVersion), nil
}

// Known lists the names that [Build] knows. Anything with a slash is taken for the path of an ssed
// binary.
const Known = "ssed, ssed-own (publishers on a loop of their own), floor, sseserver, r3labs, gosse, mercure, centrifuge, node, " +
	"nchan, peers (those of the last seven whose programs are there), or the path of an ssed binary"

// Build returns the servers of these names in order, their programs compiled into dir. A name that
// comes twice is built once and shown with a number, so that a server can be measured against
// itself.
func Build(dir string, names []string) ([]Spec, error) {
	var specs []Spec
	for _, name := range names {
		if name == "peers" {
			specs = append(specs, buildPeers(dir, peers, os.Stderr)...)
			continue
		}
		spec, err := build(dir, name)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	if len(specs) == 0 {
		return nil, fmt.Errorf("no server is left to measure: want %s", Known)
	}
	return numbered(specs), nil
}

// numbered makes the names differ.
func numbered(specs []Spec) []Spec {
	seen := map[string]int{}
	for i := range specs {
		spec := &specs[i]
		if seen[spec.Name]++; seen[spec.Name] > 1 {
			spec.Name = fmt.Sprintf("%s#%d", spec.Name, seen[spec.Name])
		}
	}
	return specs
}

func build(dir, name string) (Spec, error) {
	ssed := Spec{Name: name, Namespaces: true, Sets: true, Args: []string{"serve"}, versionArgs: []string{"version"},
		listenFlag: "--listen", publishFlag: "--publish", publishPrefix: "tcp://",
		crowded: []string{"--max-publishers=100"}}
	var err error
	switch {
	case name == "ssed":
		ssed.Path, err = compile(dir, ".", "./cmd/ssed")
		return ssed, err
	case name == "ssed-own":
		ssed.Args = append(ssed.Args, "--publish-loop=own")
		ssed.Path, err = compile(dir, ".", "./cmd/ssed")
		return ssed, err
	case name == "floor":
		path, err := compile(dir, "bench", "./floor")
		// The Go runtime sends its busy threads a signal every 10 ms, to make room for other
		// goroutines. The floor has one.
		quiet := []string{"GODEBUG=asyncpreemptoff=1"}
		return Spec{Name: name, Path: path, listenFlag: "-listen", publishFlag: "-publish", env: quiet}, err
	case slices.Contains(peers, name):
		return buildPeer(dir, name)
	case strings.Contains(name, "/"):
		ssed.Name = filepath.Base(name)
		ssed.Path, err = filepath.Abs(name)
		return ssed, err
	default:
		return Spec{}, fmt.Errorf("server %q: want %s", name, Known)
	}
}

// compile builds a command into dir and returns its path. module is the directory of the command's
// module, from the root of the source; pkg is the command's directory, from there. The go tool
// keeps its temporary files in dir, because it leaves them behind if it is interrupted early.
func compile(dir, module, pkg string) (string, error) {
	root, err := tree.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(pkg))
	err = within(buildTimeout, os.Stderr, os.Stderr, []string{"GOTMPDIR=" + dir},
		"go", "build", "-C", filepath.Join(root, module), "-o", path, pkg)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", filepath.Base(pkg), err)
	}
	return path, nil
}
