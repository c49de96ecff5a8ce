package store

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
)

// Servers are the NATS servers to connect to, with credentials and certificates. The client
// connects to one of them, and learns the other servers of the cluster from it. List several in
// case one is down.
type Servers struct {
	URLs            []string // such as "nats://host:4222" or "tls://host:4222"
	CredentialsFile string   // a user's JWT and key, in the format that "nsc" writes
	CAFile          string   // CA certificates for the servers; empty: the system's
	CertFile        string   // client certificate, for servers that require one; needs KeyFile
	KeyFile         string
}

// readable returns an error if a file cannot be read.
func (s Servers) readable() error {
	for _, file := range []string{s.CredentialsFile, s.CAFile, s.CertFile, s.KeyFile} {
		if file == "" {
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("cannot read a file for the NATS connection: %w", err)
		}
		f.Close()
	}
	return nil
}

// checkURL returns an error if text is not the URL of a NATS server. The error contains no
// secrets: a URL that cannot be parsed is not quoted at all.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("invalid NATS server URL: it cannot be parsed; expected the form nats://host:4222")
	case u.Hostname() == "":
		return fmt.Errorf("invalid NATS server URL: it has no host; expected the form nats://host:4222")
	case u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss":
		return fmt.Errorf("invalid NATS server URL %s: expected the scheme nats:// or tls://", redacted(text))
	}
	return nil
}

// options returns the client options for the credentials and certificates.
func (s Servers) options() (options []nats.Option) {
	if s.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(s.CredentialsFile))
	}
	if s.CAFile != "" {
		options = append(options, nats.RootCAs(s.CAFile))
	}
	if s.CertFile != "" {
		options = append(options, nats.ClientCert(s.CertFile, s.KeyFile))
	}
	return options
}

// list returns the URLs in the form that nats.Connect accepts.
func (s Servers) list() string { return strings.Join(s.URLs, ",") }

// names returns the URLs without passwords, for logs and errors.
func (s Servers) names() string {
	if len(s.URLs) == 0 {
		return "the store"
	}
	names := make([]string, len(s.URLs))
	for i, text := range s.URLs {
		names[i] = redacted(text)
	}
	return strings.Join(names, " ")
}

// redacted returns the scheme and the host of a URL. The user part is omitted, because it may
// contain a password or a token.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(invalid URL)"
	}
	return u.Scheme + "://" + u.Host
}
