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

// Reconnecting clients get the messages that they missed, because an EventSource sends the last id
// automatically. A gap event reports messages that the server has dropped.
func ExampleOptions_history() {
	server, err := ssed.New(ssed.Options{
		History: []ssed.HistoryRule{
			{Prefix: "/", Messages: 100, Age: time.Hour},
			{Prefix: "/prices", Messages: 1}, // with ?last=1, new subscribers get the newest one
			{Prefix: "/typing"},              // keep none
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

// The server sends some events itself. Publishers may not use their names.
func ExampleOptions_ReservedEvents() {
	opts := ssed.Options{GapEvent: "missed"}
	for _, reserved := range opts.ReservedEvents() {
		fmt.Println(reserved.Name)
	}
	// Output: missed
}

// These options are for a server behind a proxy, with pages of one site and clients with tokens.
func ExampleOptions_access() {
	tokens, err := auth.ParseTable([]string{"reader-token subscribe /public", "writer-token publish"})
	if err != nil {
		log.Fatal(err)
	}
	server, err := ssed.New(ssed.Options{
		Listen:         []string{"127.0.0.1:8001", "unix:///run/events.sock"},
		TrustedProxies: []string{"10.0.0.0/8", "unix"},
		CORSOrigins:    []string{"https://example.org"},
		ProxyProtocol:  false, // true if the proxy sends a PROXY header, as HAProxy can
		Tokens:         tokens,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		time.Sleep(24 * time.Hour) // then add one more token
		more, err := auth.ParseTable([]string{"second-reader subscribe /public"})
		if err == nil {
			server.SetTokens(server.Tokens().And(more))
		}
	}()
	log.Fatal(server.Serve())
}

// slowPolicy selects what happens to slow subscribers. For live data such as prices only the newest
// message matters, so they may skip messages. Other subscribers are disconnected. They reconnect
// and, if there is a history, continue where they were.
func slowPolicy(liveData bool) ssed.Slow {
	if liveData {
		return ssed.SlowSkip
	}
	return ssed.SlowDisconnect
}

// Every size and time that clients can influence has a limit. These limits are for a small machine;
// the defaults are for a machine with a gigabyte to spare.
func ExampleOptions_limits() {
	const message = 8 << 10
	server, err := ssed.New(ssed.Options{
		Publish: []string{"unix:///run/events-publish.sock"},

		DataBytesMax:         message,
		HeadBytesMax:         4 << 10,
		BacklogBytesMax:      max(1<<20, sse.FrameBytesMax(message)), // room for at least one message
		BacklogTotalBytesMax: 32 << 20,
		MailboxBytesMax:      1 << 20,
		SendBufferBytes:      32 << 10,
		Slow:                 slowPolicy(true),

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

// Validate reports all problems, field by field. Programs can translate the fields to the names in
// their own configuration. New returns the same error.
func ExampleOptions_Validate() {
	// The names of the options in the configuration of this program.
	settings := map[string]string{"Heartbeat": "heartbeat", "Listen": "address"}
	err := ssed.Options{Heartbeat: 100 * time.Millisecond, Listen: []string{"8001"}}.Validate()
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		if field, ok := errors.AsType[*ssed.FieldError](err); ok {
			fmt.Printf("%s: %v: %v\n", settings[field.Field], field.Value, field.Err)
		}
	}
	// Output:
	// address: 8001: invalid address "8001": expected host:port or :port, such as 127.0.0.1:8001 or [::1]:8001, or unix:///path
	// heartbeat: 100ms: must be 1s or more
}

// The error of New reports the invalid field, its value and the expected form.
func ExampleNew() {
	_, err := ssed.New(ssed.Options{Heartbeat: 100 * time.Millisecond})
	fmt.Println(err)
	// Output: ssed: Heartbeat=100ms: must be 1s or more
}
