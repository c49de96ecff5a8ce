package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/sse"
)

type demoCommand struct {
	daemonFlags
}

// Run serves like serveCommand, and publishes the time and the state of this
// host once a second.
func (c *demoCommand) Run(stderr *logWriter, s *settings) error {
	host, err := newHost()
	if err != nil {
		return fmt.Errorf("cannot read the state of this host: %w", err)
	}
	return c.runDaemon(stderr, s, func(ctx context.Context, d *daemon) {
		// If nobody reads standard output this may fail or block, and the demo goes on.
		go io.WriteString(patientFile{os.Stdout}, d.invitation())
		publishHost(ctx, d, host)
	})
}

// publishHost publishes at each full second until ctx ends.
func publishHost(ctx context.Context, d *daemon, host *host) {
	for {
		// Rounded: a timer that comes a little early must not tell a second twice.
		second := time.Now().Add(time.Second).Round(time.Second)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(second)):
		}
		messages, err := host.messages()
		if err != nil {
			d.log.Warn("cannot read the state of this host", "err", err)
		}
		messages = append(messages, sse.Message{
			Namespace: "/time",
			Data:      []byte(second.Format(time.RFC3339)),
		})
		for _, m := range messages {
			if err := d.server.Publish(ctx, m); err != nil && ctx.Err() == nil {
				d.log.Warn("cannot publish", "namespace", m.Namespace, "err", err)
			}
		}
	}
}

// invitation tells what to try, with the addresses and tokens of this daemon.
func (d *daemon) invitation() string {
	curl, pub := "curl -N ", program()+" pub "
	if d.tokens.Required(auth.Subscribe) {
		curl += "-H 'X-Authorization: TOKEN' "
	}
	if to := d.publishURLs()[0]; to != defaultPublishURL {
		pub += "--to " + to + " "
	}
	if d.tokens.Required(auth.Publish) {
		pub += "--token TOKEN "
	}
	base, option := curlTarget(d.server.ListenAddrs()[0])
	curl += option

	var b strings.Builder
	fmt.Fprintf(&b, "Subscribe, in another terminal:\n\n")
	fmt.Fprintf(&b, "    %s%s/subscribe/time\n", curl, base)
	fmt.Fprintf(&b, "    %s%s/subscribe/host          # load, cpu, memory and network of this host\n", curl, base)
	fmt.Fprintf(&b, "    %s%s/subscribe/host/cpu\n", curl, base)
	fmt.Fprintf(&b, "    %s'%s/subscribe?ns=/time&ns=/pets'\n\n", curl, base)
	fmt.Fprintf(&b, "Publish something to the last one, in a third:\n\n")
	fmt.Fprintf(&b, "    %s--event new-dog /pets/dogs Corgi\n\n", pub)
	return b.String()
}

// program is what to type to run this program again. "go run" has it in a folder
// of its own that is gone afterwards.
func program() string {
	if strings.Contains(os.Args[0], "/go-build") {
		return "go run ./cmd/ssed"
	}
	return "ssed"
}

// curlTarget returns the URL that curl reaches addr by, and the option that it
// may need for it, with a space behind.
func curlTarget(addr net.Addr) (base, option string) {
	if addr.Network() == "unix" {
		return "http://localhost", "--unix-socket " + addr.String() + " "
	}
	host, port, _ := net.SplitHostPort(addr.String())
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), ""
}
