package clients

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

const nodeFolder = "node"

// inNode opens one of the EventSources of node/watch.mjs.
func inNode(implementation string) opener {
	return func(t *testing.T, subscribe string, names ...string) *watcher {
		t.Helper()
		return startNode(t, nil, implementation, subscribe, names)
	}
}

// ownEventSource is the flag that enables Node's own EventSource.
const ownEventSource = "--experimental-eventsource"

// needBareNode skips the test if there is no Node with an EventSource.
func needBareNode(t *testing.T) {
	t.Helper()
	node := testtool.Need(t, "node")
	if err := exec.Command(node, ownEventSource, "-e", "new EventSource('data:,').close()").Run(); err != nil {
		testtool.Lack(t, "this Node has no EventSource: install 20.18, or 22.3 or later")
	}
}

// inBareNode opens the EventSource that is part of Node itself.
func inBareNode(t *testing.T, subscribe string, names ...string) *watcher {
	t.Helper()
	return startNode(t, []string{ownEventSource}, "builtin", subscribe, names)
}

func startNode(t *testing.T, flags []string, implementation, subscribe string, names []string) *watcher {
	t.Helper()
	node := testtool.Need(t, "node")
	w := newWatcher(t)
	args := append(flags, filepath.Join(nodeFolder, "watch.mjs"), implementation, w.origin, subscribe)
	c := testtool.StartCommand(t, node, append(args, names...)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Node printed:\n%s", c.Errors())
		}
	})
	return w
}

// packages is the result of the installation of the npm packages, which runs once per test process.
var packages struct {
	once   sync.Once
	output []byte
	err    error
}

// needPackages installs the npm packages if necessary. If they cannot be installed, because npm or
// the network is missing, the test is skipped with a message; if the environment variable CI is
// set, it fails. With -short the test is skipped, because browsers and npm clients are most of the
// work of this package.
func needPackages(t *testing.T) {
	t.Helper()
	testtool.Long(t, "it drives a browser or a client from npm")
	npm := testtool.Need(t, "npm", "node")
	packages.once.Do(func() { packages.output, packages.err = install(npm) })
	if packages.err != nil {
		testtool.Lack(t, "npm ci: %v\n%s", packages.err, packages.output)
	}
}

// install runs npm ci in the node folder, where git ignores the result. It does nothing if npm ci
// has run there for the same package-lock.json.
func install(npm string) (output []byte, err error) {
	lockName := filepath.Join(nodeFolder, "package-lock.json")
	lock, err := os.Open(lockName)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	// Two test processes may run this at the same time, one of them with -race.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	want, err := os.ReadFile(lockName)
	if err != nil {
		return nil, err
	}
	installed := filepath.Join(nodeFolder, "node_modules", ".installed-lock.json")
	if have, err := os.ReadFile(installed); err == nil && bytes.Equal(have, want) {
		return nil, nil
	}
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = nodeFolder
	if output, err = cmd.CombinedOutput(); err != nil {
		return output, err
	}
	return output, os.WriteFile(installed, want, 0o644)
}
