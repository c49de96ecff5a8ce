package tidy

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ssed/ssed"

// rooms lists each room, which is a folder with a package, and the imports that it may have. So
// dependencies between rooms only run in one direction. A new room must be added here.
var rooms = map[string]struct {
	imports []string // rooms of this repository
	outside []string // modules of others
	pure    bool     // no I/O, locks or goroutines: functions of their arguments
}{
	"httpparse":               {pure: true},
	"sse":                     {pure: true},
	"nsindex":                 {imports: []string{"sse"}, pure: true},
	"internal/stream":         {pure: true},
	"internal/history":        {imports: []string{"sse"}, pure: true},
	"auth":                    {imports: []string{"nsindex"}, pure: true},
	"internal/storestatus":    {pure: true},
	"internal/subreq":         {imports: []string{"httpparse", "nsindex"}, pure: true},
	"internal/throttle":       {pure: true},
	"internal/inbox":          {},
	"internal/callbacks":      {imports: []string{"internal/inbox"}},
	"internal/openfiles":      {outside: []string{"golang.org/x/sys"}},
	"internal/listen":         {outside: []string{"golang.org/x/sys"}},
	"internal/certs":          {},
	"internal/reach":          {imports: []string{"internal/certs", "internal/listen"}},
	"publish":                 {imports: []string{"sse", "nsindex", "internal/backoff", "internal/certs", "internal/listen"}},
	"subscribe":               {imports: []string{"sse", "internal/backoff", "internal/certs"}},
	"doctor":                  {imports: []string{"sse", "internal/certs", "internal/reach"}},
	"publish/evioserver":      {imports: []string{"internal/listen", "internal/openfiles", "publish", "sse", "nsindex", "internal/throttle"}, outside: []string{"github.com/tidwall/evio", "golang.org/x/sys"}},
	".":                       {imports: []string{"internal/hub", "internal/listen", "internal/openfiles", "internal/subreq", "loop", "publish", "auth", "nsindex", "httpparse", "sse"}},
	"internal/hub":            {imports: []string{"internal/callbacks", "internal/listen", "loop", "publish", "auth", "nsindex", "sse"}},
	"loop":                    {imports: []string{"httpparse", "internal/callbacks", "internal/openfiles", "internal/listen", "internal/subreq", "internal/stream", "internal/history", "internal/throttle", "internal/inbox", "sse", "nsindex", "publish", "auth"}, outside: []string{"github.com/panjf2000/gnet/v2", "github.com/pires/go-proxyproto", "golang.org/x/sys"}},
	"store":                   {imports: []string{"internal/storestatus", "loop", "publish", "sse", "nsindex"}, outside: []string{"github.com/nats-io/nats.go", "github.com/nats-io/nats-server/v2", "github.com/nats-io/nuid", "github.com/nats-io/nkeys", "github.com/nats-io/jwt/v2", "golang.org/x/sys"}},
	"admin":                   {imports: []string{"internal/storestatus", "loop", "sse", "nsindex", "auth"}, outside: []string{"github.com/prometheus/client_golang", "golang.org/x/sync"}},
	"cmd/ssed":                {imports: []string{".", "internal/certs", "internal/listen", "internal/openfiles", "internal/reach", "admin", "top", "store", "httpparse", "publish", "publish/evioserver", "sse", "nsindex", "auth", "subscribe", "doctor", "cmd/ssed/reference"}, outside: []string{"github.com/alecthomas/kong", "github.com/coreos/go-systemd/v22", "github.com/pelletier/go-toml/v2", "github.com/prometheus/procfs", "github.com/KimMachineGun/automemlimit", "golang.org/x/sys"}},
	"cmd/ssed/reference":      {outside: []string{"github.com/alecthomas/kong"}, pure: true},
	"internal/e2e/admin":      {},
	"top":                     {imports: []string{"internal/certs", "internal/reach", "internal/storestatus", "nsindex", "sse"}, outside: []string{"charm.land/bubbletea/v2", "github.com/charmbracelet/colorprofile", "github.com/charmbracelet/x/ansi"}},
	"internal/e2e/attackers":  {},
	"internal/e2e/clients":    {imports: []string{"internal/testtool", "publish", "sse"}},
	"internal/e2e/cluster":    {},
	"internal/e2e/deploy":     {},
	"internal/e2e/loops":      {},
	"internal/e2e/overload":   {},
	"internal/e2e/proxies":    {},
	"internal/e2e/publishers": {},
	"internal/e2e/restarts":   {},
	"internal/e2e/store":      {},
	"internal/backoff":        {},
	"internal/natstest":       {imports: []string{"internal/testtool"}, outside: []string{"github.com/nats-io/nats.go", "github.com/nats-io/nats-server/v2", "golang.org/x/sys"}},
	"internal/e2e/tutorial":   {},
	"internal/testtool":       {outside: []string{"golang.org/x/sys"}},
	"internal/tidy":           {},
	"internal/e2e/vanished":   {},

	// The end-to-end tests use this room to verify that no message is lost.
	"internal/testtool/ledger": {imports: []string{"internal/testtool", "publish", "sse", "subscribe"}},
	// The test suite of the line protocol, for its servers.
	"internal/testtool/conformance": {imports: []string{"publish", "nsindex", "sse"}},

	// Programs that embed the server.
	"internal/e2e/embed":          {},
	"internal/e2e/embed/clock":    {imports: []string{"."}},
	"internal/e2e/embed/petstore": {imports: []string{".", "admin"}},

	// Third-party clients, a module.
	"internal/e2e/goclients": {},

	// The bench, a module.
	"bench":              {imports: []string{"bench/load", "bench/server", "bench/rawio", "bench/stats", "bench/tree", "bench/page/results"}, outside: []string{"golang.org/x/sys", "github.com/alecthomas/kong", "github.com/HdrHistogram/hdrhistogram-go"}},
	"bench/floor":        {imports: []string{"bench/rawio"}, outside: []string{"golang.org/x/sys"}},
	"bench/load":         {imports: []string{"bench/rawio"}, outside: []string{"github.com/HdrHistogram/hdrhistogram-go", "golang.org/x/sys"}},
	"bench/server":       {imports: []string{"bench/rawio", "bench/tree"}, outside: []string{"github.com/prometheus/procfs", "golang.org/x/sys"}},
	"bench/rawio":        {outside: []string{"golang.org/x/sys"}},
	"bench/stats":        {pure: true},
	"bench/tree":         {},
	"bench/nats":         {outside: []string{"github.com/nats-io/nats-server/v2"}}, // a NATS server, to measure daemons that share a store
	"bench/probe":        {imports: []string{"bench/server"}, outside: []string{"github.com/HdrHistogram/hdrhistogram-go"}},
	"bench/page":         {imports: []string{"bench/page/figure", "bench/page/results", "bench/tree"}},
	"bench/page/figure":  {outside: []string{"gonum.org/v1/plot", "golang.org/x/image"}},
	"bench/page/results": {imports: []string{"bench/stats"}},

	// The other servers that the bench measures, a module.
	"bench/peers":            {},
	"bench/peers/peer":       {imports: []string{"publish"}},
	"bench/peers/centrifuge": {imports: []string{"bench/peers/peer"}, outside: []string{"github.com/centrifugal/centrifuge"}},
	"bench/peers/gosse":      {imports: []string{"bench/peers/peer"}, outside: []string{"github.com/tmaxmax/go-sse"}},
	"bench/peers/mercure":    {imports: []string{"bench/peers/peer"}, outside: []string{"github.com/dunglas/mercure"}},
	"bench/peers/nchan":      {imports: []string{"bench/peers/peer"}},
	"bench/peers/r3labs":     {imports: []string{"bench/peers/peer"}, outside: []string{"github.com/r3labs/sse/v2"}},
	"bench/peers/sseserver":  {imports: []string{"bench/peers/peer"}, outside: []string{"github.com/mroth/sseserver"}},
}

