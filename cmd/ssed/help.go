package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/store"
)

const description = `Server-Sent Events daemon: programs publish lines, browsers and curl subscribe.

    ssed demo                                        # daemon with sample data
    ssed sub /time                                   # subscribe
    curl -N http://localhost:8001/subscribe/time     # subscribe with curl
    ssed pub /pets/dogs Corgi                        # publish a message`

// flagGroups are the sections of the help, in the order of the flags in daemonFlags.
var flagGroups = []kong.Group{
	{Key: "config", Title: "Configuration:"},
	{Key: "where", Title: "Addresses:"},
	{Key: "loops", Title: "Event loops:"},
	{Key: "who", Title: "Access control:"},
	{Key: "much", Title: "Limits (SIZE: 65536, 64KiB, 1MiB or 2GiB):"},
	{Key: "history", Title: "History (SIZE: 64KiB or 1GiB; DURATION: 15s or 24h):"},
	{Key: "store", Title: "Store, NATS JetStream (SIZE: 64KiB or 1GiB; DURATION: 15s or 24h):"},
	{Key: "when", Title: "Timing (DURATION: 500ms, 15s or 2m):"},
	{Key: "log", Title: "Logging and profiling:"},
}

// daemonHelp is the help text of each flag in daemonFlags: one or two sentences, then the
// default.
var daemonHelp = map[string]string{
	"config": `Read settings from this TOML file, below flags and environment variables. Its keys are
		the long names of the flags: heartbeat = "5s", listen = [":80"]. Default: no file.`,

	"listen": `Address for subscribers (HTTP): host:port, :port or unix:///path. Can be repeated.
		Default ${default} (all addresses of this machine), or :$$PORT if PORT is set.`,
	"publish": `Address for publishers (line protocol): tcp://host:port or unix:///path. Can be
		repeated; a TCP address that is not loopback requires a publish token. Default ${default}.`,
	"admin": `Where to serve /admin/ and /metrics: on the --listen addresses (on), nowhere (off), or
		on a separate host:port. Only this machine has access unless a token has the admin right,
		or for /metrics the metrics right. Default ${default}.`,

	"loops": `Number of event loops, 1 to 256. Each one serves a part of the subscribers on one CPU, so
		several deliver more messages. auto: the number of CPUs minus one, at least 1.
		Default ${default}.`,
	"publish-loop": `Event loop that reads from publishers: the loop of the subscribers (shared; best
		on few CPUs; only with one loop) or a separate one (own), so that heavy publishing does
		not slow down delivery. auto: shared with one loop, own with several. Default ${default}.`,

	"token": `A token, then optionally its rights (subscribe, publish, admin, metrics; default all)
		and its namespace (default /): "TOKEN publish,subscribe /pets". Can be
		repeated; the environment variable (with semicolons) is safer, because other users can
		read command lines. Default: none, so any client may subscribe and publish.`,
	"token-file": `File with more tokens, one per line; empty lines and lines that begin with # are
		ignored. It is read again on SIGHUP; an invalid file changes nothing. Default: no file.`,
	"cors-origin": `Allow pages of this origin to subscribe, with credentials: https://example.org,
		chrome-extension://ID, capacitor://localhost, or https://*.example.org for all subdomains
		(but not example.org). Can be repeated. Default ${default}: any origin, without
		credentials.`,
	"trusted-proxy": `Accept client addresses (X-Forwarded-For, Forwarded, X-Real-IP) from proxies at
		this address or in this network, such as 10.0.0.0/8; "unix" is every client of a unix
		socket. Can be repeated. Default: none.`,
	"proxy-protocol": `Require a PROXY header (version 1 or 2) with the client's address at the start of
		every subscriber connection. With --trusted-proxy, only those proxies may send it. Default:
		off.`,

	"backlog": `How far a slow subscriber may lag behind before --slow applies. Subscribers share this
		memory, so it can be generous. Default ${default}, or less to fit a memory limit (cgroup).`,
	"slow": `What to do with a subscriber that exceeds --backlog: disconnect it (clients reconnect
		automatically), or skip to the newest message and send a gap event with the number of
		missed messages. Default ${default}.`,
	"backlog-total": `Maximum memory for the backlogs of all streams of all event loops together.
		Above it, the slowest subscribers are disconnected first. Default ${default}, or less to
		fit a memory limit (cgroup).`,
	"mailbox": `Size of the queue between publishers and each event loop, used with
		--publish-loop=own, several loops or a store. When it is full, publishers wait; nothing is
		dropped. Default ${default}, or less to fit a memory limit (cgroup).`,
	"data-max": `Maximum size of the data of one message; a longer message is refused, so that it
		cannot fill the backlog. Default ${default}.`,
	"head-max": `Maximum size of the head of a subscriber's request, which is held in memory until it
		is complete. Default ${default}.`,
	"sndbuf": `Kernel send buffer per connection (SO_SNDBUF). The kernel's own choice is megabytes
		for each client that does not read. Default ${default}.`,
	"max-conns": `Maximum number of subscribers; more are refused and asked to retry later. Default
		0: as many as the limit on open files allows (ulimit -Hn).`,
	"max-conns-per-ip": `Maximum number of subscribers from one address (IPv6: one /64 network), so
		that one client cannot use up --max-conns. Behind a proxy, also set --trusted-proxy.
		Default 0: no limit.`,
	"max-publishers": `Maximum number of publishers; more are refused with "ERR busy". Default 0: 1000,
		or a quarter of the available open files if that is less.`,

	"history": `Number of messages to keep per namespace. Messages then have ids, and a client that
		reconnects (EventSource does so automatically) or asks for ?last=N or ?since=30s gets the
		messages that it missed. Default ${default}: none, and no ids.`,
	"history-age": `Maximum age of a kept message, so that clients do not get stale data;
		--history-for can set another age. Default 0s: no limit.`,
	"history-for": `Replaces --history for the namespaces at and below a prefix: /chat=1000,24h or
		/logs=0. Can be repeated (semicolons in the environment variable); the longest prefix
		applies. Default: none.`,
	"history-bytes": `Maximum memory for the history of all namespaces. Above it, the oldest messages of
		the largest namespaces are dropped first, and the newest message of a namespace last.
		Default ${default}, or less to fit a memory limit (cgroup).`,
	"gap-event": `Name of the event that tells a subscriber which messages it missed; publishers cannot
		use this name. An empty name disables the event. Default ${default}.`,

	"store": `Keep all messages in this directory, so that messages and ids survive a restart or crash.
		The daemon runs an embedded NATS JetStream server that other programs cannot reach.
		Default: no store on disk.`,
	"store-sync": `What OK means with --store: the message is on disk (always; publishers wait for the
		disk), or the kernel has it and the disk follows within INTERVAL (a power failure can lose
		the last interval, a crash of the daemon cannot). Default ${default}.`,
	"nats": `Use a stream of this NATS server as the store: nats://host:4222 or tls://host:4222. Repeat
		it for the servers of a cluster; daemons with the same stream act as one. Default: none.`,
	"nats-creds-file": `Credentials file for NATS (JWT and key, as written by nsc). Default: none.`,
	"nats-ca-file":    `CA certificates (PEM) for the NATS servers. Default: the system's.`,
	"nats-cert-file":  `Client certificate (PEM) for NATS; requires --nats-key-file. Default: none.`,
	"nats-key-file":   `Private key (PEM) of --nats-cert-file. Default: none.`,
	"nats-stream": `Name of the stream and first part of its subjects: with ssed, /pets/dogs is the
		subject ssed.pets.dogs. A missing stream is created; one with other settings is refused.
		Default ${default}.`,
	"nats-stream-age": `Maximum age of a message in the stream, so that clients do not get stale data.
		Default 0s: no limit.`,
	"nats-stream-bytes": `Maximum disk space of the stream; the oldest messages are deleted first.
		Default ${default}.`,
	"nats-stream-per-namespace": `Number of messages that the stream keeps per namespace, so that a busy
		namespace does not displace the messages of a quiet one. Default 0: no limit.`,
	"nats-stream-replicas": `Number of servers in the cluster that store the stream; 3 tolerate the loss
		of one. Default ${default}.`,
	"nats-stream-update": `If the stream has other settings, change them and log the changes. A lower
		limit deletes messages immediately. Default: off.`,
	"nats-timeout": `How long a publisher waits for the store before it gets "ERR busy"; must be longer
		than a cluster takes to elect a leader. Default ${default}.`,

	"heartbeat": `Send a comment to a subscriber after this time without a message, so that proxies
		keep the connection open. Default ${default}.`,
	"header-timeout": `How long a client may take to send its request, so that idle connections do not
		use up --max-conns. Default ${default}.`,
	"stall-timeout": `Disconnect a subscriber that accepts none of its pending data for this long: it
		does not read, or its connection is dead. Default ${default}.`,
	"retry": `Reconnect delay for clients (the retry: field): one time, or a range from which each
		client gets a random time, so that they do not all reconnect at once. With off, only clients
		that are refused or disconnected get one (${retry}). Default ${default}.`,
	"drain": `On shutdown, deliver all accepted messages, and spread disconnects over this time so that
		clients do not all reconnect at once. Default ${default}.`,

	"debug": `Serve Go profiles at /debug/pprof/, with the same access rules as the admin pages.
		Default: off.`,
	"log-format": `Log format: text, json (one object per line), or auto (text on a terminal, JSON
		elsewhere). Default ${default}.`,
	"log-level": `Lowest level to log on standard error: debug, info (includes connects and
		disconnects), warn or error. Default ${default}.`,
}

