package testtool

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	return m.Run()
}

// Build returns the path of the real ssed, built at the first call, with the
// race detector if the test has it.
func Build(t testing.TB) string {
	t.Helper()
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
