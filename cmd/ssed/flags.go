package main

import (
	"time"

	"github.com/ssed/ssed"
)

// defaultPublishURL is where publishers connect, unless told otherwise: this
// machine only.
const defaultPublishURL = "tcp://127.0.0.1:8002"

// Where publishers are read: see --publish-loop.
const (
	sharedLoop = "shared"
	ownLoop    = "own"
)

// What becomes of a slow subscriber: see --slow.
var slowWords = map[string]ssed.Slow{
	"disconnect": ssed.SlowDisconnect,
	"skip":       ssed.SlowSkip,
}

// commands is the command line: its sub-commands, and the flags of each.
type commands struct {
	Serve   serveCommand       `cmd:"" default:"withargs" help:"Run the daemon. This is the default command: its flags work without its name."`
	Pub     pubCommand         `cmd:"" help:"Publish one message, or each line of standard input, over restarts of the daemon."`
	Sub     subCommand         `cmd:"" help:"Subscribe: show events in this terminal, or as JSON for scripts."`
	Doctor  doctorCommand      `cmd:"" help:"Look through a proxy at a stream, and say what it does to it and how that is mended."`
	Top     topCommand         `cmd:"" help:"Show what a daemon is doing, live in this terminal."`
	Config  configCommand      `cmd:"" help:"Print what is in force, in the form of a configuration file, and where each value comes from. Tokens are not shown."`
	Check   checkCommand       `cmd:"" help:"Tell everything for which the daemon would not start with these flags, this environment and this file. Nothing listens."`
	Demo    demoCommand        `cmd:"" help:"Run the daemon, and publish the time and the state of this host to it each second."`
	Health  healthcheckCommand `cmd:"" name:"healthcheck" help:"Ask a daemon whether it is healthy: exit 0 if it is, 1 if not. For containers."`
	Version versionCommand     `cmd:"" help:"Print version, commit and Go version."`

	Completion completionCommand `cmd:"" help:"Print what makes a shell complete ssed's commands and flags."`
	Man        manCommand        `cmd:"" hidden:"" help:"Write the man pages, for packages."`
}

// daemonFlags are the flags of every command that runs the daemon. What they
// mean is told in daemonHelp.
type daemonFlags struct {
	Config string `group:"config" placeholder:"FILE"`

	Listen      []string `group:"where" placeholder:"ADDR" default:":8001"`
	Publish     []string `group:"where" placeholder:"URL" default:"${publish_url}"`
	Admin       string   `group:"where" placeholder:"on|off|ADDR" default:"on"`
	PublishLoop string   `group:"where" placeholder:"shared|own" enum:"shared,own" default:"shared"`

	Token         []string `group:"who" placeholder:"LINE" sep:";" secret:""` // rights have commas
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
	HistoryFor   []historyRule `group:"history" placeholder:"PREFIX=N[,AGE]" sep:";"` // rules have commas
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

// flags is how the settings find the daemon's among a command's.
func (f *daemonFlags) flags() *daemonFlags { return f }
