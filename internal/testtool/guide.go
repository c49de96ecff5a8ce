package testtool

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// GuideProgram returns the first complete program in a language, "go" or "python", of a page in
// docs, such as "nats.md".
func GuideProgram(t testing.TB, page, language string) (source string) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if language != "go" || strings.HasPrefix(block[1], "package main\n") {
			return block[1]
		}
	}
	t.Fatalf("docs/%s has no program in %s", page, language)
	return ""
}

// BuildProgram builds a Go program of one file, and returns the path of the binary. The program can
// import the packages of the tests' module and of its requirements.
func BuildProgram(t testing.TB, source string) (binary string) {
	t.Helper()
	folder := t.TempDir()
	file, binary := filepath.Join(folder, "main.go"), filepath.Join(folder, "program")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-o", binary}
	if Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, file)...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s\n%s", err, out, source)
	}
	return binary
}

// Replace returns a text in which the old string is replaced. It fails the test unless the text
// contains the old string exactly once.
func Replace(t testing.TB, text, old, replacement string) string {
	t.Helper()
	if n := strings.Count(text, old); n != 1 {
		t.Fatalf("%q appears %d times, want once, in:\n%s", old, n, text)
	}
	return strings.Replace(text, old, replacement, 1)
}
