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

// A connListener is a net.Listener that returns the connections that the loop hands over.
type connListener struct {
	conns chan net.Conn
	shut  chan struct{}
	addr  net.Addr
}

func (l *connListener) take(c *ssed.HandedConn) {
	if c.ProxyProtocol { // the PROXY header reports another client than the peer
		log.Print("client ", c.ForwardedAddr)
	}
	select {
	case l.conns <- c: // its Read returns the bytes that the loop has read already, then reads on
	case <-l.shut:
		c.Close()
	}
}

func (l *connListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.shut:
		return nil, net.ErrClosed
	}
}

func (l *connListener) Close() error   { close(l.shut); return nil } // http.Server calls it once
func (l *connListener) Addr() net.Addr { return l.addr }

// The loop owns the port, and some paths on it are pages of the program. Connections that request
// such a path leave the loop, and net/http serves them. Streams stay on the loop and cost no more
// than without a Handover.
func ExampleHandover() {
	page := &connListener{conns: make(chan net.Conn), shut: make(chan struct{})}
	server, err := ssed.New(ssed.Options{
		Listen: []string{"127.0.0.1:0"},
		Handover: &ssed.Handover{
			Paths:    []string{"/", "/static"}, // "/" matches only itself
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
	pages.SetKeepAlivesEnabled(false) // the loop does not see later requests of a connection
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
	// 404 not found; subscribe at /subscribe/<namespace>
}

// Take must close every connection that it gets, even without serving it. If Take is nil, requests
// for the paths are answered 403.
func ExampleHandedConn() {
	refuse := func(c *ssed.HandedConn) {
		defer c.Close()
		head := make([]byte, 4096)
		n, _ := c.Read(head)
		log.Printf("request from %s: %q", c.RemoteAddr(), head[:n])
	}
	server, err := ssed.New(ssed.Options{Handover: &ssed.Handover{Paths: []string{"/admin"}, ConnsMax: 1, Take: refuse}})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve())
}
