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

// The pages stand beside the streams, on one port: the loop hands those connections
// over that ask for them.
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

// Or they have a port of their own, which strangers cannot reach.
func ExampleServer_Serve() {
	server, err := ssed.New(ssed.Options{Listen: []string{":8001"}})
	if err != nil {
		log.Fatal(err)
	}
	pages := admin.New(admin.Options{
		Daemon:       server,
		Tokens:       server.Tokens,
		Subscribers:  func() net.Addr { return server.ListenAddrs()[0] }, // for the pane that subscribes
		Publishers:   func(*ssed.Stats) {},                               // adds those of a loop of their own
		Store:        func() admin.Store { return admin.Store{} },        // how the store does, if there is one
		LogLinesLost: func() uint64 { return 0 },                         // of a log that drops lines
		Logger:       slog.Default(),                                     // who signs in, and who fails to
	})
	listener, err := net.Listen("tcp", "127.0.0.1:8003")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(pages.Serve(listener)) }()
	log.Fatal(server.Serve())
}

// Or they are part of a program's own net/http server.
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

// Where the messages are in a store, its state is shown, too: the pages, the metrics and
// healthz ask for it, and must not wait.
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
