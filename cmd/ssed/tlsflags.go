package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/internal/certs"
)

// tlsFlags are the flags of the commands that connect to a daemon, for https:// and tls://
// addresses. Their names differ from those of the daemon's own certificates, because a command and
// a daemon may have the same environment.
type tlsFlags struct {
	CAFile   string `name:"ca-file" placeholder:"FILE" help:"CA certificates (PEM) to trust instead of the system's, for https:// and tls:// addresses. Default: the system's."`
	CertFile string `placeholder:"FILE" help:"Client certificate (PEM) for https:// and tls:// addresses, with its intermediate certificates; requires --key-file. Default: none."`
	KeyFile  string `placeholder:"FILE" help:"Private key (PEM) of --cert-file. Default: none."`

	config *tls.Config // set by load; nil without flags
}

// load checks the flags and reads their files. address is the address for which they are used, and
// secure whether it uses TLS. Without TLS, a flag on the command line is an error, because it would
// have no effect. A variable is ignored then: it may be meant for other commands.
func (f *tlsFlags) load(ctx *kong.Context, address string, secure bool) error {
	if !secure {
		for _, name := range []string{"ca-file", "cert-file", "key-file"} {
			if onCommandLine(ctx, name) {
				return fmt.Errorf("--%s: only for https:// and tls:// addresses, not for %s", name, address)
			}
		}
		return nil
	}
	switch {
	case f.CertFile != "" && f.KeyFile == "":
		return errors.New("--cert-file: requires --key-file")
	case f.KeyFile != "" && f.CertFile == "":
		return errors.New("--key-file: requires --cert-file")
	case f.CAFile == "" && f.CertFile == "":
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CAFile != "" {
		pool, err := certs.Pool(f.CAFile, time.Now())
		if err != nil {
			return fmt.Errorf("--ca-file: %w", err)
		}
		config.RootCAs = pool
	}
	if f.CertFile != "" {
		if _, err := f.pair(nil); err != nil {
			return err
		}
		config.GetClientCertificate = f.pair
	}
	f.config = config
	return nil
}

// pair reads the client certificate. Each handshake reads it again, because a command may run for
// longer than a certificate is valid.
func (f *tlsFlags) pair(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := certs.Pair(f.CertFile, f.KeyFile, time.Now())
	if _, ofKey := errors.AsType[*certs.KeyError](err); ofKey {
		return nil, fmt.Errorf("--key-file: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("--cert-file: %w", err)
	}
	return &pair, nil
}

// onCommandLine reports whether a flag is on the command line.
func onCommandLine(ctx *kong.Context, name string) bool {
	return slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == name && !p.Resolved })
}
