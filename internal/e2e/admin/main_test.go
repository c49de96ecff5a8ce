package admin

import (
	"os"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }
