package deploy

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// dockerBuild returns the command by which the Dockerfile builds, with another place
// for what comes out.
func dockerBuild(t *testing.T, out string) string {
	t.Helper()
	run := regexp.MustCompile(`(?m)^RUN (.+)$`).FindAllStringSubmatch(shipped(t, "deploy", "Dockerfile"), -1)
	if len(run) != 1 {
		t.Fatalf("the Dockerfile runs %q, want one command", run)
	}
	return edit(t, run[0][1], " /out/ssed ", " "+out+" ")
}

// TestTheStaticBinaryNeedsNothing: it serves as nobody, in a folder where nothing else
// is, as in an image from scratch.
func TestTheStaticBinaryNeedsNothing(t *testing.T) {
	testtool.Long(t, "a static binary is built")
	if os.Geteuid() != 0 {
		testtool.Lack(t, "chroot needs root")
	}
	chroot := testtool.Need(t, "chroot", "sh")
	empty := t.TempDir()
	say(t, root, "sh", "-c", dockerBuild(t, filepath.Join(empty, "ssed")))
	if err := os.Chmod(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	d := testtool.StartBy(t, chroot, nobody, empty, "/ssed", "serve")
	wantService(t, d)
	check := func() (exit int, said string) {
		line := append([]string{nobody, empty}, healthcheck(t)...)
		cmd := exec.Command(chroot, line...)
		cmd.Env = append(testtool.Environ(), "SSED_LISTEN="+strings.TrimPrefix(d.Subscribe[0], "http://"))
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if exit, said := check(); exit != 0 || !strings.Contains(said, "serving") {
		t.Errorf("the health check exits with %d and says %q", exit, said)
	}
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if exit, said := check(); exit != 1 {
		t.Errorf("without a daemon the health check exits with %d and says %q", exit, said)
	}
}

// healthcheck returns the command of the Dockerfile's HEALTHCHECK. It has no shell that
// could take it apart.
func healthcheck(t *testing.T) (line []string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^HEALTHCHECK .*CMD (\[.+\])$`).FindStringSubmatch(shipped(t, "deploy", "Dockerfile"))
	if found == nil {
		t.Fatal("the Dockerfile has no HEALTHCHECK in the form of a JSON array")
	}
	if err := json.Unmarshal([]byte(found[1]), &line); err != nil {
		t.Fatal(err)
	}
	return line
}

// TestTheSameSourceMakesTheSameBytes, wherever it is. What the binary knows of a
// commit is left out: the copies are no repositories.
func TestTheSameSourceMakesTheSameBytes(t *testing.T) {
	testtool.Long(t, "it builds the daemon twice")
	build := func(folder string) []byte {
		t.Helper()
		copySource(t, folder)
		say(t, folder, "sh", "-c", dockerBuild(t, "out"))
		binary, err := os.ReadFile(filepath.Join(folder, "out"))
		if err != nil {
			t.Fatal(err)
		}
		return binary
	}
	here, there := t.TempDir(), filepath.Join(t.TempDir(), "a", "longer", "path")
	one, two := build(here), build(there)
	if !bytes.Equal(one, two) {
		t.Errorf("%d bytes in one folder, %d in another, and they differ", len(one), len(two))
	}
	for _, folder := range []string{here, there} {
		if bytes.Contains(one, []byte(folder)) {
			t.Errorf("the binary names the folder that it was built in")
		}
	}
}

// copySource copies the daemon's module without its tests and those rooms that are
// not built.
func copySource(t *testing.T, to string) {
	t.Helper()
	copied := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && rel != "." && (strings.HasPrefix(d.Name(), ".") || rel == filepath.Join("internal", "e2e") || rel == "bench" || rel == "build"):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case strings.HasSuffix(name, "_test.go") || !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		copied++
		return os.WriteFile(filepath.Join(to, rel), text, 0o644)
	})
	if err != nil || copied < 50 {
		t.Fatalf("copied %d files, %v", copied, err)
	}
}
