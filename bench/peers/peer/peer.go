package peer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// A Hub is a library that hands messages to subscribers.
type Hub interface {
	// Subscribe answers a request for the messages of a namespace, such as "/pets/dogs", and
	// returns when the subscriber has gone. It sends the head of its answer when the subscriber
	// cannot miss a message any more.
	Subscribe(w http.ResponseWriter, r *http.Request, namespace string)
	// Publish takes one message; an empty event is none. The slices are the caller's again when it
	// returns.
	Publish(namespace, event, data []byte) error
}

// A Peer is a library made into a server.
type Peer struct {
	Name    string   // of the command
	Module  string   // the library's, whose version is told
	Changed []string // where it does not run with its documented defaults: what is different, and why
	New     func() (Hub, error)
}

// Options are the flags of every peer.
type Options struct {
	Listen  string // address for subscribers
	Publish string // address for publishers
	Version bool   // only say what this is
}

// Flags declares the flags that every peer has. They have their values after flag.Parse.
func Flags() *Options {
	o := &Options{}
	flag.StringVar(&o.Listen, "listen", "127.0.0.1:8001", "`address` for subscribers")
	flag.StringVar(&o.Publish, "publish", "127.0.0.1:8002", "`address` for publishers")
	flag.BoolVar(&o.Version, "version", false, "print name and version, and what was changed and why, on one line")
	return o
}

// Main is a whole main function: it serves until SIGTERM or SIGINT.
func Main(p Peer) {
	o := Flags()
	flag.Parse()
	if o.Version {
		fmt.Println(Describe(p.Name, Version(p.Module), p.Changed))
		return
	}
	if err := p.serve(o); err != nil {
		Fail(p.Name, err)
	}
}

// Fail ends the process with the reason.
func Fail(name string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	os.Exit(1)
}

func (p *Peer) serve(o *Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	hub, err := p.New()
	if err != nil {
		return err
	}
	subscribers, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return err
	}
	publishers, err := net.Listen("tcp", o.Publish)
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- http.Serve(subscribers, subscriptions(hub)) }()
	go func() { ended <- serveLines(publishers, hub) }()
	select {
	case err := <-ended:
		return errors.Join(errors.New("a listener ended"), err)
	case <-ctx.Done():
		return nil // the kernel closes what is open
	}
}

// subscriptions turns requests into subscriptions.
func subscriptions(hub Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		namespace, ok := strings.CutPrefix(r.URL.Path, "/subscribe")
		if !ok || !strings.HasPrefix(namespace, "/") {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "only GET subscribes", http.StatusMethodNotAllowed)
			return
		}
		hub.Subscribe(w, r, namespace)
	})
}
