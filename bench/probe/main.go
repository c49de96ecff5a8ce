package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/ssed/ssed/bench/server"
)

func main() {
	var p prober
	flag.StringVar(&p.subscribe, "subscribe", "127.0.0.1:8001", "`address` for subscribers")
	flag.StringVar(&p.publish, "publish", "127.0.0.1:8002", "`address` for publishers")
	flag.StringVar(&p.admin, "admin", "", "`URL` of an admin snapshot (default: /admin/status.json on the subscribers' address)")
	flag.Float64Var(&p.perSec, "rate", 50, "questions of each kind per second")
	flag.DurationVar(&p.time, "time", 5*time.Second, "how long to ask")
	nice := flag.Int("nice", 0, "scheduling `priority`; only root can set a value below 0, which has priority over other processes")
	flag.Parse()
	if err := run(&p, *nice); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(p *prober, nice int) error {
	if p.perSec <= 0 || p.perSec > 1000 || p.time <= 0 || p.time > time.Hour {
		return fmt.Errorf("invalid -rate %v or -time %v: expected at most 1000 per second, for at most an hour", p.perSec, p.time)
	}
	debug.SetGCPercent(400) // there is little garbage, and a collection would appear as latency
	if server.Nice(os.Getpid(), nice) != nil {
		nice = 0
	}
	answers, err := p.ask()
	if err != nil {
		return err
	}
	answers.Nice = nice
	return json.NewEncoder(os.Stdout).Encode(answers)
}
