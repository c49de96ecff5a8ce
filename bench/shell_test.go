package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ssed/ssed/bench/tree"
	"github.com/ssed/ssed/internal/testtool"
)

// TestPathsAreRelativeToTheShell runs the commands of README.md in another directory. It verifies
// that they find the binary to measure, the results file and the folder of the page there, and not
// in bench.
func TestPathsAreRelativeToTheShell(t *testing.T) {
	testtool.Long(t, "some seconds long: it compiles the daemon, and the bench twice")
	root, err := tree.Root()
	if err != nil {
		t.Fatal(err)
	}
	shell, bench := t.TempDir(), filepath.Join(root, "bench")
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = shell // this also sets PWD, as in a shell
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %q: %v\n%s", args, err, out)
		}
	}
	run("build", "-C", root, "-o", filepath.Join(shell, "mine"), "./cmd/ssed")
	if err := os.Mkdir(filepath.Join(shell, "values"), 0o755); err != nil {
		t.Fatal(err)
	}
	run("run", "-C", bench, ".", "fanout", "--server", "./mine", "--case", "64", "--seconds", "0.1", "--repeat", "1", "--subscribers", "20",
		"--server-cpu=-1", "--load-cpu=-1", "--json", "values/runs.json")
	if runs := readRuns(t, filepath.Join(shell, "values", "runs.json")).Runs; len(runs) != 1 || runs[0].Server != "mine" {
		t.Errorf("got %+v, want one run of mine", runs)
	}
	run("run", "-C", bench, "./page", "values")
	if _, err := os.Stat(filepath.Join(shell, "values", "README.md")); err != nil {
		t.Error(err)
	}
}
