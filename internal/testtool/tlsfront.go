package testtool

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

// StartTLS starts a proxy that ends TLS in front of a server, and returns its host and port. It
// forwards the bytes of each connection to a URL such as Daemon.Publish[0] or Daemon.Subscribe[0].
// It closes its connections when the test ends.
func StartTLS(t testing.TB, url string, config *tls.Config) (address string) {
	t.Helper()
	network, target, _ := strings.Cut(url, "://")
	if network == "http" {
		network = "tcp"
	}
	ctx := t.Context()
	listener := Listen(t, func(conn net.Conn) {
		client := tls.Server(conn, config)
		defer client.Close()
		if client.HandshakeContext(ctx) != nil {
			return // the client reports the reason
		}
		server, err := (&net.Dialer{}).DialContext(ctx, network, target)
		if err != nil {
			return
		}
		defer server.Close()
		defer context.AfterFunc(ctx, func() {
			conn.Close()
			server.Close()
		})()
		go func() {
			io.Copy(server, client)
			server.(interface{ CloseWrite() error }).CloseWrite()
		}()
		io.Copy(client, server)
	})
	return listener.Addr().String()
}
