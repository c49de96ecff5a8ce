package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) {
	code := testtool.Main(m)
	os.RemoveAll(deb.folder)
	os.Exit(code)
}

// root is the repository's.
var root = filepath.Join("..", "..", "..")

// shipped returns a file of the repository.
func shipped(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// edit replaces what is there once.
func edit(t *testing.T, text, shipped, here string) string {
	t.Helper()
	if n := strings.Count(text, shipped); n != 1 {
		t.Fatalf("%q is there %d times, want it once: edit this test, too", shipped, n)
	}
	return strings.Replace(text, shipped, here, 1)
}

// say runs a command in a folder, and returns what it says.
func say(t *testing.T, folder, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testtool.Need(t, program), args...)
	testtool.Started(t, program)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// wantService publishes to a daemon what a subscriber of it has to get.
func wantService(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	pets := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets")
	publisher := testtool.DialPublisher(t, d.Publish[0])
	if got := publisher.Ask(t, "PUB /pets/dogs new-dog Corgi"); !strings.HasPrefix(got, "OK ") {
		t.Errorf("published, and answered %q", got)
	}
	if got := pets.Frame(t); !strings.HasSuffix(got, "event:new-dog\ndata:Corgi\n\n") { // with an id before, maybe
		t.Errorf("subscribed, and got %q", got)
	}
}
