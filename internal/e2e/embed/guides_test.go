package embed

import (
	"regexp"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// startGuide builds the first program of a page in docs, runs it on a free port instead of 8001,
// and returns its URL.
func startGuide(t *testing.T, page string) (url string) {
	t.Helper()
	address := testtool.FreePort(t)
	source := testtool.Replace(t, testtool.GuideProgram(t, page, "go"), `{":8001"}`, `{"`+address+`"}`)
	program := testtool.StartCommand(t, testtool.BuildProgram(t, source))
	awaitListener(t, page, address, program)
	return "http://" + address
}

// TestEmbeddingDocProgram verifies that the first program in docs/embedding.md keeps running and
// serves streams.
func TestEmbeddingDocProgram(t *testing.T) {
	wantHead(t, startGuide(t, "embedding.md")+"/subscribe/pets")
}

// TestMigratingDocProgram verifies that the program in docs/migrating.md publishes the time.
func TestMigratingDocProgram(t *testing.T) {
	frame := testtool.Subscribe(t, startGuide(t, "migrating.md")+"/subscribe/time").Frame(t)
	if !regexp.MustCompile(`^data:\d\d:\d\d:\d\d\n\n$`).MatchString(frame) {
		t.Errorf("the frame has no time: %q", frame)
	}
}
