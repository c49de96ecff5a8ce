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

// root is the root folder of the repository.
var root = filepath.Join("..", "..", "..")

// shipped returns the text of a file of the repository.
func shipped(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// edit replaces a text that must occur exactly once.
func edit(t *testing.T, text, shipped, here string) string {
	t.Helper()
	if n := strings.Count(text, shipped); n != 1 {
		t.Fatalf("%q occurs %d times, want once: change this test, too", shipped, n)
	}
	return strings.Replace(text, shipped, here, 1)
}

// run runs a command in a folder, and returns its output.
func run(t *testing.T, folder, program string, args ...string) string {
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

// wantService checks that a daemon delivers a published message to a subscriber.
func wantService(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	pets := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets")
	publisher := testtool.DialPublisher(t, d.Publish[0])
	if got := publisher.Ask(t, "PUB /pets/dogs new-dog Corgi"); !strings.HasPrefix(got, "OK ") {
		t.Errorf("the answer to PUB is %q, want OK", got)
	}
	if got := pets.Frame(t); !strings.HasSuffix(got, "event:new-dog\ndata:Corgi\n\n") { // there may be an id before that
		t.Errorf("the subscriber received %q", got)
	}
}
