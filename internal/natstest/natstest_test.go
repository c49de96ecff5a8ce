package natstest

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/internal/testtool"
)

// within returns a context that ends after testtool.Patience.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testtool.Patience)
	t.Cleanup(cancel)
	return ctx
}

// publish publishes n messages, and repeats each until it is acknowledged.
func publish(t *testing.T, js jetstream.JetStream, n int) {
	t.Helper()
	for range n {
		testtool.WaitFor(t, "an acknowledgement", func() bool {
			ctx, cancel := context.WithTimeout(within(t), time.Second)
			defer cancel()
			_, err := js.Publish(ctx, "ssed.a", []byte("Corgi"))
			return err == nil
		})
	}
}

// TestServerKeepsPortAndStore verifies that a server has the same port and messages after Kill,
// Stop and Restart.
func TestServerKeepsPortAndStore(t *testing.T) {
	s := Start(t, `authorization { token: "secret" }`)
	if _, err := nats.Connect(s.URL); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("its configuration requires a token, but a connection without one: %v", err)
	}
	conn, js := s.Connect(t, nats.Token("secret"))
	stream, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "ssed", Subjects: []string{"ssed.>"}})
	if err != nil {
		t.Fatal(err)
	}
	for n, end := range []func(){s.Kill, s.Stop, func() {}} {
		publish(t, js, 1)
		end()
		if alive := s.alive(); alive != (n == 2) {
			t.Errorf("end %d: alive is %v", n, alive)
		}
		s.Restart(t)
		testtool.WaitFor(t, "the client to reconnect", conn.IsConnected)
		if info, err := stream.Info(within(t)); err != nil || info.State.Msgs != uint64(n+1) {
			t.Errorf("end %d: %+v, %v", n, info, err)
		}
	}
}

// TestServerFreezes verifies that a frozen server does not answer until it is thawed, and that it
// can be killed.
func TestServerFreezes(t *testing.T) {
	s := Start(t)
	conn, _ := s.Connect(t)
	s.Freeze()
	if s.alive() || conn.FlushTimeout(100*time.Millisecond) == nil {
		t.Error("a frozen server answers")
	}
	s.Thaw()
	if err := conn.FlushTimeout(testtool.Patience); err != nil || !s.alive() {
		t.Errorf("a thawed server does not answer: %v", err)
	}
	s.Freeze()
	s.Kill()
	if err := s.process.cmd.Process.Signal(syscall.Signal(0)); err == nil {
		t.Error("the process still runs after Kill")
	}
}

// TestClusterOutlivesFaults runs a stream with three replicas. A server that is cut off misses
// messages, and gets them after the partition. Then the leader is killed: another server leads,
// and no message is lost.
func TestClusterOutlivesFaults(t *testing.T) {
	testtool.Long(t, "a cluster of NATS servers elects a leader several times")
	c := StartCluster(t, 3)
	conn, err := nats.Connect(strings.Join(c.URLs(), ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "ssed", Subjects: []string{"ssed.>"}, Replicas: 3, AllowDirect: true})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, js, 5)
	for _, s := range c.Servers {
		testtool.WaitFor(t, "all messages on "+s.Name, func() bool { return s.Stored("ssed") == 5 })
	}

	lead := c.Leader(t, "ssed")
	alone := (lead + 1) % 3
	_, atLeader := c.Servers[lead].Connect(t) // conn may be connected to the server that is cut off
	c.Partition(alone)
	publish(t, atLeader, 5)
	if n := c.Servers[alone].Stored("ssed"); n != 5 {
		t.Errorf("the server that is cut off has %d messages, want the 5 from before", n)
	}
	if again := c.Leader(t, "ssed"); again != lead {
		t.Errorf("a follower was cut off, but %d leads instead of %d", again, lead)
	}
	c.Heal(alone)
	testtool.WaitFor(t, "all messages on the member that was cut off", func() bool { return c.Servers[alone].Stored("ssed") >= 10 })

	killed := c.KillLeader(t, "ssed")
	if next := c.Leader(t, "ssed"); next == killed || killed != lead {
		t.Errorf("leader %d was expected, %d was killed, %d leads now", lead, killed, next)
	}
	publish(t, js, 5)
	c.Servers[killed].Restart(t)
	testtool.WaitFor(t, "all messages on the member that was killed", func() bool { return c.Servers[killed].Stored("ssed") >= 15 })
	if info, err := stream.Info(within(t)); err != nil || info.State.Msgs < 15 {
		t.Errorf("the stream is %+v, %v", info, err)
	}
}
