package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"runtime/debug"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/admin"
)

// Where the admin pages are: see --admin. Anything else is an address.
const (
	adminOn  = "on"
	adminOff = "off"
)

// adminPages are the admin pages of a daemon, wherever they are served.
type adminPages struct {
	where  string // of --admin
	url    string // of the page, once it is served; empty if it is not
	paths  []string
	server *admin.Server // nil if they are off
}

func (f *daemonFlags) newAdminPages() *adminPages {
	return &adminPages{where: f.Admin, paths: (&admin.Options{Debug: f.Debug}).Paths()}
}

// handover is what the loop does with requests for the pages.
func (a *adminPages) handover() *ssed.Handover {
	h := &ssed.Handover{Paths: a.paths, ConnsMax: admin.ConnsMax}
	if a.where == adminOn {
		h.Take = func(c *ssed.HandedConn) { a.server.Take(c) }
	}
	return h
}

// attach makes the pages, which show d. It is called before d serves.
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

// nodeName is the ancestor's: "go-", the environment, and the dyno or the host.
func nodeName() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("go-%s-%s", cmp.Or(os.Getenv("GO_ENV"), "development"), cmp.Or(os.Getenv("DYNO"), host))
}

// listen opens the pages' own address, if they have one; otherwise they are below
// base, where subscribers connect. An error goes to died if it comes later.
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
		return fmt.Errorf("--admin: %w", err)
	}
	a.url = "http://" + listener.Addr().String() + "/admin/"
	go func() {
		if err := a.server.Serve(listener); err != nil {
			died <- fmt.Errorf("the admin pages cannot be served: %w", err)
		}
	}()
	return nil
}

func (a *adminPages) shutdown() {
	if a.server != nil {
		a.server.Shutdown()
	}
}
