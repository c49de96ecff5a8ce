package ssed_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"

	"github.com/ssed/ssed"
)

// A lobby is a net.Listener for connections that the loop hands over.
type lobby struct {
	conns chan net.Conn
	shut  chan struct{}
	addr  net.Addr
}

func (l *lobby) take(c *ssed.HandedConn) {
	if c.ProxyProtocol { // there was a PROXY line, and who it tells of is not the peer
		log.Print("for ", c.ForwardedAddr)
	}
	select {
	case l.conns <- c: // reads begin with what the loop has read: HandedConn.Read
	case <-l.shut:
		c.Close()
	}
}

func (l *lobby) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.shut:
		return nil, net.ErrClosed
	}
}

func (l *lobby) Close() error   { close(l.shut); return nil } // http.Server calls it once
func (l *lobby) Addr() net.Addr { return l.addr }

// The port is the loop's, and a page of the program's is on it, too: connections that
// ask for it leave the loop, and net/http serves them. The streams stay on the loop,
// at its price.
func ExampleHandover() {
	page := &lobby{conns: make(chan net.Conn), shut: make(chan struct{})}
	server, err := ssed.New(ssed.Options{
		Listen: []string{"127.0.0.1:0"},
		Handover: &ssed.Handover{
			Paths:    []string{"/", "/static"}, // "/" is for that alone: whole segments count
			ConnsMax: 100,
			Take:     page.take,
		},
		Drain:  -1,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	<-server.Ready()
	defer server.Shutdown(context.Background())

	page.addr = server.ListenAddrs()[0]
	pages := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "the page", r.URL.Path)
	})}
	pages.SetKeepAlivesEnabled(false) // the next request of a connection would not come to the loop
	go pages.Serve(page)
	defer pages.Close()

	for _, path := range []string{"/", "/static/style.css", "/nowhere"} {
		res, err := http.Get("http://" + page.addr.String() + path)
		if err != nil {
			log.Fatal(err)
		}
		said, _ := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Printf("%d %s", res.StatusCode, said)
	}
	// Output:
	// 200 the page /
	// 200 the page /static/style.css
	// 404 there is nothing here; subscribe at /subscribe/<namespace>
}

// Without a Take the paths are shut. A Take that wants nothing of a connection closes it.
func ExampleHandedConn() {
	refuse := func(c *ssed.HandedConn) {
		defer c.Close()
		head := make([]byte, 4096)
		n, _ := c.Read(head)
		log.Printf("%s asks: %q", c.RemoteAddr(), head[:n])
	}
	server, err := ssed.New(ssed.Options{Handover: &ssed.Handover{Paths: []string{"/admin"}, ConnsMax: 1, Take: refuse}})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve())
}
