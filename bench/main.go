package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
	"github.com/ssed/ssed/bench/tree"
)

// options are the command-line flags. In the second and third groups, zero means the scenario's own
// default.
type options struct {
	Scenario []string `arg:"" help:"${scenarios}, or all, which excludes responsive, resume, store, cluster, loops and soak."`

	Case      string   `placeholder:"TEXT" help:"Run only the cases with this text in their names."`
	Server    []string `default:"ssed,floor" help:"Servers to measure alternately: ${servers}. Ratios are to the floor if it is listed, else to the last server. Default ${default}."`
	JSON      string   `name:"json" placeholder:"FILE" help:"Also write the values of every run to this file."`
	Results   string   `placeholder:"DIR" help:"Write the values of every run, and a page with plots of them, to the folder DIR/DATE-COMMIT."`
	ServerCPU int      `name:"server-cpu" default:"0" help:"Processor for the server, or -1 for any. Default ${default}."`
	LoadCPU   int      `name:"load-cpu" default:"1" help:"Processor for the load, or -1 for any. Default ${default}."`

	Seconds      float64 `help:"Measured time of each run. At most 30, or 3600 in soak. Default 5, or 10 in responsive and 600 in soak."`
	Repeat       int     `help:"Runs of each case on each server. Default 3, or 1 in soak and responsive."`
	Subscribers  int     `help:"Number of subscribers. Default: the scenario's own number."`
	PayloadBytes int     `name:"payload" default:"64" placeholder:"BYTES" help:"Size of each message's data. Default ${default}."`
	InFlight     int     `help:"Messages in flight in closed-loop scenarios. Default: the scenario's own number."`
	Rate         float64 `default:"100" help:"Messages per second in the open loops of steady, resume, store, cluster and loops. Default ${default}."`
	WindowBytes  int     `name:"window" default:"4194304" help:"Bytes of frames in flight in drain. Default ${default}."`
	ProbeRate    float64 `name:"probe-rate" default:"50" help:"Probes of each kind per second in responsive. Default ${default}."`
	StoreDir     string  `name:"store-dir" placeholder:"DIR" help:"Parent directory for the stores of store, cluster and loops. It must be on a disk, because in memory a store costs less. Default: the directory for temporary files."`
	Admin        string  `placeholder:"URL" help:"Admin snapshot to request in responsive. Default: /admin/status.json on the subscribers' port, if the server has it."`
}

// These limits keep a typing error from filling the memory, and from asking for a load that no
// machine can sustain. The server keeps all messages in flight in memory.
const (
	rateMax        = 1_000_000 // one message per microsecond
	inFlightMax    = 1 << 14   // with the longest payload, 1 GiB in each namespace
	windowBytesMax = 1 << 28
)

// check verifies that the options are within their limits. The comparisons have the form !(x > 0)
// because a float can be NaN, which the parser accepts as a number.
func (o *options) check() error {
	switch {
	case !(o.Seconds >= 0) || o.Repeat < 0 || o.Repeat > 100:
		return fmt.Errorf("invalid --seconds %v or --repeat %d: expected more than 0, and at most 100 runs", o.Seconds, o.Repeat)
	case o.PayloadBytes < load.PayloadMin || o.PayloadBytes > 64<<10:
		return fmt.Errorf("invalid --payload %d: expected %d to %d bytes", o.PayloadBytes, load.PayloadMin, 64<<10)
	case o.Subscribers < 0 || o.Subscribers > 19_000:
		return fmt.Errorf("invalid --subscribers %d: expected at most 19000, because a process has 20000 descriptors", o.Subscribers)
	case !(o.ProbeRate > 0) || o.ProbeRate > 1000:
		return fmt.Errorf("invalid --probe-rate %v: expected more than 0 and at most 1000", o.ProbeRate)
	case !(o.Rate > 0) || o.InFlight < 0 || o.WindowBytes < 1:
		return fmt.Errorf("--rate, --in-flight and --window must be positive")
	case o.Rate > rateMax || o.InFlight > inFlightMax || o.WindowBytes > windowBytesMax:
		return fmt.Errorf("invalid --rate %v, --in-flight %d or --window %d: expected at most %d per second, %d messages and %d bytes", o.Rate, o.InFlight,
			o.WindowBytes, rateMax, inFlightMax, windowBytesMax)
	}
	if o.Admin == "" {
		return nil
	}
	if err := server.CheckAdmin(o.Admin); err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	return nil
}

