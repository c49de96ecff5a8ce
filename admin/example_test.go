package admin_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/admin"
	"github.com/ssed/ssed/store"
)

// The pages and the streams share one port: the loop hands over the connections that request a
// page.
func ExampleServer_Take() {
	var pages *admin.Server
	options := admin.Options{Node: "web.1", Version: "1.0", Debug: false}
	server, err := ssed.New(ssed.Options{
		Listen: []string{":8001"},
		Handover: &ssed.Handover{
			Paths:    options.Paths(), // /admin, /metrics
			ConnsMax: admin.ConnsMax,
			Take:     func(c *ssed.HandedConn) { pages.Take(c) },
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	options.Daemon, options.Tokens = server, server.Tokens
	pages = admin.New(options)
	defer pages.Shutdown()
	log.Fatal(server.Serve())
}

// The pages have a separate port, which only this machine can reach.
func ExampleServer_Serve() {
	server, err := ssed.New(ssed.Options{Listen: []string{":8001"}})
	if err != nil {
		log.Fatal(err)
	}
	pages := admin.New(admin.Options{
		Daemon:       server,
		Tokens:       server.Tokens,
		Subscribers:  func() net.Addr { return server.ListenAddrs()[0] }, // for the page's form that subscribes
		Publishers:   func(*ssed.Stats) {},                               // adds publishers of a separate loop
		Store:        func() admin.Store { return admin.Store{} },        // the state of the store, if there is one
		LogLinesLost: func() uint64 { return 0 },                         // for a log that drops lines
		Logger:       slog.Default(),                                     // logs sign-ins, and failed ones
	})
	listener, err := net.Listen("tcp", "127.0.0.1:8003")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(pages.Serve(listener)) }()
	log.Fatal(server.Serve())
}

// The pages are part of a program's own net/http server.
func ExampleServer_Handler() {
	server, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	<-server.Ready()
	pages := admin.New(admin.Options{Daemon: server, Tokens: server.Tokens})
	defer pages.Shutdown()

	mux := http.NewServeMux()
	for _, path := range (&admin.Options{}).Paths() {
		mux.Handle(path+"/", pages.Handler())
		mux.Handle(path, pages.Handler())
	}
	front := httptest.NewServer(mux)
	defer front.Close()

	res, err := http.Get(front.URL + "/metrics")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	metrics, _ := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, strings.Contains(string(metrics), "\nssed_subscribers 0\n"))
	// Output: 200 true
}

// With a store, the pages, the metrics and healthz also show the state of the store. The function
// must return it without waiting.
func ExampleStore() {
	messages, err := store.New(store.Options{Servers: store.Servers{URLs: []string{"nats://127.0.0.1:4222"}}})
	if err != nil {
		log.Fatal(err)
	}
	server, err := ssed.New(ssed.Options{Listen: []string{":8001"}, Store: messages})
	if err != nil {
		log.Fatal(err)
	}
	pages := admin.New(admin.Options{Daemon: server, Tokens: server.Tokens, Store: messages.Status})
	defer pages.Shutdown()
	go func() { log.Fatal(messages.Serve(server.StoreSink())) }()
	log.Fatal(server.Serve())
}
