package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A server is one that is tested.
type server struct {
	name   string
	needs  string // a program without which it does not run
	post   bool   // published to by HTTP POST, and on the subscribers' listener, too
	tree   bool   // who subscribes to /a hears /a/b
	module string // of a library: -version must tell the version that go.mod asks for
}

var servers = []server{
	{name: "sseserver", tree: true, module: "github.com/mroth/sseserver"},
	{name: "r3labs", module: "github.com/r3labs/sse/v2"},
	{name: "gosse", module: "github.com/tmaxmax/go-sse"},
	{name: "mercure", module: "github.com/dunglas/mercure"},
	{name: "centrifuge", module: "github.com/centrifugal/centrifuge"},
	{name: "node", needs: "node"},
	{name: "nchan", needs: "nginx", post: true},
}

// built is where TestMain puts the commands.
var built string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

// buildAndRun compiles all commands at once, which is quicker than one after the other.
func buildAndRun(m *testing.M) int {
	var err error
	if built, err = os.MkdirTemp("", "ssed-peers-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(built)
	if out, err := exec.Command("go", "build", "-o", built+"/", "./...").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// program is the path of the server's command. What it needs besides may be missing.
func (s server) program(t *testing.T) string {
	t.Helper()
	if s.needs != "" {
		testtool.Need(t, s.needs)
	}
	if s.name == "node" {
		path, err := filepath.Abs("node/hub.mjs")
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	return filepath.Join(built, s.name)
}
