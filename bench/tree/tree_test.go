package tree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write creates a file with a text, and its parent directories.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRootIsTheModuleOfSsed checks the search for the root.
func TestRootIsTheModuleOfSsed(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "ssed")
	write(t, filepath.Join(root, "go.mod"), "module github.com/ssed/ssed\n\ngo 1.26.0\n")
	write(t, filepath.Join(root, "bench", "go.mod"), "module github.com/ssed/ssed/bench\n")
	write(t, filepath.Join(root, "bench", "load", "load.go"), "package load\n")
	write(t, filepath.Join(dir, "other", "go.mod"), "module example.org/other\n")
	for _, started := range []string{root, filepath.Join(root, "bench"), filepath.Join(root, "bench", "load")} {
		if got, err := rootAbove(started); got != root || err != nil {
			t.Errorf("from %s: got %q, %v, want %q", started, got, err, root)
		}
	}
	for _, started := range []string{dir, filepath.Join(dir, "other")} {
		if got, err := rootAbove(started); err == nil || !strings.Contains(err.Error(), "go run -C") {
			t.Errorf("from %s: got %q, %v, want an error that explains how to run the bench", started, got, err)
		}
	}
}

// TestToShell checks the directory after ToShell, for several ways to start the program.
func TestToShell(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	shell, bench := t.TempDir(), filepath.Join(root, "bench")
	tests := []struct{ name, started, pwd, want string }{
		{"go run -C bench", bench, shell, shell},
		{"go run in bench", bench, bench, bench},
		{"no PWD", bench, "", bench},
		{"a program in another directory, and a stale PWD", root, shell, root},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(tt.started) // sets PWD, too
			t.Setenv("PWD", tt.pwd)
			if err := ToShell(); err != nil {
				t.Fatal(err)
			}
			if !same(".", tt.want) {
				now, _ := os.Getwd()
				t.Errorf("the directory is %s, want %s", now, tt.want)
			}
		})
	}
	t.Run("PWD is gone", func(t *testing.T) {
		t.Chdir(bench)
		t.Setenv("PWD", filepath.Join(shell, "gone"))
		if err := ToShell(); err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("got %v, want an error that names the directory", err)
		}
	})
}
