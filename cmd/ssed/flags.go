package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
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
var slowWords = map[string]loop.Slow{
	"disconnect": loop.SlowDisconnect,
	"skip":       loop.SlowSkip,
}

// commands is the command line: its sub-commands, and the flags of each.
type commands struct {
	Serve   serveCommand   `cmd:"" default:"withargs" help:"Run the daemon. This is the default command: its flags work without its name."`
	Pub     pubCommand     `cmd:"" help:"Publish one message, or each line of standard input."`
	Top     topCommand     `cmd:"" help:"Show what a daemon is doing, live in this terminal."`
	Demo    demoCommand    `cmd:"" help:"Run the daemon, and publish the time and the state of this host to it each second."`
	Version versionCommand `cmd:"" help:"Print version, commit and Go version."`

	Completion completionCommand `cmd:"" help:"Print what makes a shell complete ssed's commands and flags."`
	Man        manCommand        `cmd:"" hidden:"" help:"Write the man pages, for packages."`
}

// daemonFlags are the flags of every command that runs the daemon. What they
// mean is told in daemonHelp.
type daemonFlags struct {
	Listen      []string `group:"where" placeholder:"ADDR" default:":8001"`
	Publish     []string `group:"where" placeholder:"URL" default:"${publish_url}"`
	Admin       string   `group:"where" placeholder:"on|off|ADDR" default:"on"`
	PublishLoop string   `group:"where" placeholder:"shared|own" enum:"shared,own" default:"shared"`

	Token         []string `group:"who" placeholder:"LINE" sep:";"` // rights have commas
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

	Heartbeat     time.Duration `group:"when" placeholder:"DURATION" default:"${heartbeat}"`
	HeaderTimeout time.Duration `group:"when" placeholder:"DURATION" default:"${header_timeout}"`
	StallTimeout  time.Duration `group:"when" placeholder:"DURATION" default:"${stall_timeout}"`
	Drain         time.Duration `group:"when" placeholder:"DURATION" default:"${drain}"`

	Debug    bool       `group:"log"`
	LogLevel slog.Level `group:"log" placeholder:"LEVEL" default:"info"`
}

// Validate refuses what kong cannot know to be wrong. Kong calls it once flags,
// environment and defaults are in place.
func (f *daemonFlags) Validate(ctx *kong.Context) error {
	// An empty list is a variable that somebody forgot to fill. For tokens it
	// must not mean that everybody may do everything.
	for _, flag := range ctx.Flags() {
		if flag.Set && flag.IsSlice() && flag.Target.Len() == 0 {
			return fmt.Errorf("--%s: it is empty (as a flag, or in %s): leave it out or fill it", flag.Name, flag.Envs[0])
		}
	}
	switch {
	case int(f.Backlog) < loop.FrameBytesMax(int(f.DataMax)):
		return fmt.Errorf("--backlog: %v cannot hold one message of %v (--data-max), which takes up to six times that on the wire", f.Backlog, f.DataMax)
	case f.BacklogTotal < f.Backlog:
		return fmt.Errorf("--backlog-total: %v for all backlogs together cannot hold one of %v (--backlog)", f.BacklogTotal, f.Backlog)
	case f.Admin == "":
		return errors.New("--admin: must be on, off, or an address such as localhost:8003")
	case f.MaxConns < 0:
		return errors.New("--max-conns: must be 1 or more, or 0 for the default")
	case f.History < 0:
		return errors.New("--history: must be 0 (none is kept) or more messages")
	case f.HistoryAge < 0 || f.HistoryAge > 0 && f.HistoryAge < time.Second:
		return errors.New("--history-age: must be 1s or more, or 0s for no limit")
	case f.History == 0 && f.HistoryAge > 0 && len(f.HistoryFor) == 0:
		return errors.New("--history-age: nothing is kept without --history")
	case (f.History > 0 || len(f.HistoryFor) > 0) && int(f.HistoryBytes) < loop.FrameBytesMax(int(f.DataMax)):
		return fmt.Errorf("--history-bytes: %v cannot hold one message of %v (--data-max), which takes up to six times that on the wire", f.HistoryBytes, f.DataMax)
	case sse.CheckEvent([]byte(f.GapEvent)) != nil:
		return fmt.Errorf("--gap-event: %w", sse.CheckEvent([]byte(f.GapEvent)))
	case f.MaxConnsPerIP < 0:
		return errors.New("--max-conns-per-ip: must be 1 or more, or 0 for no limit")
	case f.MaxPublishers < 0:
		return errors.New("--max-publishers: must be 1 or more, or 0 for the default")
	case f.StallTimeout < time.Second:
		return errors.New("--stall-timeout: must be 1s or more")
	case f.Drain < 0:
		return errors.New("--drain: must be 0s (all at once) or more")
	case f.Heartbeat < time.Second:
		return errors.New("--heartbeat: must be 1s or more")
	case f.HeaderTimeout < 100*time.Millisecond:
		return errors.New("--header-timeout: must be 100ms or more")
	}
	tokens, err := f.tokens()
	if err != nil {
		return err
	}
	endpoints, err := f.endpoints()
	if err != nil {
		return err
	}
	return checkExposure(endpoints, tokens)
}

// endpoints returns where publishers connect.
func (f *daemonFlags) endpoints() ([]publish.Endpoint, error) {
	endpoints := make([]publish.Endpoint, len(f.Publish))
	for i, url := range f.Publish {
		endpoint, err := publish.ParseEndpoint(url)
		if err != nil {
			return nil, fmt.Errorf("--publish: %w", err)
		}
		endpoints[i] = endpoint
	}
	return endpoints, nil
}
