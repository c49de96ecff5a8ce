package loop_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/internal/testtool/conformance"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/publish/evioserver"
)

// TestLineProtocol runs the conformance suite of the line protocol on this loop, over TCP and unix
// sockets.
func TestLineProtocol(t *testing.T) {
	t.Parallel()
	for i, network := range []string{"tcp", "unix"} {
		t.Run("shared loop, "+network, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T, cfg publish.Config) conformance.Server {
				s := serve(t, ssed.Options{
					DataBytesMax: cfg.DataBytesMax,
					Tokens:       tokensOf(t, cfg),
					Publish:      []string{anyPort, "unix://" + t.TempDir() + "/s"},
				})
				return conformance.Server{Dial: func(t testing.TB) net.Conn { return dial(t, s.PublishAddrs()[i]) }}
			})
		})
		t.Run("own loop, "+network, func(t *testing.T) {
			eachLoops(t, 2, func(t *testing.T, loops int) {
				conformance.Run(t, func(t *testing.T, cfg publish.Config) conformance.Server {
					s := serve(t, ssed.Options{Loops: loops, DataBytesMax: cfg.DataBytesMax, Tokens: tokensOf(t, cfg)})
					own := serveOwn(t, s)
					return conformance.Server{Dial: func(t testing.TB) net.Conn { return dial(t, own.Addrs()[i]) }}
				})
			})
		})
	}
}

// tokensOf returns the tokens of a test of the suite as a table, or nil.
func tokensOf(t *testing.T, cfg publish.Config) *auth.Table {
	t.Helper()
	if cfg.Auth == nil {
		return nil
	}
	table, err := auth.ParseTable(conformance.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// serveOwn runs a separate publishers' loop for the server, on TCP and unix sockets.
func serveOwn(t *testing.T, s *ssed.Server) *evioserver.Server {
	t.Helper()
	return serveOwnWith(t, s, evioserver.Options{Listen: []string{anyPort, "unix://" + t.TempDir() + "/s"}})
}

// serveOwnWith runs a separate publishers' loop for the server until the end of the test.
func serveOwnWith(t *testing.T, s *ssed.Server, opts evioserver.Options) *evioserver.Server {
	t.Helper()
	opts.Sink, opts.Session = s.Publishers()
	own := evioserver.New(opts)
	served := make(chan error, 1)
	go func() { served <- own.Serve() }()
	select {
	case <-own.Ready():
	case err := <-served:
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("the publishers' loop did not get ready")
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := own.Shutdown(ctx); err != nil {
			t.Error("Shutdown:", err)
		}
		if err := <-served; err != nil {
			t.Error("Serve:", err)
		}
	})
	return own
}
