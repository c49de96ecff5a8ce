package goclients

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) {
	// Build the daemon from its own module, so that it gets exactly the dependencies of its go.mod.
	if err := os.Chdir(filepath.Join("..", "..", "..")); err != nil {
		panic(err)
	}
	os.Exit(testtool.Main(m))
}
