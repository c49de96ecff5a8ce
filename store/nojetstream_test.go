package store

import (
	"strings"
	"testing"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// TestNoJetStream verifies that the log and the status report a server without JetStream, with its
// URL and advice, at the start and after a reconnect. Once JetStream is enabled, the Store works
// without further action.
func TestNoJetStream(t *testing.T) {
	t.Parallel()
	const account = `accounts { A { users: [{user: a, password: a-secret}] } }`
	const withJetStream = `accounts { A { jetstream: enabled, users: [{user: a, password: a-secret}] } }`
	for _, tt := range []struct {
		name          string
		without, with []string
		says          string // the server's URL follows
		andSays       string
	}{
		{"of the server", []string{"jetstream: disabled"}, nil, "JetStream is not enabled at ", "start nats-server with -js"},
		{"of the cluster", []string{"jetstream: disabled", `cluster { name: c, listen: "127.0.0.1:-1" }`}, nil, "JetStream is not enabled at ", "no server of its cluster"},
		{"of the account", []string{account}, []string{withJetStream}, "JetStream is not enabled for this account at ", `"jetstream: enabled" to the account`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			natsServer, log := natstest.Start(t, tt.without...), &logBuffer{}
			url := strings.Replace(natsServer.URL, "://", "://a:a-secret@", 1)
			r, err := New(Options{Servers: Servers{URLs: []string{url}}, Timeout: sweepInterval, Logger: log.logger()})
			if err != nil {
				t.Fatal(err)
			}
			server, err := ssed.New(ssed.Options{Store: r, Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: log.logger()})
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 2)
			go func() { ended <- r.Serve(server.StoreSink()) }()
			go func() { ended <- server.Serve() }()
			t.Cleanup(func() {
				server.Shutdown(testContext(t))
				r.Shutdown(testContext(t))
				for range 2 {
					if err := <-ended; err != nil {
						t.Errorf("at the end: %v", err)
					}
				}
			})
			errorLines := func() int { return strings.Count(log.String(), "level=ERROR") }
			troubled := func() bool {
				trouble := r.Status().Trouble
				return strings.HasPrefix(trouble, tt.says+natsServer.URL) && strings.Contains(trouble, tt.andSays)
			}
			well := func() bool {
				return r.Status().Trouble == "" && server.Publish(testContext(t), sse.Message{Namespace: "/x"}) == nil
			}
			testtool.WaitFor(t, "the status to report the missing JetStream at the start", troubled)
			if err := server.Publish(testContext(t), sse.Message{Namespace: "/x"}); err == nil || !strings.Contains(err.Error(), "nothing was stored") {
				t.Errorf("a publisher gets %v", err)
			}
			if n := errorLines(); n != 1 {
				t.Errorf("the log has %d error lines, want 1", n)
			}
			natsServer.Configure(t, tt.with...)
			natsServer.Restart(t)
			testtool.WaitFor(t, "the store to work with JetStream", well)

			natsServer.Configure(t, tt.without...)
			natsServer.Restart(t)
			testtool.WaitFor(t, "the status to report the missing JetStream after a reconnect", troubled)
			natsServer.Configure(t, tt.with...)
			natsServer.Restart(t)
			testtool.WaitFor(t, "the store to work with JetStream again", well)
			if said := log.String(); strings.Contains(said, "a-secret") || strings.Contains(said, "no responders") {
				t.Errorf("logged %s", said)
			}
		})
	}
}
