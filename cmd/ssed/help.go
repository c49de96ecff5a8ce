package main

import (
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

const description = `A Server-Sent Events daemon: programs publish lines, browsers and curl subscribe.

    ssed demo                                        # the daemon with data to look at
    ssed sub /time                                   # a subscriber
    curl -N http://localhost:8001/subscribe/time     # another one
    ssed pub /pets/dogs Corgi                        # a publisher`

// flagGroups are the parts of the help, in the order of daemonFlags.
var flagGroups = []kong.Group{
	{Key: "config", Title: "Configuration:"},
	{Key: "where", Title: "Where clients connect:"},
	{Key: "who", Title: "Who may do what:"},
	{Key: "much", Title: "Limits (SIZE is bytes, such as 65536, or 64KiB, 1MiB, 2GiB):"},
	{Key: "history", Title: "History, for those who come back (SIZE such as 64KiB, 1GiB; DURATION such as 15s, 24h):"},
	{Key: "store", Title: "A store, for messages that outlive the daemon, or that several daemons share: NATS JetStream (SIZE such as 64KiB, 1GiB; DURATION such as 15s, 24h):"},
	{Key: "when", Title: "Times (such as 500ms, 15s, 2m):"},
	{Key: "log", Title: "Log:"},
}

// daemonHelp tells what each of the daemonFlags is for.
var daemonHelp = map[string]string{
	"config": `A TOML file that says what flags say, by their long names, so that what is in force can be kept and
		reviewed: heartbeat = "5s", listen = [":80"]. A flag counts for more than the environment, that for more
		than the file. "ssed check" reads it as the daemon would; unknown names are refused. Default: no file.`,

	"listen": `Where subscribers connect (HTTP): host:port, :port or unix:///path. Repeat it for
		several. Default ${default}, on all addresses of this machine; or :$$PORT where a platform sets PORT.`,
	"publish": `Where publishers connect (lines): tcp://host:port or unix:///path. Repeat it for
		several. Default ${default}; a TCP address that is not loopback needs a publish token.`,
	"admin": `Where the admin pages are (/admin/, /metrics): beside /subscribe (on, the default), nowhere (off), or on an
		address of their own (host:port). They are for this machine only, unless a token has the admin right, or for /metrics the metrics right.`,
	"publish-loop": `Which event loop reads the publishers: the subscribers' (shared, the default, best on
		few cores), or one of their own, so that a flood of publishing leaves the delivery alone (own).`,

	"token": `A token: its text, then its rights (a comma list of subscribe, publish, admin, and metrics for a scraper that
		reads /metrics alone; all if left out), then the namespace below which it holds (/ if left out), such as "TOKEN publish /pets".
		A right is everybody's until a token has it. Repeat it for several; in the environment they are
		separated by semicolons. Prefer the environment: other users of a machine can read command lines.`,
	"token-file": `More tokens, where no list of processes shows them: one such line each; empty lines and those that begin with # are passed
		over. It is reread on SIGHUP; a bad file changes nothing and says so.`,
	"cors-origin": `Pages of this origin may subscribe, with credentials, such as https://example.org, chrome-extension://ID or
		capacitor://localhost. https://*.example.org allows all subdomains, but not example.org itself. Browsers do not let pages of
		other origins read. Repeat it for several. Default ${default}: pages of any origin, without credentials.`,
	"trusted-proxy": `Network (10.0.0.0/8) or address of a proxy that is believed when it tells a client's
		address (X-Forwarded-For, Forwarded or X-Real-IP); "unix" for whoever connects to a unix socket. Of anybody else that would be a claim.
		Repeat it for several. Default: none is believed.`,
	"proxy-protocol": `Every subscriber's connection begins with a PROXY line, of version 1 or 2, as a proxy
		in front sends it to tell the client's address. With --trusted-proxy, only those may.`,

	"backlog": `How far a slow subscriber may lag behind before --slow decides; all share the backlog,
		so it can be generous. Default ${default}.`,
	"slow": `What becomes of a subscriber that lags further: it is disconnected, and comes back by itself, or it
		skips to the newest message, after an "event:gap" that tells how many it missed. Default ${default}.`,
	"backlog-total": `How much all streams may hold together for those who lag; past it, those who are furthest
		behind are disconnected. Default ${default}, or less where a memory limit (cgroup) has no room for it.`,
	"mailbox": `How much may wait between the publishers' own loop and the delivery; beyond it publishers
		wait, nothing is dropped. Default ${default}.`,
	"data-max": `Longest data of one message; a longer one is refused, so that no publisher fills everybody's backlog
		with one line. Default ${default}.`,
	"head-max": `Longest head of a subscriber's request, which is held in memory until it is complete. Default
		${default}.`,
	"sndbuf": `What the kernel buffers for each connection (SO_SNDBUF). Left to itself it takes megabytes
		for each client that never reads. Default ${default}.`,
	"max-conns": `Most subscribers at once, for machines that have other things to do; those beyond it are told to come
		back later. Default 0: as many as the limit
		on open files allows (ulimit -Hn).`,
	"max-conns-per-ip": `Most subscribers from one address (of IPv6: from one /64 network), so that one client cannot
		take all places. Behind a proxy, set --trusted-proxy, too. Default 0: no limit.`,
	"max-publishers": `Most publishers at once, so that they leave open files to the subscribers; those beyond it are told
		"ERR busy". Default 0: 1000, or a quarter of the
		limit on open files if that is less.`,

	"history": `How many messages of each namespace are kept. Messages get ids then, and whoever comes back with the
		last one it had (an EventSource does so by itself), or asks with ?last=N or ?since=30s, gets what it missed.
		Default ${default}: none, and no ids.`,
	"history-age": `No message is kept for longer, so that nobody gets what is stale; a --history-for may say otherwise. Default
		0s: no such limit.`,
	"history-for": `What is kept of the namespaces at and below a prefix, instead, such as /chat=1000,24h or /logs=0. Repeat
		it for several (the longest prefix counts); in the environment they are separated by semicolons. Default: none.`,
	"history-bytes": `Most memory for the history, however many namespaces there are. The oldest messages of the largest namespaces go first, and a
		namespace's newest goes last. Default ${default}, or less where a memory limit (cgroup) has no room for it.`,
	"gap-event": `Name of the event that tells a subscriber which messages it missed and does not get. Publishers cannot use
		this name. Empty: no such event is sent, and no name is reserved. Default ${default}.`,

	"store": `Keep all messages in this folder, so that ids, and what subscribers missed, outlive a restart or a crash.
		The daemon runs a NATS server with JetStream within itself for it, which nobody else can reach. Every message
		has an id then. Default: nothing is kept on disk.`,
	"store-sync": `What OK promises with --store: always, that the message is on the disk, which costs each publisher the disk's
		time; or an interval (such as 1s), that the kernel has it, which outlives the daemon, but a power failure may cost
		what came in the last interval. Default ${default}.`,
	"nats": `Use the stream of a NATS server or cluster as the store: daemons with the same stream act as one. Repeat it for the
		servers of a cluster, in case one is down: nats://host:4222, or tls://. Default: none.`,
	"nats-creds-file": `The daemon's credentials for NATS (a JWT and its key, as nsc writes them), where servers want them. Default: none.`,
	"nats-ca-file": `Who signs for the NATS servers (PEM), should they have certificates that the system does not trust. Default:
		those that the system trusts.`,
	"nats-cert-file": `The daemon's own certificate (PEM), where NATS servers ask for one; with --nats-key-file. Default: none.`,
	"nats-key-file":  `The key of that certificate (PEM). Default: none.`,
	"nats-stream": `Name of the stream, and first part of its subjects: with ssed, /pets/dogs is the subject ssed.pets.dogs. It is made if it
		is missing; one that is there with other settings is refused. Default ${default}.`,
	"nats-stream-age":   `The stream keeps no message for longer, so that nobody gets what is stale. Default 0s: no such limit.`,
	"nats-stream-bytes": `Most that the stream takes of a disk; the oldest messages go first. Default ${default}.`,
	"nats-stream-per-namespace": `How many messages the stream keeps of each namespace, so that a busy one does not push a quiet one's last out.
		Default 0: no such limit.`,
	"nats-stream-replicas": `How many servers of a cluster have the stream: 3 outlive the loss of one. Default ${default}.`,
	"nats-stream-update": `Change the stream where it is there with other settings, and log what was changed. A lower limit throws messages away
		at once, so it is not done unasked.`,
	"nats-timeout": `How long a publisher waits for the store before it is told "ERR busy": longer than a cluster needs to find a new leader.
		Default ${default}.`,

	"heartbeat": `A subscriber who got nothing for this long gets a comment, so that proxies keep the
		connection. Default ${default}.`,
	"header-timeout": `How long a client may take to send its request, so that who sends none takes no place for ever.
		Default ${default}.`,

	"stall-timeout": `How long a subscriber may take nothing of what waits for it before it is disconnected: it does
		not read, or vanished without a word. Default ${default}.`,
	"retry": `How long clients wait before they reconnect (the retry: field): a range, from which a time is drawn for each, so that they do
		not all return at once after a crash, or one time for all. Browsers get it at the beginning of a stream, and every client that is
		sent away gets one. off: streams do not begin with it; clients that are sent away get ${retry}. Default ${default}.`,
	"drain": `When it is asked to end, the daemon delivers what it accepted, and then lets its subscribers go one by
		one over this time, each with a time to come back, so that they do not return all at once. Default ${default}.`,

	"debug": `Serve profiles of the process at /debug/pprof/, to those who may see the admin pages: where its
		time and memory go.`,
	"log-format": `How the log is written: as text for people, as JSON with one object a line for programs, or auto: text on
		a terminal, JSON elsewhere. Default ${default}.`,
	"log-level": `The least that is logged to standard error: debug, info (who comes and goes), warn (what an operator
		should know) or error. Default ${default}.`,
}

// newParser returns the parser that fills cli, and prints help to stdout. The defaults
// are those of the packages that the flags configure.
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

// addDaemonHelp puts daemonHelp where a flag has no help of its own. Its line
// breaks are those of this file; kong makes new ones.
func addDaemonHelp(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		for _, flag := range command.Flags {
			if flag.Help == "" {
				flag.Help = strings.Join(strings.Fields(daemonHelp[flag.Name]), " ")
			}
		}
	}
	return nil
}

// printHelp prints kong's help. "ssed --help" is about ssed as a whole, so it
// goes on with the default command, whose flags "ssed" takes.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil || ctx.Selected() != nil {
		return err
	}
	serve := ctx.Model.DefaultCmd
	ctx.Path = append(ctx.Path, &kong.Path{Command: serve, Flags: serve.Flags})
	fmt.Fprintln(ctx.Stdout)
	return kong.DefaultHelpPrinter(options, ctx)
}
