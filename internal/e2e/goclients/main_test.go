package goclients

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) {
	// From the daemon's own module, so that it is built with exactly the modules
	// that its go.mod asks for.
	if err := os.Chdir(filepath.Join("..", "..", "..")); err != nil {
		panic(err)
	}
	os.Exit(testtool.Main(m))
}
