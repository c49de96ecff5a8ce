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

// ProbeAnswers is written by a probe to its standard output. It contains the latencies of the
// answers to its questions.
type ProbeAnswers struct {
	Accept ProbeLatency // from opening a connection with a subscribe request to the head of the answer
	Ping   ProbeLatency // from PING to PONG on a publisher's connection
	Admin  ProbeLatency // an admin snapshot; Count is 0 if the server has no admin pages
	Nice   int          // the probe's scheduling priority; below 0 it has priority over others
}

// ProbeLatency holds the latencies of one kind of question.
type ProbeLatency struct {
	Count         int64
	P50, P99, Max time.Duration
}

// ProbeConfig describes the target of a probe, and how often and how long to ask.
type ProbeConfig struct {
	Path   string // the probe's executable
	Target *Process
	Admin  string // a URL, or empty for the usual place
	PerSec float64
	Time   time.Duration
	Nice   int
}

// BuildProbe compiles the probe into dir and returns its path.
func BuildProbe(dir string) (string, error) {
	return compile(dir, "bench", "./probe")
}

// CheckAdmin returns an error unless a URL is plain HTTP to an IPv4 loopback address, because the
// bench must not send anything to other machines. It rejects host names, because they can resolve
// to any address.
func CheckAdmin(admin string) error {
	u, err := url.Parse(admin)
	if err != nil {
		return err
	}
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil || !host.Is4() || !host.IsLoopback() || u.Scheme != "http" || u.User != nil {
		return fmt.Errorf("invalid URL %q: expected http://, an IPv4 loopback address like 127.0.0.1, and a path", admin)
	}
	return nil
}

// Probe starts a probe on the caller's processor and returns immediately. wait returns the answers
// when the probe has exited. The caller's thread must be locked, because the child dies with the
// thread that started it.
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

// Nice sets the scheduling priority of all current threads of a process. New threads inherit it.
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
