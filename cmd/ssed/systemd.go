package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed"
)

// exitTime is how long the process may take after the drain to close the rest and exit, on a busy
// machine.
const exitTime = 5 * time.Second

// A notifier reports the state of the daemon to systemd (sd_notify(3), for Type=notify and
// Type=notify-reload). If NOTIFY_SOCKET is not set, it does nothing.
//
// The variables stay in the environment, because ssed starts no program that could inherit them.
type notifier struct {
	where string // addresses of the daemon, for people
	log   *slog.Logger
}

// notifyUp reports to systemd that d is up, and starts the watchdog. The returned notifier reports
// later changes.
func notifyUp(d *daemon) *notifier {
	n := &notifier{
		where: fmt.Sprintf("Subscribers at %s, publishers at %s", strings.Join(d.subscribeURLs(), " "), strings.Join(d.publishURLs(), " ")),
		log:   d.log,
	}
	n.tell(sd.SdNotifyReady, "STATUS="+n.where)
	if patience := n.patience(); patience > 0 {
		go watchdog(patience, d.alive, func() { n.tell(sd.SdNotifyWatchdog) }, d.log)
	}
	return n
}

// reloading must be called before anything is reread. systemd compares the time with the time of
// its request, so that it does not mistake an earlier reload for this one.
func (n *notifier) reloading() {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail: every Linux has this clock
	n.tell(sd.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// reloaded must be called after a reload. systemd has no notion of a failed reload, so only the
// status text reports an error.
func (n *notifier) reloaded(err error) {
	status := n.where
	if err != nil {
		status += "; reload failed, keeping the old tokens: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	n.tell(sd.SdNotifyReady, "STATUS="+status)
}

// stopping must be called when a drain begins. It extends systemd's time limit, so that systemd
// does not kill the daemon before atMost and exitTime have passed. A longer TimeoutStopSec still
// applies.
func (n *notifier) stopping(atMost time.Duration) {
	n.tell(sd.SdNotifyStopping,
		fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (atMost+exitTime).Microseconds()),
		fmt.Sprintf("STATUS=Draining for at most %v", atMost))
}

// tell sends one message with several assignments.
func (n *notifier) tell(assignments ...string) {
	if _, err := sd.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		n.log.Warn("cannot notify systemd", "message", assignments[0], "err", err)
	}
}

// patience returns the time without notifications after which systemd kills the daemon
// (WatchdogSec), and restarts it if Restart is set. 0 means that there is no watchdog.
func (n *notifier) patience() time.Duration {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return 0
	}
	patience, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn("watchdog disabled: cannot read systemd's setting", "err", err)
	}
	return patience
}

// alive returns nil if every event loop answers. The request takes one turn of each loop.
//
// The publishers' own loop is not checked, because evio can only be asked over a connection. The
// answer could be delayed behind publishers that are held up by a full mailbox, for as long as the
// delivery takes. So a late answer would usually mean back-pressure, and a client that floods the
// daemon could have it killed. If that loop stops, it is restarted without the watchdog.
func (d *daemon) alive(ctx context.Context) error {
	_, err := d.server.Stats(ctx)
	return err
}

// watchdog calls notify twice per patience, as sd_watchdog_enabled(3) recommends, but only if alive
// returns nil. While it does not, systemd receives no notification and finally kills the daemon
// with SIGABRT, so that Go logs the stack of every goroutine. It continues during a drain, which
// may take longer than patience, and returns when the loop has stopped.
func watchdog(patience time.Duration, alive func(context.Context) error, notify func(), log *slog.Logger) {
	beat := time.NewTicker(patience / 2)
	defer beat.Stop()
	for silent := false; ; {
		// A quarter, so that the log reports the problem before systemd acts.
		ctx, cancel := context.WithTimeout(context.Background(), patience/4)
		err := alive(ctx)
		cancel()
		switch {
		case errors.Is(err, ssed.ErrStopped):
			return
		case err != nil && !silent:
			silent = true
			log.Error("event loop not responding; systemd watchdog not notified",
				"waited", patience/4, "timeout", patience, "err", err)
			continue
		case err != nil:
			continue // ask again immediately: a late answer may still be in time
		case silent:
			silent = false
			log.Warn("event loop responding again")
		}
		notify()
		<-beat.C
	}
}
