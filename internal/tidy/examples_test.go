package tidy

import (
	"go/ast"
	"go/format"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// embedded are the rooms that other programs import.
var embedded = []string{".", "sse", "publish", "publish/evioserver", "nsindex", "httpparse", "auth", "admin", "subscribe", "store"}

// unshown are patterns of public names that need no example, with the reason.
var unshown = map[string]string{
	"..Default*":     "the comment of each option contains its default, as TestDefaultsAreDocumented verifies",
	"store.Default*": "the comment of each option contains its default",
	"admin.Daemon.*": "they are methods of ssed.Server, and its examples use them",
	"..Stats.*":      "each figure has a comment; ExampleServer_Stats shows how to get them",
}

// exempt reports whether a name needs no example.
func exempt(t *testing.T, name string) bool {
	for pattern := range unshown {
		if ok, err := path.Match(pattern, name); err != nil {
			t.Fatal(err)
		} else if ok {
			return true
		}
	}
	return false
}

// TestEveryPublicNameHasAnExample verifies that an example of each embedded room uses each exported
// function, type, method, constant, variable and field of the room.
func TestEveryPublicNameHasAnExample(t *testing.T) {
	shown, public := map[string]map[string]bool{}, map[string][]string{}
	members := map[string][]string{} // "loop.Stats" → "Stats.Newest", ...
	for _, s := range sources(t) {
		if s.isTest {
			continue
		}
		for _, name := range publicNames(s.file) {
			if of, _, isMember := strings.Cut(name, "."); isMember {
				of = packageOf(s.room()) + "." + of
				members[of] = append(members[of], name)
			}
		}
	}
	for _, s := range sources(t) {
		room := s.room()
		switch {
		case !slices.Contains(embedded, room):
		case !s.isTest:
			public[room] = append(public[room], publicNames(s.file)...)
			if room == "." {
				public[room] = append(public[room], aliased(s.file, members)...)
			}
		case strings.HasPrefix(path.Base(s.path), "example") && s.file.Name.Name == packageOf(room)+"_test":
			if shown[room] == nil {
				shown[room] = map[string]bool{}
			}
			addUsedNames(shown[room], s.file)
		}
	}
	for _, room := range embedded {
		if len(public[room]) < 4 {
			t.Errorf("%s has only %d public names: this test looks in the wrong place", room, len(public[room]))
		}
		for _, name := range public[room] {
			last := name[strings.LastIndex(name, ".")+1:]
			if !shown[room][last] && !exempt(t, room+"."+name) {
				t.Errorf("%s.%s is not used in an example (%s/example*_test.go): add it to one", room, name, room)
			}
		}
	}
}

// packageOf returns the name of a room's package.
func packageOf(room string) string {
	if room == "." {
		return path.Base(module)
	}
	return path.Base(room)
}

// aliased returns the public members of the types of other rooms for which a file of the
// root package has an alias.
func aliased(file *ast.File, members map[string][]string) (names []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || !spec.Assign.IsValid() || !spec.Name.IsExported() {
			return true
		}
		if of, ok := spec.Type.(*ast.SelectorExpr); ok {
			names = append(names, members[of.X.(*ast.Ident).Name+"."+of.Sel.Name]...)
		}
		return true
	})
	return names
}

// publicNames returns the exported names that a file declares. Fields and methods have the form
// "Type.Name".
func publicNames(file *ast.File) (names []string) {
	add := func(of string, idents ...*ast.Ident) {
		for _, name := range idents {
			if name.IsExported() {
				names = append(names, of+name.Name)
			}
		}
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add("", d.Name)
			} else if of := receiver(d); ast.IsExported(of) && !wellKnown(d) {
				add(of+".", d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch v := spec.(type) {
				case *ast.ValueSpec:
					add("", v.Names...)
				case *ast.TypeSpec:
					add("", v.Name)
					addMembers(add, v)
				}
			}
		}
	}
	return names
}

// addMembers adds the fields of an exported struct, and the methods of an interface.
func addMembers(add func(string, ...*ast.Ident), v *ast.TypeSpec) {
	var members *ast.FieldList
	switch kind := v.Type.(type) {
	case *ast.StructType:
		members = kind.Fields
	case *ast.InterfaceType:
		members = kind.Methods
	}
	if members == nil || !v.Name.IsExported() {
		return
	}
	for _, m := range members.List {
		add(v.Name.Name+".", m.Names...)
	}
}

// receiver returns the name of a method's type.
func receiver(d *ast.FuncDecl) (name string) {
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

// addUsedNames adds the names that a file of examples uses: in a selector (x.Name), as a key of a
// literal (Name: x), as a declared method, or in the name of an example.
func addUsedNames(used map[string]bool, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			used[n.Sel.Name] = true
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				used[key.Name] = true
			}
		case *ast.FuncDecl:
			of, isExample := strings.CutPrefix(n.Name.Name, "Example")
			if n.Recv != nil || isExample {
				for part := range strings.SplitSeq(of, "_") {
					used[part] = true
				}
			}
		}
		return true
	})
}

// TestGuidesAreCompiled verifies the guides for Go programs. Each whole program compiles, and each
// other block of Go code is part of an example, line for line. Each example that a guide names
// exists.
func TestGuidesAreCompiled(t *testing.T) {
	code, examples := exampleCode(t)
	blocks, programs, names := 0, 0, 0
	for _, page := range []string{"embedding.md", "migrating.md", "publishing.md", "nats.md"} {
		text := documents(t)[filepath.Join("..", "..", "docs", page)]
		for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(block[1], "package main\n") {
				programs++
				vet(t, page, block[1])
				continue
			}
			blocks++
			if !slices.ContainsFunc(code, func(file string) bool { return strings.Contains(file, "\n"+flat(block[1])) }) {
				t.Errorf("%s: no example has this code:\n%s", page, block[1])
			}
		}
		for _, name := range regexp.MustCompile(`\bExample[A-Z_]\w+`).FindAllString(text, -1) {
			names++
			if !examples[name] {
				t.Errorf("%s: there is no %s", page, name)
			}
		}
	}
	if blocks < 4 || programs < 4 || names < 4 {
		t.Fatalf("found only %d programs, %d other blocks of code and %d names of examples", programs, blocks, names)
	}
}

// vet checks with go vet that a program of a page compiles, and that it is formatted.
func vet(t *testing.T, page, source string) {
	t.Helper()
	if formatted, err := format.Source([]byte(source)); err != nil || string(formatted) != source {
		t.Errorf("%s: this program is not formatted (%v):\n%s", page, err, source)
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
		t.Errorf("%s: go vet: %v\n%s\n%s", page, err, out, source)
	}
}

// exampleCode returns the text of each file of examples without indentation, and the names
// of all functions in these files.
func exampleCode(t *testing.T) (code []string, examples map[string]bool) {
	t.Helper()
	examples = map[string]bool{}
	for _, s := range sources(t) {
		if !strings.HasPrefix(path.Base(s.path), "example") {
			continue
		}
		code = append(code, flat(string(s.text)))
		for _, decl := range s.file.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok {
				examples[d.Name.Name] = true
			}
		}
	}
	return code, examples
}

// flat returns code without its indentation.
func flat(code string) string {
	return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(code, "")
}