// pureFiles are the files without I/O in a room that is not pure as a whole.
var pureFiles = []string{"publish/parse.go", "publish/session.go", "publish/key.go", "publish/replies.go", "publish/reply.go", "store/subject.go"}

// impure are the packages that a pure room must not import: I/O, logs and locks.
var impure = []string{"net", "net/http", "os", "io/ioutil", "log", "log/slog", "sync", "sync/atomic", "syscall", "golang.org/x/sys/unix"}

// clocks are the functions of package time that a pure room must not call. Types and parsers of the
// package are allowed, because they depend only on their arguments.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation"}

// A source is a Go file of the repository.
type source struct {
	path   string // relative to the root, with slashes
	text   []byte
	file   *ast.File
	isTest bool
}

func (s source) room() string { return path.Dir(s.path) }

var fset = token.NewFileSet()

// sources parses every Go file of the repository, including the modules in its folders.
func sources(t *testing.T) (all []source) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root {
			if strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules" {
				return filepath.SkipDir // these folders contain no packages
			}
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		all = append(all, source{filepath.ToSlash(rel), text, file, strings.HasSuffix(name, "_test.go")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found only %d files: this test looks in the wrong place", len(all))
	}
	return all
}

func imports(s source) (paths []string) {
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// TestAllowedImports verifies the imports of each room against rooms.
func TestAllowedImports(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		seen[s.room()] = true
		room, known := rooms[s.room()]
		if !known {
			t.Errorf("%s: %s is not in rooms; add it there, with its imports", s.path, s.room())
			continue
		}
		if s.isTest {
			continue
		}
		for _, p := range imports(s) {
			first, _, _ := strings.Cut(p, "/")
			switch inside, ours := strings.CutPrefix(p, module+"/"); {
			case p == module:
				if !slices.Contains(room.imports, ".") {
					t.Errorf("%s: %s may not import the root package", s.path, s.room())
				}
			case ours:
				if !slices.Contains(room.imports, inside) {
					t.Errorf("%s: %s may not import %s", s.path, s.room(), inside)
				}
			case strings.Contains(first, "."):
				if !slices.ContainsFunc(room.outside, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") }) {
					t.Errorf("%s: %s may not import %s", s.path, s.room(), p)
				}
			}
		}
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("%s has no Go file: remove it from rooms", room)
		}
	}
}

