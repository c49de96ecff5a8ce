package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// TestThreeNodesScript starts three nodes with deploy/three-nodes.sh and kills one daemon. It
// verifies that publishers and subscribers continue, and that Ctrl-C then stops every process and
// removes every file.
func TestThreeNodesScript(t *testing.T) {
	testtool.Long(t, "three daemons and three NATS servers are started and stopped")
	t.Parallel() // it waits, most of the time
	bash := testtool.Need(t, "bash", "haproxy", "setsid", "setpriv")
	net, folder := network(1), t.TempDir()
	script := startScript(t, bash, net, folder)
	pids := map[string]int{}
	for _, line := range killLine.FindAllStringSubmatch(script.output.String(), -1) {
		pids[line[2]], _ = strconv.Atoi(line[1])
	}
	if len(pids) != 2*nodesCount+1 {
		t.Fatalf("the script printed the processes %v, want %d:\n%s", pids, 2*nodesCount+1, script.output.String())
	}

	front := net + ".10:"
	var subscribers []*ledger.Subscriber
	for i := range 2 * nodesCount {
		subscribers = append(subscribers, startSubscriber(t, fmt.Sprint("subscriber ", i), "http://"+front+subscribePort+"/subscribe/n", ""))
	}
	var publishers []*ledger.Publisher
	for i := range nodesCount {
		publishers = append(publishers, startPublisher(t, fmt.Sprint("p", i), fmt.Sprint("/n/", i), "tcp://"+front+publishPort))
	}
	ledger.WaitAcked(t, 100, publishers...)
	if err := syscall.Kill(pids["ssed-2"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ledger.WaitAcked(t, 100, publishers...)
	published := ledger.Stop(t, publishers...)
	for _, s := range subscribers {
		s.WaitAll(t, ledger.Audit{Ledgers: published})
	}

	if err := script.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-script.ended:
	case <-time.After(testtool.Patience):
		t.Fatal("the script did not exit after Ctrl-C")
	}
	if code := script.cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	for name, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("%s is still running", name)
		}
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("the script left the files %v, %v", left, err)
	}
}

var killLine = regexp.MustCompile(`kill -9 (\d+) +# (\S+)`)

// A script is a running deploy/three-nodes.sh.
type script struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	output testtool.LockedBuffer
}

// startScript starts the script, and returns when the nodes are up.
func startScript(t *testing.T, bash, net, folder string) *script {
	t.Helper()
	s := &script{cmd: exec.Command(bash, filepath.Join(root, "deploy", "three-nodes.sh")), ended: make(chan struct{})}
	s.cmd.Env = append(append(testtool.Environ(), testtool.LoopsEnviron()...),
		"THREE_NODES_NET="+net, "TMPDIR="+folder, "SSED_BINARY="+testtool.Build(t), "SSED_RETRY="+retryTime.String())
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		s.cmd.Wait()
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("three-nodes.sh printed:\n%s", s.output.String())
		}
		s.cmd.Process.Signal(syscall.SIGTERM)
		<-s.ended
	})
	up := func() bool { return strings.Contains(s.output.String(), "Ctrl-C stops everything") }
	deadline := time.Now().Add(4 * testtool.Patience) // it may have to build a NATS server
	for !up() {
		select {
		case <-s.ended:
			t.Fatal("the script exited before the nodes were up")
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the nodes did not start in time")
		}
	}
	return s
}
