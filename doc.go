// Package ssed is a Server-Sent Events server for Go programs: it serves the streams of
// any number of subscribers on one event loop, without a goroutine for each.
//
//	server, err := ssed.New(ssed.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	go func() { log.Fatal(server.Serve()) }()
//	...
//	err = server.Publish(ctx, ssed.Message{Namespace: "/pets/dogs", Data: data})
//
// Browsers subscribe with new EventSource("http://localhost:8001/subscribe/pets"), and
// hear /pets/dogs, too.
//
// The package is a face: it has Options with their defaults and bounds, and Server. The
// daemon, cmd/ssed, makes its server by it, too. The types that a program exchanges with the
// loop are aliases of package loop's. Package admin has pages for operators, package store a Store
// on NATS JetStream, and package publish a client for other programs.
//
// The one invariant: every value that reaches the rooms below is final and checked. They fill
// in no default of Options.
package ssed
