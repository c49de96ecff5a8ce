package store

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
)

// Servers say which NATS servers to connect to, and how. Those of one cluster find
// each other: one that answers is enough, more are for when it does not.
type Servers struct {
	URLs            []string // "nats://host:4222", "tls://host:4222"
	CredentialsFile string   // a user's JWT and key, as "nsc" writes them
	CAFile          string   // who signs for the servers; empty: those the system trusts
	CertFile        string   // what we show to servers that ask, with its key
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
			return fmt.Errorf("a file for the NATS server cannot be read: %w", err)
		}
		f.Close()
	}
	return nil
}

// checkURL returns what is wrong with a NATS server's URL. The error holds none of its
// secrets; a URL that cannot be parsed is left out as a whole.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("a NATS server's URL cannot be read; write it like nats://host:4222")
	case u.Hostname() == "":
		return fmt.Errorf("a NATS server's URL names no host; write it like nats://host:4222")
	case u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss":
		return fmt.Errorf("%s is no NATS server's URL: it begins with nats:// or tls://", redacted(text))
	}
	return nil
}

// options are those of a connection.
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

// list is what the client takes.
func (s Servers) list() string { return strings.Join(s.URLs, ",") }

// names are the URLs for a log: without passwords.
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

// redacted is where a URL leads, without what else it holds: a password stands in it,
// or a token in the user's place.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(a URL that cannot be read)"
	}
	return u.Scheme + "://" + u.Host
}
