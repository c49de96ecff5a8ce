package embed

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// compiled lists the third-party modules that are compiled into a program that embeds a server:
// gnet and its dependencies, the reader of PROXY headers, and golang.org/x.
var compiled = []string{
	"github.com/panjf2000/ants/v2",
	"github.com/panjf2000/gnet/v2",
	"github.com/pires/go-proxyproto",
	"go.uber.org/multierr",
	"go.uber.org/zap",
	"golang.org/x/sync",
	"golang.org/x/sys",
	"gopkg.in/natefinch/lumberjack.v2",
}

// list returns the sorted output lines of "go list -deps" for a package, without duplicates.
func list(t *testing.T, format, of string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", format, of).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	return slices.Compact(lines)
}

// TestEmbeddingCompilesFewModules verifies that a program that imports only the root package does
// not compile the store's NATS server, the command's Bubble Tea and kong, or evio. It also verifies
// that docs/embedding.md names the modules that are compiled.
func TestEmbeddingCompilesFewModules(t *testing.T) {
	const ours = "github.com/ssed/ssed"
	for _, of := range []string{ours, "./clock"} {
		modules := slices.DeleteFunc(list(t, "{{with .Module}}{{.Path}}{{end}}", of), func(module string) bool { return module == ours })
		if !slices.Equal(modules, compiled) {
			t.Errorf("%s compiles the modules %q, want %q", of, modules, compiled)
		}
		for _, room := range list(t, "{{.ImportPath}}", of) {
			for _, excluded := range []string{"admin", "store", "top", "subscribe", "doctor", "cmd", "publish/evioserver", "internal/testtool"} {
				if room == ours+"/"+excluded || strings.HasPrefix(room, ours+"/"+excluded+"/") {
					t.Errorf("%s imports %s", of, room)
				}
			}
		}
	}
	text, err := os.ReadFile("../../../docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range compiled {
		if !strings.Contains(string(text), "`"+module+"`") {
			t.Errorf("docs/embedding.md does not name %s", module)
		}
	}
}
