package store

import (
	"os/exec"
	"testing"

	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
)

// TestNATSDocProgram verifies that the Go program in docs/nats.md publishes to the subscribers of a
// daemon, and reads the message from the stream.
func TestNATSDocProgram(t *testing.T) {
	natsServer := natstest.Start(t)
	n := startNode(t, "--nats="+natsServer.URL)
	n.waitForLog(t, "store replayed")
	pets := n.subscribe(t, "/pets")
	source := testtool.Replace(t, testtool.GuideProgram(t, "nats.md", "go"), "nats://127.0.0.1:4222", natsServer.URL)
	out, err := exec.Command(testtool.BuildProgram(t, source)).CombinedOutput()
	if err != nil || string(out) != "stored as 1\nssed.pets.dogs new-dog Corgi\n" {
		t.Errorf("the program printed %q, %v", out, err)
	}
	pets.WaitData(t, "Corgi")
}
