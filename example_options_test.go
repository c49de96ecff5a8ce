package ssed_test

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/sse"
)

// Who comes back gets what it missed: an EventSource sends the last id by itself.
// What is not kept any more is told by an event.
func ExampleOptions_history() {
	server, err := ssed.New(ssed.Options{
		History: []ssed.HistoryRule{
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
	opts := ssed.Options{GapEvent: "missed"}
	for _, reserved := range opts.ReservedEvents() {
		fmt.Println(reserved.Name)
	}
	// Output: missed
}

// Behind a proxy, for the pages of one site, and for clients with a token.
func ExampleOptions_access() {
	tokens, err := auth.ParseTable([]string{"reader-token subscribe /public", "writer-token publish"})
	if err != nil {
		log.Fatal(err)
	}
	server, err := ssed.New(ssed.Options{
		Listen:         []string{"127.0.0.1:8001", "unix:///run/events.sock"},
		TrustedProxies: []string{"10.0.0.0/8", "unix"},
		CORSOrigins:    []string{"https://example.org"},
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
func whatIsSlow(livePicture bool) ssed.Slow {
	if livePicture {
		return ssed.SlowSkip
	}
	return ssed.SlowDisconnect
}

// Everything that strangers can make large or long has a limit. These are for a small
// machine; the defaults are for one with a gigabyte to spare.
func ExampleOptions_limits() {
	const message = 8 << 10
	server, err := ssed.New(ssed.Options{
		Publish: []string{"unix:///run/events-publish.sock"},

		DataBytesMax:         message,
		HeadBytesMax:         4 << 10,
		BacklogBytesMax:      max(1<<20, sse.FrameBytesMax(message)), // it must hold one message
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
		RetryMin:      time.Second, // until a client reconnects
		RetryMax:      10 * time.Second,
		NoRetry:       false, // true: streams begin with a comment instead
		Drain:         2 * time.Second,

		Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve())
}

// Validate reports everything that is wrong, field by field: for programs that say where
// a mistake is, in their own configuration. New returns the same error.
func ExampleOptions_Validate() {
	settings := map[string]string{"Heartbeat": "heartbeat", "Listen": "address"} // names that users know
	err := ssed.Options{Heartbeat: 100 * time.Millisecond, Listen: []string{"8001"}}.Validate()
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		if field, ok := errors.AsType[*ssed.FieldError](err); ok {
			fmt.Printf("%s: %v: %v\n", settings[field.Field], field.Value, field.Err)
		}
	}
	// Output:
	// address: 8001: listen address "8001": expected host:port or :port, such as 127.0.0.1:8001 or [::1]:8001, or unix:///path
	// heartbeat: 100ms: must be 1s or more
}

// New says which field is wrong, in words for whoever set it.
func ExampleNew() {
	_, err := ssed.New(ssed.Options{Heartbeat: 100 * time.Millisecond})
	fmt.Println(err)
	// Output: ssed: Heartbeat=100ms: must be 1s or more
}
