package tidy

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// embedded are the rooms that programs of others import.
var embedded = []string{".", "sse", "publish", "publish/evioserver", "nsindex", "httpparse", "auth", "admin", "subscribe", "store"}

// unshown are public names that need no example, as patterns, with the reason.
var unshown = map[string]string{
	"..Default*":     "each stands in the comment of its option, which TestDefaultsAreTold holds",
	"store.Default*": "each stands in the comment of its option",
	"admin.Daemon.*": "the methods of ssed.Server, and examples show them there",
	"..Stats.*":      "figures, each with its comment; ExampleServer_Stats shows how one has them",
}

// exempt tells whether a name needs no example.
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

// TestEveryPublicNameIsShown wants each exported function, type, method, constant,
// variable and field of the embedded rooms to be used in an example of its room.
func TestEveryPublicNameIsShown(t *testing.T) {
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
				t.Errorf("%s.%s is in none of the examples (%s/example*_test.go): show what it is for", room, name, room)
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

// publicNames are those that a file declares: "Name", and "Type.Name" for what
// belongs to a type.
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

// receiver is the name of a method's type.
func receiver(d *ast.FuncDecl) (name string) {
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

// addUsedNames adds what a file of examples selects (x.Name), sets in a literal
// (Name: x), declares as a method, as a Sink's user does, or is called after.
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

// TestEmbeddingDocsAreCompiled wants the code in docs/embedding.md to stand, line for
// line, in an example or a program, and the examples that it names to be there.
func TestEmbeddingDocsAreCompiled(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "embedding.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code []string // of each file, without indentation
	examples := map[string]bool{}
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
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 4 {
		t.Fatalf("found only %d blocks of code", len(blocks))
	}
	for _, block := range blocks {
		if !slices.ContainsFunc(code, func(file string) bool { return strings.Contains(file, "\n"+flat(block[1])) }) {
			t.Errorf("this stands in no example:\n%s", block[1])
		}
	}
	for _, name := range regexp.MustCompile(`\bExample\w+`).FindAllString(string(text), -1) {
		if !examples[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// flat is code without its indentation.
func flat(code string) string {
	return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(code, "")
}
