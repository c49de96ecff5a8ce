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
)

// binary is the daemon's binary, built once per test process. Main removes it.
var binary struct {
	once   sync.Once
	folder string
	err    error
}

// Main runs the tests of a package that uses Build or Start, and cleans up
// behind them. It is all that a TestMain needs:
//
//	func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }
func Main(m *testing.M) (code int) {
	defer func() { os.RemoveAll(binary.folder) }()
	if err := lookAtSources(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// lookAtSources lists every folder of the module that the tests are in. The daemon
// is built by these tests and not linked to them; go test would not know that a
// change of it makes their last result obsolete, but it does note which folders
// they read.
func lookAtSources() error {
	root := "."
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if len(root) > 100 {
			return errors.New("tests of the real daemon run within a module, and no folder above has a go.mod")
		}
		root = filepath.Join(root, "..")
	}
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		return err
	})
}

// Build returns the path of the real ssed, built at the first call, with the
// race detector if the test has it.
func Build(t testing.TB) string {
	t.Helper()
	Started(t, "the build of ssed")
	binary.once.Do(build)
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return filepath.Join(binary.folder, "ssed")
}

func build() {
	if binary.folder, binary.err = os.MkdirTemp("", "ssed-test-"); binary.err != nil {
		return
	}
	args := []string{"build", "-o", filepath.Join(binary.folder, "ssed")}
	if raceEnabled {
		args = append(args, "-race")
	}
	args = append(args, "github.com/ssed/ssed/cmd/ssed")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		binary.err = fmt.Errorf("go build: %w\n%s", err, out)
	}
}
