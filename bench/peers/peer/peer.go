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

// A Hub is a library that sends messages to subscribers.
type Hub interface {
	// Subscribe answers a request for the messages of a namespace like "/pets/dogs", and returns
	// when the subscriber has disconnected. It must not send the head of its answer before the
	// subscriber is certain to receive every later message.
	Subscribe(w http.ResponseWriter, r *http.Request, namespace string)
	// Publish publishes one message. An empty event means no event name. Publish must not use the
	// slices after it returns.
	Publish(namespace, event, data []byte) error
}

// A Peer is a library that is turned into a server.
type Peer struct {
	Name    string   // the name of the command
	Module  string   // the module of the library, for -version
	Changed []string // differences from the documented defaults, with the reasons
	New     func() (Hub, error)
}

// Options are the flags that all peers have.
type Options struct {
	Listen  string // address for subscribers
	Publish string // address for publishers
	Version bool   // print the version and exit
}

// Flags declares the flags that all peers have. The options are set after flag.Parse.
func Flags() *Options {
	o := &Options{}
	flag.StringVar(&o.Listen, "listen", "127.0.0.1:8001", "`address` for subscribers")
	flag.StringVar(&o.Publish, "publish", "127.0.0.1:8002", "`address` for publishers")
	flag.BoolVar(&o.Version, "version", false, "print name, version, and changes with their reasons, on one line")
	return o
}

// Main is a complete main function. It serves until SIGTERM or SIGINT.
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

// Fail prints the error and exits the process.
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
		return errors.Join(errors.New("a listener failed"), err)
	case <-ctx.Done():
		return nil // the kernel closes all connections
	}
}

// subscriptions handles requests to subscribe.
func subscriptions(hub Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		namespace, ok := strings.CutPrefix(r.URL.Path, "/subscribe")
		if !ok || !strings.HasPrefix(namespace, "/") {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "expected GET", http.StatusMethodNotAllowed)
			return
		}
		hub.Subscribe(w, r, namespace)
	})
}
