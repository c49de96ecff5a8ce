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

// Time limits. A build may have to download modules first. Printing a version is fast.
const (
	buildTimeout   = 5 * time.Minute
	versionTimeout = 10 * time.Second
)

// Spec describes how to run one server: the command, to which the two addresses are added.
type Spec struct {
	Name string   // the name in the tables
	Path string   // the executable
	Args []string // before the addresses

	Peer        bool   // another server, which ssed is compared with
	Namespaces  bool   // delivers a message only to subscribers of its namespace
	Sets        bool   // supports subscriptions like ?ns=a&ns=b
	PublishPath string // if not empty, the server accepts messages by HTTP POST to this path plus the namespace, and not by lines

	listenFlag, publishFlag, publishPrefix string
	env                                    []string
	stored                                 bool           // it accepts subscribers only after it has reached its store
	crowded                                []string       // arguments that keep descriptors free for subscribers
	versionArgs                            []string       // arguments that print its version; empty if it cannot print it
	deathSignal                            syscall.Signal // the signal that it gets when this process dies; 0 means SIGKILL
}

// With returns the spec with more arguments, for example "--history=100".
func (s Spec) With(args ...string) Spec {
	s.Args = append(slices.Clone(s.Args), args...)
	return s
}

// Crowded returns the spec for as many subscribers as there are descriptors.
func (s Spec) Crowded() Spec { return s.With(s.crowded...) }

// Version returns the server's version in one line. For a peer, it also lists each change to the
// peer's code and the reason for it, preceded by "; ".
func (s Spec) Version() (string, error) {
	if len(s.versionArgs) == 0 {
		return builtFrom(s.Path)
	}
	return Output(versionTimeout, s.Path, s.versionArgs...)
}

// builtFrom returns the build information that the go tool wrote into a program: its module, and
// the module's version or revision.
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

// Known lists the names that [Build] accepts. A name with a slash is the path of an ssed binary.
const Known = "ssed, ssed-own (ssed with a separate loop for publishers), floor, sseserver, r3labs, gosse, mercure, centrifuge, node, " +
	"nchan, peers (all of the last seven that are installed), or the path of an ssed binary"

// Build returns the named servers in order, with their programs compiled into dir. A name that
// occurs twice gets a number, so that a server can be compared with itself.
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
		return nil, fmt.Errorf("no server to measure: expected %s", Known)
	}
	return numbered(specs), nil
}

// numbered appends a number to repeated names, so that all names differ.
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
		// The Go runtime sends its busy threads a signal every 10 ms, to give other goroutines a
		// turn. The floor has only one goroutine.
		quiet := []string{"GODEBUG=asyncpreemptoff=1"}
		return Spec{Name: name, Path: path, listenFlag: "-listen", publishFlag: "-publish", env: quiet}, err
	case slices.Contains(peers, name):
		return buildPeer(dir, name)
	case strings.Contains(name, "/"):
		ssed.Name = filepath.Base(name)
		ssed.Path, err = filepath.Abs(name)
		return ssed, err
	default:
		return Spec{}, fmt.Errorf("unknown server %q: expected %s", name, Known)
	}
}

// compile builds a command into dir and returns its path. module is the directory of the command's
// module, relative to the root of the source. pkg is the command's directory, relative to module.
// The go tool keeps its temporary files in dir, because it does not remove them if it is
// interrupted early.
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