// TestImportersOfEngines verifies that only one room imports each of gnet and evio, and that few
// rooms import NATS. It also covers tests.
func TestImportersOfEngines(t *testing.T) {
	for _, s := range sources(t) {
		for _, p := range imports(s) {
			if strings.HasPrefix(p, "github.com/panjf2000/gnet") && s.room() != "loop" {
				t.Errorf("%s imports gnet; only loop may", s.path)
			}
			if strings.HasPrefix(p, "github.com/tidwall/evio") && s.room() != "publish/evioserver" {
				t.Errorf("%s imports evio; only publish/evioserver may", s.path)
			}
			if strings.HasPrefix(p, "github.com/nats-io/") && !slices.Contains([]string{"store", "bench/nats", "internal/natstest", "internal/e2e/store"}, s.room()) {
				t.Errorf("%s imports NATS; only store, bench/nats, internal/natstest and internal/e2e/store may", s.path)
			}
		}
	}
}

// TestPureRoomsDoNoIO verifies that pure rooms import no impure package, do not read the clock, and
// use no goroutines or channels.
func TestPureRoomsDoNoIO(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest || !rooms[s.room()].pure && !slices.Contains(pureFiles, s.path) {
			continue
		}
		for _, p := range imports(s) {
			if slices.Contains(impure, p) {
				t.Errorf("%s imports %s, but its room is pure", s.path, p)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if on, ok := n.X.(*ast.Ident); ok && on.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
					t.Errorf("%s reads the clock at %s: pass the time as an argument", s.path, fset.Position(n.Pos()))
				}
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine at %s", s.path, fset.Position(n.Pos()))
			case *ast.ChanType:
				t.Errorf("%s has a channel at %s", s.path, fset.Position(n.Pos()))
			}
			return true
		})
	}
}

