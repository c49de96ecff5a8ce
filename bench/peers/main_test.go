package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A server is a server under test.
type server struct {
	name   string
	needs  string // a program that it needs
	post   bool   // accepts messages by HTTP POST, even on the subscribers' listener
	tree   bool   // a subscriber of /a receives messages for /a/b
	module string // the module of a library; -version must print its version in go.mod
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

// built is the folder that TestMain compiles the commands into.
var built string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

// buildAndRun compiles all commands with one go command, which is faster than one after another.
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

// program returns the path of the server's command. It skips the test if a program that the server
// needs is missing.
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
