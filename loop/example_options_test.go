package loop_test

import (
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/loop"
)

// Who comes back gets what it missed: an EventSource sends the last id by itself.
// What is not kept any more is told by an event.
func ExampleOptions_history() {
	server, err := loop.New(loop.Options{
		History: []loop.HistoryRule{
			{Prefix: "/", Messages: 100, Age: time.Hour},
			{Prefix: "/prices", Messages: 1}, // ?last=1 gives a newcomer the last of each
			{Prefix: "/typing"},              // none
		},
		HistoryBytesMax: 64 << 20,
		GapEvent:        "missed", // page.addEventListener("missed", reload)
		NoGapEvent:      false,
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve())
}

// The server sends some events itself, and publishers may not use their names.
func ExampleOptions_ReservedEvents() {
	opts := loop.Options{GapEvent: "missed"}
	if err := loop.CheckGapEvent(opts.GapEvent); err != nil {
		log.Fatal(err)
	}
	for _, reserved := range opts.ReservedEvents() {
		fmt.Println(reserved.Name)
	}
	// Output: missed
}

// Behind a proxy, for the pages of one site, for those who have a token. The checks
// are for programs that want to say where a mistake stands.
func ExampleOptions_access() {
	settings := struct{ listen, proxies, origins []string }{
		listen:  []string{"127.0.0.1:8001", "unix:///run/events.sock"},
		proxies: []string{"10.0.0.0/8", "unix"},
		origins: []string{"https://example.org"},
	}
	for _, address := range settings.listen {
		if err := loop.CheckListen(address); err != nil {
			log.Fatal("listen: ", err)
		}
	}
	if err := loop.CheckTrustedProxies(settings.proxies); err != nil {
		log.Fatal("proxies: ", err)
	}
	if err := loop.CheckCORSOrigins(settings.origins); err != nil {
		log.Fatal("origins: ", err)
	}
	tokens, err := auth.ParseTable([]string{"reader-token subscribe /public", "writer-token publish"})
	if err != nil {
		log.Fatal(err)
	}
	server, err := loop.New(loop.Options{
		Listen:         settings.listen,
		TrustedProxies: settings.proxies,
		CORSOrigins:    settings.origins,
		ProxyProtocol:  false, // true where the proxy sends a PROXY line, as HAProxy can
		Tokens:         tokens,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		time.Sleep(24 * time.Hour) // from here on one more token is good
		more, err := auth.ParseTable([]string{"second-reader subscribe /public"})
		if err == nil {
			server.SetTokens(server.Tokens().And(more))
		}
	}()
	log.Fatal(server.Serve())
}

// whatIsSlow: of a live picture the newest counts. Who must not miss anything is
// closed, comes back, and goes on where it was, if there is a history.
func whatIsSlow(livePicture bool) loop.Slow {
	if livePicture {
		return loop.SlowSkip
	}
	return loop.SlowDisconnect
}

// Everything that strangers can make large or long has a limit. These are for a small
// machine; the defaults are for one with a gigabyte to spare.
func ExampleOptions_limits() {
	const message = 8 << 10
	shortest, longest := time.Second, 10*time.Second // until a client reconnects
	if err := loop.CheckRetry(shortest, longest); err != nil {
		log.Fatal(err)
	}
	server, err := loop.New(loop.Options{
		Publish: []string{"unix:///run/events-publish.sock"},

		DataBytesMax:         message,
		HeadBytesMax:         4 << 10,
		BacklogBytesMax:      max(1<<20, loop.FrameBytesMax(message)), // it must hold one message
		BacklogTotalBytesMax: 32 << 20,
		MailboxBytesMax:      1 << 20,
		SendBufferBytes:      32 << 10,
		Slow:                 whatIsSlow(true),

		ConnsMax:           5000,
		ConnsPerAddressMax: 20,
		PublishersMax:      10,

		Heartbeat:     25 * time.Second,
		HeaderTimeout: 5 * time.Second,
		StallTimeout:  10 * time.Second,
		ReplyTimeout:  10 * time.Second,
		RetryMin:      shortest,
		RetryMax:      longest,
		NoRetry:       false, // true: streams begin with a comment instead
		Drain:         2 * time.Second,

		Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve())
}

// A message of nothing but line breaks is the longest on the wire.
func ExampleFrameBytesMax() {
	fmt.Println(loop.FrameBytesMax(100) - loop.FrameBytesMax(0))
	// Output: 600
}

// Whether an option can be kept is told at once, and in words for whoever set it.
func ExampleNew() {
	_, err := loop.New(loop.Options{Heartbeat: 100 * time.Millisecond})
	fmt.Println(err)
	// Output: loop: Heartbeat and StallTimeout must be 1s or more, HeaderTimeout, AuthorizeTimeout and ReplyTimeout 100ms or more
}
