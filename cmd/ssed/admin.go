package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"runtime/debug"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/admin"
	"github.com/ssed/ssed/internal/listen"
)

// The values of --admin. Every other value is an address.
const (
	adminOn  = "on"
	adminOff = "off"
)

// adminPages are the admin pages of a daemon, on the subscribers' listeners or on a separate
// address.
type adminPages struct {
	where  string // the value of --admin
	url    string // URL of the page, set when it is served; empty if the pages are off
	paths  []string
	server *admin.Server // nil if the pages are off
}

func (f *daemonFlags) newAdminPages() *adminPages {
	return &adminPages{where: f.Admin, paths: (&admin.Options{Debug: f.Debug}).Paths()}
}

// handover returns the paths of the pages, and the function that serves the connections that the
// loop hands over for them.
func (a *adminPages) handover() *ssed.Handover {
	h := &ssed.Handover{Paths: a.paths, ConnsMax: admin.ConnsMax}
	if a.where == adminOn {
		h.Take = func(c *ssed.HandedConn) { a.server.Take(c) }
	}
	return h
}

// attach creates the server of the pages, which show d. It must be called before d serves.
func (a *adminPages) attach(d *daemon, f *daemonFlags) {
	if a.where == adminOff {
		return
	}
	info, _ := debug.ReadBuildInfo()
	options := admin.Options{
		Daemon:  d.server,
		Node:    nodeName(),
		Version: describeBuild(info),
		Debug:   f.Debug,
		Logger:  d.log,
	}
	options.LogLinesLost = d.stderr.lost
	if a.where != adminOn {
		options.Subscribers = func() net.Addr { return d.server.ListenAddrs()[0] }
	}
	if d.publishers != nil {
		options.Publishers = func(stats *ssed.Stats) {
			connected, turnedAway, closed := d.publishers.Counts()
			stats.Publishers += connected
			stats.TurnedAway += turnedAway
			stats.PublishersClosed += closed
		}
	}
	if d.store != nil {
		options.Store = d.store.Status
	}
	a.server = admin.New(options)
}

// nodeName returns the node's name in the format of the predecessor of ssed: "go-", the value of
// GO_ENV, and the name of the Heroku dyno or the host.
func nodeName() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("go-%s-%s", cmp.Or(os.Getenv("GO_ENV"), "development"), cmp.Or(os.Getenv("DYNO"), host))
}

// listen opens the separate address of the pages, if they have one. Otherwise their URL is below
// base, the address for subscribers. An error while serving is sent to died.
func (a *adminPages) listen(base string, died chan<- error) error {
	if a.where == adminOff {
		return nil
	}
	if a.where == adminOn {
		a.url = base + "/admin/"
		return nil
	}
	listener, err := net.Listen("tcp", a.where)
	if err != nil {
		return fmt.Errorf("--admin: cannot listen on %s: %w", a.where, listen.Reason(err))
	}
	a.url = "http://" + listener.Addr().String() + "/admin/"
	go func() {
		if err := a.server.Serve(listener); err != nil {
			died <- fmt.Errorf("cannot serve the admin pages: %w", err)
		}
	}()
	return nil
}

func (a *adminPages) shutdown() {
	if a.server != nil {
		a.server.Shutdown()
	}
}
