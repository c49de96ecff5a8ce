package publish

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/ssed/ssed/internal/certs"
	"github.com/ssed/ssed/internal/listen"
)

// An Option changes how Dial connects.
type Option func(*options)

type options struct {
	token string
	tls   *tls.Config // nil for the defaults
}

// WithToken sends AUTH with this token before any other command. Without this option, or with an
// empty token, the client sends no AUTH.
func WithToken(token string) Option { return func(o *options) { o.token = token } }

// WithTLS sets the TLS configuration for a URL that begins with "tls://"; other URLs ignore it.
// Without this option, the server's certificate must be valid for the host in the URL and be signed
// by a CA that the system trusts.
//
// RootCAs sets other CAs to trust. Certificates or GetClientCertificate authenticates this client.
// ServerName sets another name to verify than the host in the URL. The client uses TLS 1.2 or
// later, even if MinVersion is lower. The caller must not change config afterwards.
func WithTLS(config *tls.Config) Option { return func(o *options) { o.tls = config } }

// Dial connects to a publish URL ("tcp://host:port", "tls://host:port" or "unix:///path"), sends
// the token if there is one, and waits for the first reply. It returns an error if the server is
// full, does not accept the token, or is not ssed. ctx applies only to Dial, including the TLS
// handshake, and not to the returned client.
//
// The error of a failed TLS handshake describes the reason. It wraps the error of package tls, so
// that errors.As finds types such as x509.UnknownAuthorityError and x509.HostnameError.
func Dial(ctx context.Context, url string, opts ...Option) (*Client, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	endpoint, err := o.check(url)
	if err != nil {
		return nil, err
	}
	return connect(ctx, endpoint, o)
}

// check validates the arguments of Dial and returns the endpoint of the URL.
func (o *options) check(url string) (listen.Endpoint, error) {
	if strings.ContainsAny(o.token, "\r\n") {
		return listen.Endpoint{}, errors.New("invalid token: it contains a line break")
	}
	return listen.ParseTarget(url)
}

// connect implements Dial for checked options.
func connect(ctx context.Context, endpoint listen.Endpoint, o options) (*Client, error) {
	conn, err := o.open(ctx, endpoint)
	if err != nil {
		return nil, &dialError{"connect", endpoint, err}
	}
	c := newClient(conn)
	hello := "PING\n"
	if o.token != "" {
		hello = "AUTH " + o.token + "\n"
	}
	if _, err := c.do(ctx, request{text: []byte(hello)}); err != nil {
		c.Close()
		if reason, ok := certs.Reason(err); ok { // such as the refusal of a client certificate in TLS 1.3
			return nil, &dialError{"connect", endpoint, reason}
		}
		return nil, &dialError{"publish", endpoint, err}
	}
	return c, nil
}

// open returns a connection to an endpoint, after the TLS handshake if it uses TLS.
func (o *options) open(ctx context.Context, endpoint listen.Endpoint) (net.Conn, error) {
	network := endpoint.Network
	if network == "tls" {
		network = "tcp"
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, endpoint.Address)
	if err != nil {
		return nil, listen.Reason(err)
	}
	if endpoint.Network != "tls" {
		return conn, nil
	}
	secured := tls.Client(conn, o.config(endpoint))
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		if reason, ok := certs.HandshakeReason(err); ok {
			return nil, reason
		}
		return nil, listen.Reason(err)
	}
	return secured, nil
}

// config returns the TLS configuration for an endpoint.
func (o *options) config(endpoint listen.Endpoint) *tls.Config {
	config := &tls.Config{}
	if o.tls != nil {
		config = o.tls.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(endpoint.Address)
	}
	return config
}

// connectionReason returns the cause of an error of an open connection.
func connectionReason(err error) error {
	if reason, ok := certs.Reason(err); ok {
		return reason
	}
	return listen.Reason(err)
}

// A dialError is an error of Dial, with the address.
type dialError struct {
	doing string
	to    listen.Endpoint
	err   error
}

func (e *dialError) Error() string { return fmt.Sprintf("cannot %s to %s: %v", e.doing, e.to, e.err) }
func (e *dialError) Unwrap() error { return e.err }
