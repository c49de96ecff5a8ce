package relay_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/relay"
	"github.com/ssed/ssed/sse"
)

// A program whose messages outlive it: they are in a folder, and whoever comes back
// after a restart gets what it missed.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for range 2 { // the second time is a restart
		options := loop.Options{Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: slog.New(slog.DiscardHandler)}
		store, err := relay.New(relay.Options{
			Store:        &relay.Store{Dir: dir, SyncAlways: false, SyncInterval: time.Second, CacheBytesMax: relay.DefaultStoreCacheBytes},
			Stream:       relay.Stream{MaxAge: 24 * time.Hour, MaxBytes: 1 << 30, PerNamespace: 100_000},
			Preload:      1000, // of what was there before
			DataBytesMax: sse.DataBytesMax,
			Reserved:     options.ReservedEvents(),
			Logger:       slog.New(slog.DiscardHandler),
		})
		if err != nil {
			log.Fatal(err)
		}
		options.Relay = store
		server, err := loop.New(options)
		if err != nil {
			log.Fatal(err)
		}
		stored, served := make(chan error, 1), make(chan error, 1)
		go func() { stored <- store.Serve(server.Inlet()) }()
		go func() { served <- server.Serve() }()
		<-store.Ready()
		<-store.Live() // all that was there before is delivered

		ctx := context.Background()
		if err := server.Publish(ctx, sse.Message{Namespace: "/pets", Data: []byte("Corgi")}); err != nil {
			log.Fatal(err)
		}
		fmt.Println("the newest message is", store.Newest())

		// The server first: it waits for what is on its way to the store.
		fmt.Println(server.Shutdown(ctx), <-served, store.Shutdown(ctx), <-stored)
	}
	// Output:
	// the newest message is 1
	// <nil> <nil> <nil> <nil>
	// the newest message is 2
	// <nil> <nil> <nil> <nil>
}

// Several programs that act as one: each is at the same stream of a NATS cluster,
// which is made if it is missing. How things stand is for an operator to ask.
func ExampleRelay_Status() {
	hub, err := relay.New(relay.Options{
		Servers: relay.Servers{
			URLs:            []string{"tls://nats-1:4222", "tls://nats-2:4222", "tls://nats-3:4222"},
			CredentialsFile: "/etc/ssed/nats.creds",
			CAFile:          "/etc/ssed/nats-ca.pem",
			CertFile:        "/etc/ssed/nats-cert.pem",
			KeyFile:         "/etc/ssed/nats-key.pem",
		},
		Stream: relay.Stream{
			Name:     "ssed",
			Replicas: 3,
			Update:   false, // never change what is there with other settings
		},
		Timeout: 10 * time.Second, // for publishers, when the cluster is away
	})
	if err != nil {
		log.Fatal(err)
	}
	server, err := loop.New(loop.Options{Relay: hub})
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(hub.Serve(server.Inlet())) }()
	go func() {
		for range time.Tick(time.Minute) {
			if s := hub.Status(); !s.Connected || !s.Reached || s.Lag > 10_000 {
				log.Printf("behind by %d messages: %s", s.Lag, s.Trouble)
			}
		}
	}()
	log.Fatal(server.Serve())
}

// The server, not the program, talks to the relay: hands messages in, asks whether
// there is room, and reads what it does not keep itself. For a tool that only
// publishes, the same is there to be called.
func ExampleRelay_Submit() {
	const url = "nats://127.0.0.1:4222"
	if err := relay.CheckURL(url); err != nil {
		log.Fatal(err)
	}
	hub, err := relay.New(relay.Options{Servers: relay.Servers{URLs: []string{url}}})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if hub.Full() {
		if err := hub.Wait(ctx); err != nil {
			log.Fatal(err)
		}
	}
	hub.Submit(loop.Submission{Namespace: []byte("/pets"), Data: []byte("Corgi")}, answer{})
	part, err := hub.Read(ctx, loop.Query{Set: []string{"/pets"}, Until: hub.Newest(), BytesMax: 64 << 10})
	fmt.Printf("%s %v", part.Frames, err)
}

type answer struct{}

func (answer) Answer(seq uint64, err error) { fmt.Println(seq, err) }