// in returns the options for one scenario. Options that were not given get the scenario's defaults.
func (o options) in(s scenario) (options, error) {
	if o.Seconds == 0 {
		o.Seconds = cmp.Or(s.seconds, 5)
	}
	if o.Repeat == 0 {
		o.Repeat = cmp.Or(s.repeat, 3)
	}
	// The limit keeps a typing error from occupying the machine for a day.
	if most := cmp.Or(s.secondsMax, 30); o.Seconds > most {
		return o, fmt.Errorf("invalid --seconds %v: expected at most %v", o.Seconds, most)
	}
	return o, nil
}

func (o *options) measure() time.Duration { return time.Duration(o.Seconds * float64(time.Second)) }

// warm returns how long messages flow before they are measured.
func (o *options) warm() time.Duration { return min(o.measure()/4, warmMax) }

func main() {
	var o options
	kong.Parse(&o,
		kong.Name("bench"),
		kong.Description("Measures Server-Sent Events daemons side by side, over loopback. Paths are relative to the directory of your shell."),
		kong.Vars{"scenarios": strings.Join(names(), ", "), "servers": server.Known})
	err := tree.ToShell()
	if err == nil {
		err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run builds the servers, measures and reports until it is done or a signal arrives. The first
// signal stops the servers: the code that measures them then fails and returns, and its deferred
// calls clean up. A second signal ends the process immediately.
func run(o options) error {
	ctx, stopNotify := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stopNotify()
	defer context.AfterFunc(ctx, func() {
		stopNotify()
		server.StopAll()
	})()
	err := measure(ctx, o)
	if ctx.Err() != nil {
		return errors.New("interrupted: the results do not include the scenario in progress")
	}
	return err
}

// measure does the work of run, without the signal handling.
func measure(ctx context.Context, o options) error {
	if err := o.check(); err != nil {
		return err
	}
	chosen, err := choose(o.Scenario)
	if err != nil {
		return err
	}
	files, err := o.files()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ssed-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	specs, err := server.Build(dir, o.Server)
	if err != nil {
		return err
	}
	if runtime.NumCPU() < 2 && o.LoadCPU > 0 {
		fmt.Fprintln(os.Stderr, "bench: only one processor: server and load share it, so the numbers mean little")
		o.ServerCPU, o.LoadCPU = -1, -1
	}
	// One thread is for the loop, the other for the runtime's own work.
	runtime.GOMAXPROCS(2)
	if o.LoadCPU >= 0 {
		if err := server.PinSelf(o.LoadCPU); err != nil {
			return err
		}
	}
	b := &bench{dir: dir, started: time.Now(), all: specs}
	for _, s := range chosen {
		b.specs = s.applicable(specs)
		if b.options, err = o.in(s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.asked = append(b.asked, b.options.describe(s))
		played := b.scenario(s)
		if ctx.Err() != nil {
			return ctx.Err() // the signal caused the last failure, not the server
		}
		// Write the file after each scenario, so that results survive if the next scenario fails.
		for _, file := range files {
			if err := b.writeJSON(file); err != nil {
				return errors.Join(played, err)
			}
		}
		if played != nil {
			return fmt.Errorf("%s: %w", s.name, played)
		}
		b.table(os.Stdout, s)
	}
	if o.Results == "" {
		return nil
	}
	return page(filepath.Dir(files[len(files)-1]))
}

// choose returns the scenarios named on the command line, in the order of the names.
func choose(wanted []string) ([]scenario, error) {
	if slices.Contains(wanted, "all") {
		return slices.DeleteFunc(slices.Clone(scenarios), func(s scenario) bool { return s.byName }), nil
	}
	var chosen []scenario
	for _, name := range wanted {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown scenario %q: expected %s, or all", name, strings.Join(names(), ", "))
		}
		chosen = append(chosen, scenarios[i])
	}
	return chosen, nil
}

func names() []string {
	var all []string
	for _, s := range scenarios {
		all = append(all, s.name)
	}
	return all
}