// newParser returns a parser that fills cli and prints help to stdout. Default values come
// from the packages that the flags configure.
func newParser(cli *commands, stdout io.Writer) *kong.Kong {
	found := newSettings()
	return kong.Must(cli,
		kong.Resolvers(found),
		kong.Bind(found),
		kong.Name("ssed"),
		kong.Writers(stdout, os.Stderr),
		kong.Description(description),
		kong.DefaultEnvars("SSED"),
		kong.ExplicitGroups(flagGroups),
		kong.Vars{
			"publish_url":       defaultPublishURL,
			"subscribe_url":     defaultSubscribeURL,
			"backlog":           byteSize(ssed.DefaultBacklogBytes).String(),
			"backlog_total":     byteSize(ssed.DefaultBacklogTotalBytes).String(),
			"mailbox":           byteSize(ssed.DefaultMailboxBytes).String(),
			"data_max":          byteSize(sse.DataBytesMax).String(),
			"head_max":          byteSize(httpparse.DefaultHeadBytesMax).String(),
			"history_bytes":     byteSize(ssed.DefaultHistoryBytes).String(),
			"nats_stream":       store.DefaultStream,
			"nats_stream_bytes": byteSize(store.DefaultStreamBytes).String(),
			"nats_timeout":      store.DefaultTimeout.String(),
			"gap_event":         sse.DefaultGapEvent,
			"event_max":         byteSize(sse.DecoderBytesMax).String(),
			"sndbuf":            byteSize(ssed.DefaultSendBufferBytes).String(),
			"heartbeat":         ssed.DefaultHeartbeat.String(),
			"stall_timeout":     ssed.DefaultStallTimeout.String(),
			"retry":             retryRange{min: ssed.DefaultRetryMin, max: ssed.DefaultRetryMax}.String(),
			"drain":             ssed.DefaultDrain.String(),
			"header_timeout":    ssed.DefaultHeaderTimeout.String(),
		},
		kong.PostBuild(addDaemonHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Help(printHelp),
	)
}

// addDaemonHelp sets the help of each flag without a help tag to its text in daemonHelp. Line
// breaks of the source are removed; kong wraps the text to the terminal's width.
func addDaemonHelp(k *kong.Kong) error {
	k.Model.HelpFlag.Help = "Show this help."
	for _, command := range k.Model.Children {
		for _, flag := range command.Flags {
			if flag.Help == "" {
				flag.Help = strings.Join(strings.Fields(daemonHelp[flag.Name]), " ")
			}
		}
	}
	return nil
}

// printHelp prints kong's help. "ssed --help" first describes ssed as a whole, then the flags
// of the default command, because "ssed" accepts them without the command's name.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if ctx.Selected() != nil {
		return kong.DefaultHelpPrinter(options, ctx)
	}
	stdout := ctx.Stdout
	var text bytes.Buffer
	ctx.Stdout = &text
	err := kong.DefaultHelpPrinter(options, ctx)
	ctx.Stdout = stdout
	if err != nil {
		return err
	}
	// kong's usage does not show that the default command can be omitted.
	io.WriteString(ctx.Stdout, strings.Replace(text.String(), "ssed <command>", "ssed [<command>] [flags]", 1))
	serve := ctx.Model.DefaultCmd
	ctx.Path = append(ctx.Path, &kong.Path{Command: serve, Flags: serve.Flags})
	fmt.Fprintln(ctx.Stdout)
	return kong.DefaultHelpPrinter(options, ctx)
}
