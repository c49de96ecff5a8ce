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

// options are the flags. Zero in the lower group means: what the scenario has by itself.
type options struct {
	Scenario []string `arg:"" help:"${scenarios}, or all (but for responsive, resume, store, cluster and soak, which are asked for by name)."`

	Case      string   `placeholder:"TEXT" help:"Only the cases whose names hold this."`
	Server    []string `default:"ssed,floor" help:"Servers to measure in turn: ${servers}. Ratios are to the last."`
	JSON      string   `name:"json" placeholder:"FILE" help:"Write every run's values there too."`
	Results   string   `placeholder:"DIR" help:"Make a folder DIR/DATE-COMMIT with every run's values, and a page and plots of them."`
	ServerCPU int      `name:"server-cpu" default:"0" help:"Processor for the server, -1 for any."`
	LoadCPU   int      `name:"load-cpu" default:"1" help:"Processor for the load, -1 for any."`

	Seconds      float64 `help:"Measured time of each run: 5, or 600 in soak; at most 30, or 3600 in soak."`
	Repeat       int     `help:"Runs of each server and case: 3, or 1 in soak and responsive."`
	Subscribers  int     `help:"Subscribers, instead of the scenario's own number."`
	PayloadBytes int     `name:"payload" default:"64" placeholder:"BYTES" help:"Size of each message's data (default ${default})."`
	InFlight     int     `help:"Messages in flight in closed-loop scenarios, instead of their own."`
	Rate         float64 `default:"100" help:"Messages per second in steady."`
	WindowBytes  int     `name:"window" default:"4194304" help:"Bytes of frames in flight in drain."`
	ProbeRate    float64 `name:"probe-rate" default:"50" help:"Questions of each kind per second in responsive."`
	StoreDir     string  `name:"store-dir" placeholder:"DIR" help:"Where store and cluster make the folders for what is kept, instead of where temporary files go; on a disk, or the numbers are none."`
	Admin        string  `placeholder:"URL" help:"Admin snapshot to ask for in responsive. Default: /admin/status.json on the subscribers' port, if it is there."`
}

// A typing error neither fills the memory nor asks for what no machine can do. What is in flight is
// kept by the server.
const (
	rateMax        = 1_000_000 // a message each microsecond
	inFlightMax    = 1 << 14   // with the longest payload, a gibibyte in each namespace
	windowBytesMax = 1 << 28
)

// check bounds the options. A float that is not compared like this could be NaN, which the parser
// takes for a number.
func (o *options) check() error {
	switch {
	case !(o.Seconds >= 0) || o.Repeat < 0 || o.Repeat > 100:
		return fmt.Errorf("--seconds %v and --repeat %d: want more than 0, and at most 100 runs", o.Seconds, o.Repeat)
	case o.PayloadBytes < load.PayloadMin || o.PayloadBytes > 64<<10:
		return fmt.Errorf("--payload %d: want %d to %d bytes", o.PayloadBytes, load.PayloadMin, 64<<10)
	case o.Subscribers < 0 || o.Subscribers > 19_000:
		return fmt.Errorf("--subscribers %d: want at most 19000, for a process has 20000 descriptors", o.Subscribers)
	case !(o.ProbeRate > 0) || o.ProbeRate > 1000:
		return fmt.Errorf("--probe-rate %v: want at most 1000", o.ProbeRate)
	case !(o.Rate > 0) || o.InFlight < 0 || o.WindowBytes < 1:
		return fmt.Errorf("--rate, --in-flight and --window must be positive")
	case o.Rate > rateMax || o.InFlight > inFlightMax || o.WindowBytes > windowBytesMax:
		return fmt.Errorf("--rate %v, --in-flight %d and --window %d: want at most %d a second, %d messages and %d bytes", o.Rate, o.InFlight,
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

// in returns the options as they are in one scenario, with its own numbers where none were given.
func (o options) in(s scenario) (options, error) {
	if o.Seconds == 0 {
		o.Seconds = cmp.Or(s.seconds, 5)
	}
	if o.Repeat == 0 {
		o.Repeat = cmp.Or(s.repeat, 3)
	}
	// The limit keeps a typing error from occupying the machine for a day.
	if most := cmp.Or(s.secondsMax, 30); o.Seconds > most {
		return o, fmt.Errorf("--seconds %v: want at most %v", o.Seconds, most)
	}
	return o, nil
}

func (o *options) measure() time.Duration { return time.Duration(o.Seconds * float64(time.Second)) }

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

// run builds, pins, measures and reports, until it is done or a signal comes. The signal takes the
// servers away from what measures them, which then returns, and what was begun is put in order on
// the way out. A second one ends the process where it is.
func run(o options) error {
	ctx, unheard := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer unheard()
	defer context.AfterFunc(ctx, func() {
		unheard()
		server.StopAll()
	})()
	err := measure(ctx, o)
	if ctx.Err() != nil {
		return errors.New("interrupted: what was being measured is not in the results")
	}
	return err
}

// measure is run but for the signal.
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
		fmt.Fprintln(os.Stderr, "bench: one processor only: server and load share it, and the numbers mean little")
		o.ServerCPU, o.LoadCPU = -1, -1
	}
	// One thread for the loop and one for the runtime's own errands.
	runtime.GOMAXPROCS(2)
	if o.LoadCPU >= 0 {
		if err := server.PinSelf(o.LoadCPU); err != nil {
			return err
		}
	}
	b := &bench{dir: dir, started: time.Now(), all: specs}
	for _, s := range chosen {
		b.specs = s.askable(specs)
		if b.options, err = o.in(s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.asked = append(b.asked, b.options.tell(s))
		played := b.scenario(s)
		if ctx.Err() != nil {
			return ctx.Err() // whatever failed last was not the server's fault
		}
		// What has been measured is not lost if the next does not get through.
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

// choose turns the names on the command line into scenarios, in the order of the list.
func choose(wanted []string) ([]scenario, error) {
	if slices.Contains(wanted, "all") {
		return slices.DeleteFunc(slices.Clone(scenarios), func(s scenario) bool { return s.byName }), nil
	}
	var chosen []scenario
	for _, name := range wanted {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no scenario %q: want %s, or all", name, strings.Join(names(), ", "))
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
