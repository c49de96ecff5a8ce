package cluster

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// root is the root folder of the repository.
var root = filepath.Join("..", "..", "..")

// The ports of each node and of the proxy in deploy/three-nodes.cfg.
const (
	subscribePort = "8051"
	publishPort   = "8052"
)

// network returns the first three bytes of the addresses of the nodes and the proxy in
// deploy/three-nodes.cfg. They depend on the process id, so that no other process uses them.
func network(n int) string {
	return fmt.Sprintf("127.%d.%d", 100+os.Getpid()%100, os.Getpid()/100%120*2+n)
}

// startHAProxy starts HAProxy with deploy/three-nodes.cfg. It returns the URLs that subscribers and
// publishers connect to.
func startHAProxy(t *testing.T, net string) (subscribe, publish string) {
	t.Helper()
	config := filepath.Join(root, "deploy", "three-nodes.cfg")
	proxy := testtool.StartGroup(t, []string{"THREE_NODES_NET=" + net}, testtool.Need(t, "haproxy"), "-db", "-f", config)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("HAProxy printed:\n%s%s", proxy.Output(), proxy.Errors())
		}
	})
	testtool.WaitFor(t, "HAProxy", func() bool { return listens(net + ".10:" + subscribePort) })
	return "http://" + net + ".10:" + subscribePort, "tcp://" + net + ".10:" + publishPort
}

// listens reports whether a program listens at an address.
func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// TestDaemonIsKilled kills a daemon during a burst. Its subscribers resume at the other daemons,
// through HAProxy, and its publishers repeat the messages that were not answered. The test verifies
// that all subscribers finally have every message once.
func TestDaemonIsKilled(t *testing.T) {
	testtool.Long(t, "three daemons and three NATS servers are started, and some killed")
	crowd := 300
	if testtool.Race {
		crowd = 60
	}
	net := network(0)
	testtool.Need(t, "haproxy")
	e := open(t, nil, func(i int) []string {
		node := fmt.Sprintf("%s.%d:", net, i+1)
		return []string{"--listen=" + node + subscribePort, "--publish=tcp://" + node + publishPort}
	})
	subscribe, publish := startHAProxy(t, net)
	var subscribers []*ledger.Subscriber
	for i := range crowd {
		subscribers = append(subscribers, startSubscriber(t, fmt.Sprint("subscriber ", i), subscribe+"/subscribe/n", ""))
	}
	var publishers []*ledger.Publisher
	for i := range 2 * nodesCount {
		publishers = append(publishers, startPublisher(t, fmt.Sprint("p", i), fmt.Sprint("/n/", i), publish))
	}
	ledger.WaitAcked(t, 100, publishers...)
	if err := e.nodes[1].Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	e.nodes[1].Wait(t)
	ledger.WaitAcked(t, 100, publishers...)
	published := ledger.Stop(t, publishers...)

	dialed, lost := 0, 0
	for _, p := range publishers {
		dialed += p.Stats().Dials
	}
	for _, s := range subscribers {
		s.WaitAll(t, ledger.Audit{Ledgers: published})
		if s.State().Lost > 0 {
			lost++
		}
	}
	if dialed == len(publishers) {
		t.Error("no publisher lost its connection, so none was connected to the killed daemon")
	}
	if lost < crowd/nodesCount-5 || lost > crowd/nodesCount+5 {
		t.Errorf("%d of %d subscribers lost their stream, want about a third", lost, crowd)
	}
	t.Logf("%d messages to %d subscribers; %d of them resumed", len(subscribers[0].Messages()), crowd, lost)
}
