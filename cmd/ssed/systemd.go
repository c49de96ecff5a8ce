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

// exitTime is what the process may take beyond the drain itself, to close what is
// left and to end, on a machine that has other things to do.
const exitTime = 5 * time.Second

// A notifier tells systemd, where that runs the daemon and wants to be told, how it
// does (sd_notify(3), for Type=notify and Type=notify-reload). Where NOTIFY_SOCKET
// is not set nobody wants to, and all of this does nothing.
//
// The variables stay in the environment: ssed starts no program that could
// inherit them.
type notifier struct {
	where string // where clients connect, for people
	log   *slog.Logger
}

// notifyUp tells systemd that d is up, and from then on that it is alive. The
// notifier that it returns is for what happens later.
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

// reloading is told before anything is reread. systemd compares the time with
// that of its request, so that it does not take an earlier reload for its own.
func (n *notifier) reloading() {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // no Linux is without this clock
	n.tell(sd.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// reloaded is told afterwards. A reload cannot fail in systemd's eyes, only the
// status can tell what became of it.
func (n *notifier) reloaded(err error) {
	status := n.where
	if err != nil {
		status += "; the tokens stay as they were: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	n.tell(sd.SdNotifyReady, "STATUS="+status)
}

// stopping is told when a drain begins that takes so long at most. systemd waits
// for that long then, or for TimeoutStopSec if that is longer, before it kills.
func (n *notifier) stopping(atMost time.Duration) {
	n.tell(sd.SdNotifyStopping,
		fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (atMost+exitTime).Microseconds()),
		fmt.Sprintf("STATUS=Draining, for %v at most", atMost))
}

// tell sends one message of several assignments.
func (n *notifier) tell(assignments ...string) {
	if _, err := sd.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		n.log.Warn("cannot tell systemd how the daemon does", "message", assignments[0], "err", err)
	}
}

// patience is how long systemd bears the daemon's silence before it ends it, and
// starts it again if Restart says so (WatchdogSec); 0 means for ever.
func (n *notifier) patience() time.Duration {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return 0
	}
	patience, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn("there is no watchdog: systemd's setting cannot be read", "err", err)
	}
	return patience
}

// alive returns nil if the event loop answers, which takes a turn of it.
//
// The publishers' own loop is not asked. evio can only be asked by way of a
// connection, and an answer may wait, for as long as the delivery takes, behind
// publishers that are held up because the mailbox is full: its silence is
// back-pressure as a rule, and whoever floods it could have the daemon ended. One
// that ended by itself is opened again without that.
func (d *daemon) alive(ctx context.Context) error {
	_, err := d.server.Stats(ctx)
	return err
}

// watchdog calls notify twice in the time of systemd's patience, as
// sd_watchdog_enabled(3) recommends, but only when alive has found the daemon so.
// Where it has not, systemd hears nothing, and ends the daemon in time: by SIGABRT,
// on which Go logs where every goroutine hangs. It goes on through a drain, which
// may take longer than that, and returns with the loop's end.
func watchdog(patience time.Duration, alive func(context.Context) error, notify func(), log *slog.Logger) {
	beat := time.NewTicker(patience / 2)
	defer beat.Stop()
	for silent := false; ; {
		// At a quarter, so that the log tells before systemd acts.
		ctx, cancel := context.WithTimeout(context.Background(), patience/4)
		err := alive(ctx)
		cancel()
		switch {
		case errors.Is(err, ssed.ErrStopped):
			return
		case err != nil && !silent:
			silent = true
			log.Error("the event loop does not answer; until it does, systemd's watchdog is not told that all is well",
				"waited", patience/4, "watchdog", patience)
			continue
		case err != nil:
			continue // ask again at once: a late answer may still be in time
		case silent:
			silent = false
			log.Warn("the event loop answers again")
		}
		notify()
		<-beat.C
	}
}
