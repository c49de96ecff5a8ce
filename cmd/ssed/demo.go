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

// Run does what serveCommand does, and publishes the time and the state of this host every second.
func (c *demoCommand) Run(stderr *logWriter, s *settings) error {
	host, err := newHost()
	if err != nil {
		return fmt.Errorf("cannot read the state of this host: %w", err)
	}
	return c.runDaemon(stderr, s, func(ctx context.Context, d *daemon) {
		// A write to standard output can fail or block; the demo continues anyway.
		go io.WriteString(patientFile{os.Stdout}, d.invitation())
		publishHost(ctx, d, host)
	})
}

// publishHost publishes at every full second until ctx is done.
func publishHost(ctx context.Context, d *daemon, host *host) {
	for {
		// Rounded, because a timer that fires slightly early must not publish a second twice.
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

// invitation returns commands to try, with the addresses of this daemon and placeholders for the
// tokens that it requires.
func (d *daemon) invitation() string {
	curl, sub, pub := "curl -N ", program()+" sub ", program()+" pub "
	if d.tokens.Required(auth.Subscribe) {
		curl += "-H 'X-Authorization: TOKEN' "
		sub += "--token TOKEN "
	}
	if to := d.publishURLs()[0]; to != defaultPublishURL {
		pub += "--to " + to + " "
	}
	if d.tokens.Required(auth.Publish) {
		pub += "--token TOKEN "
	}
	base, option := curlTarget(d.server.ListenAddrs()[0])
	curl += option
	if base != defaultSubscribeURL {
		sub += base + " "
	}

	var b strings.Builder
	fmt.Fprintf(&b, "Subscribe, in another terminal:\n\n")
	if option == "" { // ssed sub cannot connect to a unix socket
		fmt.Fprintf(&b, "    %s/time\n", sub)
	}
	fmt.Fprintf(&b, "    %s%s/subscribe/time\n", curl, base)
	fmt.Fprintf(&b, "    %s%s/subscribe/host          # load, cpu, memory and network of this host\n", curl, base)
	fmt.Fprintf(&b, "    %s%s/subscribe/host/cpu\n", curl, base)
	fmt.Fprintf(&b, "    %s'%s/subscribe?ns=/time&ns=/pets'\n\n", curl, base)
	fmt.Fprintf(&b, "Publish to the last of them, in a third terminal:\n\n")
	fmt.Fprintf(&b, "    %s--event new-dog /pets/dogs Corgi\n\n", pub)
	switch {
	case d.admin.where == adminOn && option == "":
		fmt.Fprintf(&b, "Watch: %s/admin/\n\n", base)
	case d.admin.where != adminOn && d.admin.where != adminOff:
		fmt.Fprintf(&b, "Watch: %s\n\n", d.admin.url)
	}
	return b.String()
}

// program returns the command that runs this program again, as it was started. "go run" builds it
// in a temporary directory that is removed afterwards.
func program() string {
	if strings.Contains(os.Args[0], "/go-build") {
		return "go run ./cmd/ssed"
	}
	return os.Args[0]
}

// curlTarget returns the URL at which curl reaches addr, and the curl option that this requires,
// followed by a space.
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
