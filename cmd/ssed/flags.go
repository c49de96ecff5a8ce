package main

import (
	"time"

	"github.com/ssed/ssed"
)

// defaultPublishURL is the default address for publishers. It is loopback, so that only this
// machine can publish.
const defaultPublishURL = "tcp://127.0.0.1:8002"

// The values of --publish-loop.
const (
	autoLoop   = "auto" // shared with one loop, own with several
	sharedLoop = "shared"
	ownLoop    = "own"
)

// slowWords maps the values of --slow to the server's options.
var slowWords = map[string]ssed.Slow{
	"disconnect": ssed.SlowDisconnect,
	"skip":       ssed.SlowSkip,
}

// commands is the command line: the subcommands with their flags.
type commands struct {
	Serve   serveCommand       `cmd:"" default:"withargs" help:"Run the daemon. This is the default command, so its name can be omitted."`
	Pub     pubCommand         `cmd:"" help:"Publish one message, or every line of standard input; reconnect if the daemon restarts."`
	Sub     subCommand         `cmd:"" help:"Subscribe and print events as text, or as JSON for scripts."`
	Doctor  doctorCommand      `cmd:"" help:"Watch a stream through a proxy, report problems that the proxy causes, and suggest fixes."`
	Top     topCommand         `cmd:"" help:"Show the state of a daemon, updated live in the terminal."`
	Config  configCommand      `cmd:"" help:"Print the effective settings as a configuration file, with the source of each value. Tokens are not shown."`
	Check   checkCommand       `cmd:"" help:"Report every error in the flags, environment and configuration file, without starting the daemon."`
	Demo    demoCommand        `cmd:"" help:"Run the daemon and publish the time and the state of this host every second."`
	Health  healthcheckCommand `cmd:"" name:"healthcheck" help:"Ask a daemon whether it is healthy, for containers. Exit code 0 if it is, 1 if not."`
	Version versionCommand     `cmd:"" help:"Print the version, the commit and the Go version."`

	Completion completionCommand `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	Man        manCommand        `cmd:"" hidden:"" help:"Write the man pages, for packages."`
}

// daemonFlags are the flags of every command that runs the daemon. daemonHelp describes them.
type daemonFlags struct {
	Config string `group:"config" placeholder:"FILE"`

	Listen  []string `group:"where" placeholder:"ADDR" default:":8001"`
	Publish []string `group:"where" placeholder:"URL" default:"${publish_url}"`
	Admin   string   `group:"where" placeholder:"on|off|ADDR" default:"on"`

	Loops       loopCount `group:"loops" placeholder:"N|auto" default:"1"`
	PublishLoop string    `group:"loops" placeholder:"auto|shared|own" enum:"auto,shared,own" default:"auto"`

	Token         []string `group:"who" placeholder:"LINE" sep:";" secret:""` // a semicolon, because a list of rights contains commas
	TokenFile     string   `group:"who" placeholder:"FILE"`
	CORSOrigin    []string `name:"cors-origin" group:"who" placeholder:"ORIGIN" default:"*"`
	TrustedProxy  []string `group:"who" placeholder:"CIDR"`
	ProxyProtocol bool     `group:"who"`

	Backlog      byteSize `group:"much" placeholder:"SIZE" default:"${backlog}"`
	BacklogTotal byteSize `group:"much" placeholder:"SIZE" default:"${backlog_total}"`
	Mailbox      byteSize `group:"much" placeholder:"SIZE" default:"${mailbox}"`
	DataMax      byteSize `group:"much" placeholder:"SIZE" default:"${data_max}"`
	HeadMax      byteSize `group:"much" placeholder:"SIZE" default:"${head_max}"`
	Sndbuf       byteSize `group:"much" placeholder:"SIZE" default:"${sndbuf}"`
	Slow         string   `group:"much" placeholder:"disconnect|skip" enum:"disconnect,skip" default:"disconnect"`

	MaxConns      int `group:"much" placeholder:"N" default:"0"`
	MaxConnsPerIP int `name:"max-conns-per-ip" group:"much" placeholder:"N" default:"0"`
	MaxPublishers int `group:"much" placeholder:"N" default:"0"`

	History      int           `group:"history" placeholder:"N" default:"0"`
	HistoryAge   time.Duration `group:"history" placeholder:"DURATION" default:"0s"`
	HistoryFor   []historyRule `group:"history" placeholder:"PREFIX=N[,AGE]" sep:";"` // a semicolon, because rules contain commas
	HistoryBytes byteSize      `group:"history" placeholder:"SIZE" default:"${history_bytes}"`
	GapEvent     string        `group:"history" placeholder:"NAME" default:"${gap_event}"`

	storeFlags

	Heartbeat     time.Duration `group:"when" placeholder:"DURATION" default:"${heartbeat}"`
	HeaderTimeout time.Duration `group:"when" placeholder:"DURATION" default:"${header_timeout}"`
	StallTimeout  time.Duration `group:"when" placeholder:"DURATION" default:"${stall_timeout}"`
	Retry         retryRange    `group:"when" placeholder:"MIN-MAX|off" default:"${retry}"`
	Drain         time.Duration `group:"when" placeholder:"DURATION" default:"${drain}"`

	Debug     bool     `group:"log"`
	LogFormat string   `group:"log" placeholder:"auto|text|json" enum:"auto,text,json" default:"auto"`
	LogLevel  logLevel `group:"log" placeholder:"LEVEL" default:"info"`
}

// flags returns f. The settings use it to find the daemon's flags in a command.
func (f *daemonFlags) flags() *daemonFlags { return f }
