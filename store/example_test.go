package store_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/store"
)

// A program with an embedded store. Its messages are in a folder, so subscribers that reconnect
// after a restart get the messages that they missed.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for range 2 { // the second time is a restart
		options := ssed.Options{Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: slog.New(slog.DiscardHandler)}
		messages, err := store.New(store.Options{
			Embedded:     &store.Embedded{Dir: dir, SyncAlways: false, SyncInterval: time.Second, CacheBytesMax: store.DefaultCacheBytes},
			Stream:       store.Stream{MaxAge: 24 * time.Hour, MaxBytes: 1 << 30, PerNamespace: 100_000},
			Preload:      1000, // of the messages that are stored already
			DataBytesMax: sse.DataBytesMax,
			Reserved:     options.ReservedEvents(),
			Logger:       slog.New(slog.DiscardHandler),
		})
		if err != nil {
			log.Fatal(err)
		}
		options.Store = messages
		server, err := ssed.New(options)
		if err != nil {
			log.Fatal(err)
		}
		stored, served := make(chan error, 1), make(chan error, 1)
		go func() { stored <- messages.Serve(server.StoreSink()) }()
		go func() { served <- server.Serve() }()
		<-messages.Ready()
		<-messages.Live() // all messages that were stored before are delivered

		ctx := context.Background()
		if err := server.Publish(ctx, sse.Message{Namespace: "/pets", Data: []byte("Corgi")}); err != nil {
			log.Fatal(err)
		}
		fmt.Println("the newest message is", messages.Newest())

		// Shut the server down first: it waits for messages that are being stored.
		fmt.Println(server.Shutdown(ctx), <-served, messages.Shutdown(ctx), <-stored)
	}
	// Output:
	// the newest message is 1
	// <nil> <nil> <nil> <nil>
	// the newest message is 2
	// <nil> <nil> <nil> <nil>
}

// Several programs that share a stream of a NATS cluster. The stream is created if it is missing.
// Status reports the state of the store.
func ExampleStore_Status() {
	messages, err := store.New(store.Options{
		Servers: store.Servers{
			URLs:            []string{"tls://nats-1:4222", "tls://nats-2:4222", "tls://nats-3:4222"},
			CredentialsFile: "/etc/ssed/nats.creds",
			CAFile:          "/etc/ssed/nats-ca.pem",
			CertFile:        "/etc/ssed/nats-cert.pem",
			KeyFile:         "/etc/ssed/nats-key.pem",
		},
		Stream: store.Stream{
			Name:     "ssed",
			Replicas: 3,
			Update:   false, // never change the settings of an existing stream
		},
		Timeout: 10 * time.Second, // of publishers while the cluster is unavailable
	})
	if err != nil {
		log.Fatal(err)
	}
	server, err := ssed.New(ssed.Options{Store: messages})
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(messages.Serve(server.StoreSink())) }()
	go func() {
		for range time.Tick(time.Minute) {
			if s := messages.Status(); !s.Connected || !s.Reached || s.Lag > 10_000 {
				log.Printf("behind by %d messages: %s", s.Lag, s.Trouble)
			}
		}
	}()
	log.Fatal(server.Serve())
}

// Usually the server calls the methods of a store: it submits messages, checks whether there is
// room, and reads old messages. A tool that only publishes can call them itself.
func ExampleStore_Submit() {
	messages, err := store.New(store.Options{Servers: store.Servers{URLs: []string{"nats://127.0.0.1:4222"}}})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if messages.Full() {
		if err := messages.Wait(ctx); err != nil {
			log.Fatal(err)
		}
	}
	messages.Submit(ssed.PublishRequest{Namespace: []byte("/pets"), Data: []byte("Corgi")}, answer{})
	part, err := messages.Read(ctx, ssed.Query{Set: []string{"/pets"}, Until: messages.Newest(), BytesMax: 64 << 10})
	fmt.Printf("%s %v", part.Frames, err)
}

type answer struct{}

func (answer) Ack(seq uint64, err error) { fmt.Println(seq, err) }

// Validate reports all invalid fields together. Its errors contain no secrets.
func ExampleOptions_Validate() {
	err := store.Options{
		Servers: store.Servers{URLs: []string{"http://user:secret@host"}},
		Stream:  store.Stream{Replicas: 6},
	}.Validate()
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		if field, ok := errors.AsType[*store.FieldError](err); ok {
			fmt.Println(field.Field, field.Value, field.Err)
		}
	}
	// Output:
	// Stream.Replicas 6 must be 1 to 5
	// Servers.URLs <nil> invalid NATS server URL http://host: expected the scheme nats:// or tls://
}