// TestOnlyTheCommandReadsTheEnvironment verifies that only cmd/ssed reads flags, the environment
// and signals.
func TestOnlyTheCommandReadsTheEnvironment(t *testing.T) {
	reads := regexp.MustCompile(`\b(os|syscall)\.(Getenv|LookupEnv|Environ|Args)\b|\bsignal\.Notify|\bflag\.(Parse|String|Int|Bool|Duration)\b`)
	for _, s := range sources(t) {
		room := s.room()
		if s.isTest || room == "cmd/ssed" || room == "internal/testtool" || room == "internal/natstest" || strings.HasPrefix(room, "bench") {
			continue
		}
		if found := reads.Find(s.text); found != nil {
			t.Errorf("%s uses %s; only cmd/ssed may", s.path, found)
		}
	}
}

// TestEveryExportIsDocumented verifies that each exported name and each package has a comment.
func TestEveryExportIsDocumented(t *testing.T) {
	packages := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest {
			continue
		}
		packages[s.room()] = packages[s.room()] || s.file.Doc != nil
		for _, decl := range s.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !wellKnown(d) {
					t.Errorf("%s: %s has no comment", s.path, d.Name.Name)
				}
			case *ast.GenDecl:
				checkSpecs(t, s, d)
			}
		}
	}
	for room, documented := range packages {
		if !documented {
			t.Errorf("package %s has no comment", room)
		}
	}
}

// wellKnown reports whether a method needs no comment, because the interface that requires it is
// well known.
func wellKnown(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "String", "Unwrap"}, d.Name.Name)
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	kind := d.Recv.List[0].Type
	for {
		switch k := kind.(type) {
		case *ast.StarExpr:
			kind = k.X
		case *ast.IndexExpr:
			kind = k.X
		case *ast.Ident:
			return k.IsExported()
		default:
			return true
		}
	}
}

func checkSpecs(t *testing.T, s source, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch v := spec.(type) {
		case *ast.TypeSpec:
			if v.Name.IsExported() && d.Doc == nil && v.Doc == nil {
				t.Errorf("%s: type %s has no comment", s.path, v.Name.Name)
			}
		case *ast.ValueSpec:
			if v.Names[0].IsExported() && d.Doc == nil && v.Doc == nil && v.Comment == nil {
				t.Errorf("%s: %s has no comment", s.path, v.Names[0].Name)
			}
		}
	}
}

// TestSizes verifies that files and functions, except those of tests, do not exceed the maximum
// number of lines.
func TestSizes(t *testing.T) {
	const fileLinesMax, funcLinesMax = 400, 70
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > fileLinesMax && !s.isTest {
			t.Errorf("%s has %d lines, want %d at most", s.path, n, fileLinesMax)
		}
		for _, decl := range s.file.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok && d.Body != nil && !s.isTest {
				if n := fset.Position(d.End()).Line - fset.Position(d.Pos()).Line + 1; n > funcLinesMax {
					t.Errorf("%s: %s has %d lines, want %d at most", s.path, d.Name.Name, n, funcLinesMax)
				}
			}
		}
	}
}

// TestNoUnfinishedWork verifies that no Go file contains a marker for unfinished work.
func TestNoUnfinishedWork(t *testing.T) {
	words := regexp.MustCompile(`(?i)\b(` + "TO" + `DO|FIX` + `ME|X` + `XX)\b`)
	for _, s := range sources(t) {
		if found := words.Find(s.text); found != nil && s.room() != "internal/tidy" {
			t.Errorf("%s contains %q", s.path, found)
		}
	}
}
