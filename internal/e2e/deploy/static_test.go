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

// dockerBuild returns the build command of the Dockerfile, with out in place of its output file.
func dockerBuild(t *testing.T, out string) string {
	t.Helper()
	run := regexp.MustCompile(`(?m)^RUN (.+)$`).FindAllStringSubmatch(shipped(t, "deploy", "Dockerfile"), -1)
	if len(run) != 1 {
		t.Fatalf("the Dockerfile runs %q, want one command", run)
	}
	return edit(t, run[0][1], " /out/ssed ", " "+out+" ")
}

// TestStaticBinaryNeedsNoFiles verifies that the binary serves as the user nobody in a folder
// without other files, as in an image from scratch.
func TestStaticBinaryNeedsNoFiles(t *testing.T) {
	testtool.Long(t, "a static binary is built")
	if os.Geteuid() != 0 {
		testtool.Lack(t, "chroot needs root")
	}
	chroot := testtool.Need(t, "chroot", "sh")
	empty := t.TempDir()
	run(t, root, "sh", "-c", dockerBuild(t, filepath.Join(empty, "ssed")))
	if err := os.Chmod(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	d := testtool.StartBy(t, chroot, asNobody, empty, "/ssed", "serve")
	wantService(t, d)
	check := func() (exit int, output string) {
		line := append([]string{asNobody, empty}, healthcheck(t)...)
		cmd := exec.Command(chroot, line...)
		cmd.Env = append(testtool.Environ(), "SSED_LISTEN="+strings.TrimPrefix(d.Subscribe[0], "http://"))
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if exit, output := check(); exit != 0 || !strings.Contains(output, "serving") {
		t.Errorf("the health check exited with %d and printed %q", exit, output)
	}
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if exit, output := check(); exit != 1 {
		t.Errorf("without a daemon the health check exited with %d and printed %q", exit, output)
	}
}

// healthcheck returns the command of the Dockerfile's HEALTHCHECK. It must be a JSON array, because
// the image has no shell that could split a string.
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

// TestBuildIsReproducible verifies that builds of the same source in different folders are
// identical. The copies are not repositories, so the binaries contain no commit.
func TestBuildIsReproducible(t *testing.T) {
	testtool.Long(t, "it builds the daemon twice")
	build := func(folder string) []byte {
		t.Helper()
		copySource(t, folder)
		run(t, folder, "sh", "-c", dockerBuild(t, "out"))
		binary, err := os.ReadFile(filepath.Join(folder, "out"))
		if err != nil {
			t.Fatal(err)
		}
		return binary
	}
	here, there := t.TempDir(), filepath.Join(t.TempDir(), "a", "longer", "path")
	one, two := build(here), build(there)
	if !bytes.Equal(one, two) {
		t.Errorf("the binaries of %d and %d bytes from two folders differ", len(one), len(two))
	}
	for _, folder := range []string{here, there} {
		if bytes.Contains(one, []byte(folder)) {
			t.Errorf("the binary contains the path of its build folder")
		}
	}
}

// copySource copies the daemon's module without tests and without the folders that are not part of
// the build.
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
