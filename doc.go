// Package ssed is a Server-Sent Events server for Go programs. It serves any number of subscribers
// on one event loop, or on several with Options.Loops, without a goroutine for each stream.
//
//	server, err := ssed.New(ssed.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	go func() { log.Fatal(server.Serve()) }()
//	...
//	err = server.Publish(ctx, ssed.Message{Namespace: "/pets/dogs", Data: data})
//
// Browsers subscribe with new EventSource("http://localhost:8001/subscribe/pets"). A subscription
// to /pets also receives the messages of /pets/dogs.
//
// Options configures a Server, and every field has a default. Options.Authorize decides who may
// subscribe, Options.OnSubscribe and OnUnsubscribe report subscribers, and Options.Handover passes
// other HTTP requests on the same port to the program. The daemon, cmd/ssed, is built on this
// package, too.
//
// Related packages: admin serves pages for operators, store keeps messages in NATS JetStream, and
// publish is a client for programs that publish to a server over the network. The types that a
// program exchanges with the server are aliases of types in package loop.
//
// The one invariant: this package applies all defaults and checks all bounds. The packages below it
// receive final, valid values and fill in no defaults of Options.
package ssed
