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

// inNode opens one of the EventSources that node/watch.mjs knows.
func inNode(implementation string) opener {
	return func(t *testing.T, subscribe string, names ...string) *watcher {
		t.Helper()
		return startNode(t, nil, implementation, subscribe, names)
	}
}

// ownEventSource is the flag with which Node has an EventSource of its own.
const ownEventSource = "--experimental-eventsource"

// needBareNode skips a test on a machine without a Node that has an EventSource.
func needBareNode(t *testing.T) {
	t.Helper()
	node := testtool.Need(t, "node")
	if err := exec.Command(node, ownEventSource, "-e", "new EventSource('data:,').close()").Run(); err != nil {
		testtool.Lack(t, "this Node has no EventSource of its own: 20.18 or 22.3 and later have one")
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
			t.Logf("Node said:\n%s", c.Errors())
		}
	})
	return w
}

// packages is what came of installing the npm packages, once per test process.
var packages struct {
	once   sync.Once
	output []byte
	err    error
}

// needPackages sees to it that the npm packages are there. Where they cannot be
// installed, for want of npm or of a network, the test is skipped and says so; where
// the environment variable CI is set it fails. With -short it is skipped: browsers and
// clients from npm are most of the work of this package.
func needPackages(t *testing.T) {
	t.Helper()
	testtool.Long(t, "it drives a browser or a client from npm")
	npm := testtool.Need(t, "npm", "node")
	packages.once.Do(func() { packages.output, packages.err = install(npm) })
	if packages.err != nil {
		testtool.Lack(t, "npm ci: %v\n%s", packages.err, packages.output)
	}
}

// install runs npm ci in the node folder itself, where git ignores what comes of it,
// unless it has run there for the same package-lock.json before.
func install(npm string) (output []byte, err error) {
	lockName := filepath.Join(nodeFolder, "package-lock.json")
	lock, err := os.Open(lockName)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	// Two test processes may be here at once, one of them with -race.
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
