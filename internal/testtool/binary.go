package testtool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// binary is the daemon's binary, looked up once per test process.
var binary struct {
	once sync.Once
	path string
	err  error
}

// Main runs the tests of a package that uses Build or Start. Call it from TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }
func Main(m *testing.M) (code int) {
	if err := lookAtSources(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return RunWaiting(m)
}

// lookAtSources lists every folder of the tests' module. It makes go test rerun the tests after a
// change of the daemon. The daemon is built by the tests and not linked into them, so go test would
// use the cached result. But go test records which folders a test reads, and checks them.
func lookAtSources() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		return err
	})
}

// moduleRoot returns the folder of the tests' module.
func moduleRoot() (string, error) {
	for root := "."; len(root) <= 100; root = filepath.Join(root, "..") {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return root, nil
		}
	}
	return "", errors.New("tests of the real daemon must run in a module: no go.mod in this folder or above")
}

// Build returns the path of the real ssed. It is built with the race detector if the test is.
// All test processes share one binary, which the go command keeps in its cache and
// replaces when a source has changed.
func Build(t testing.TB) string {
	t.Helper()
	Started(t, "the build of ssed")
	binary.once.Do(func() { binary.path, binary.err = build() })
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// build returns the path of the binary that "go run" would run. The first go run after a
// change of the sources links the binary, runs it from a temporary folder, and keeps a
// copy in the cache. A later one runs the copy. So build runs it twice if necessary.
func build() (path string, err error) {
	unlock, err := lockModule()
	if err != nil {
		return "", err
	}
	defer unlock()
	args := []string{"run", "-exec", "sh -c 'echo $0'"}
	if raceEnabled {
		args = append(args, "-race")
	}
	args = append(args, "github.com/ssed/ssed/cmd/ssed")
	for range 2 {
		cmd := exec.Command("go", args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("go run: %w\n%s", err, stderr.String())
		}
		path = strings.TrimSpace(string(out))
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("go run left no binary at %s: the cache of the go command must be writable", path)
}

// lockModule locks the folder of the module, not its go.mod, which the go command locks
// itself. It keeps the test processes of other packages from building at the same time.
// Each would link the binary, and while one copies it to the cache no other could execute
// it there ("text file busy").
func lockModule() (unlock func(), err error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	folder, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX); err != nil {
		folder.Close()
		return nil, fmt.Errorf("lock %s: %w", folder.Name(), err)
	}
	return func() { folder.Close() }, nil
}
