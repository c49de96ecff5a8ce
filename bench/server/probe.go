package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ProbeAnswers is what a probe writes to its standard output: how long the answers to its questions
// took.
type ProbeAnswers struct {
	Accept ProbeLatency // a new connection and a subscribe request, until the head of the answer had come
	Ping   ProbeLatency // PING on a publisher's connection, until PONG
	Admin  ProbeLatency // an admin snapshot; none were asked for if Count is 0
	Nice   int          // the probe's scheduling priority: below 0 it came before others
}

// ProbeLatency is one kind of question's.
type ProbeLatency struct {
	Count         int64
	P50, P99, Max time.Duration
}

// ProbeConfig says whom to ask, how often and for how long.
type ProbeConfig struct {
	Path   string // the probe's executable
	Target *Process
	Admin  string // a URL, or empty: wherever there may be one
	PerSec float64
	Time   time.Duration
	Nice   int
}

// BuildProbe compiles the probe into dir and returns its path.
func BuildProbe(dir string) (string, error) {
	return compile(dir, "bench", "./probe")
}

// CheckAdmin returns an error unless a URL is one of plain HTTP to an IPv4 loopback address:
// nothing that the bench sends leaves the machine. A name is refused, for it may mean any address.
func CheckAdmin(admin string) error {
	u, err := url.Parse(admin)
	if err != nil {
		return err
	}
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil || !host.Is4() || !host.IsLoopback() || u.Scheme != "http" || u.User != nil {
		return fmt.Errorf("%q: want http://, an IPv4 loopback address such as 127.0.0.1, and a path", admin)
	}
	return nil
}

// Probe runs a probe on the caller's processor. It returns at once; wait returns the answers when
// it has ended. The caller's thread must be locked, for the child dies with the thread that started
// it.
func Probe(config ProbeConfig) (wait func() (*ProbeAnswers, error), err error) {
	cmd := exec.Command(config.Path, "-subscribe", config.Target.Subscribe, "-publish", config.Target.Publish, "-admin", config.Admin,
		"-rate", fmt.Sprint(config.PerSec), "-time", config.Time.String(), "-nice", strconv.Itoa(config.Nice))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() (*ProbeAnswers, error) {
		if err := cmd.Wait(); err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
		answers := &ProbeAnswers{}
		return answers, json.Unmarshal(out.Bytes(), answers)
	}, nil
}

// Nice sets the scheduling priority of every thread that a process has by now; threads made later
// inherit it.
func Nice(pid, nice int) error {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err == nil {
			err = unix.Setpriority(unix.PRIO_PROCESS, tid, nice)
		}
		if err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}
