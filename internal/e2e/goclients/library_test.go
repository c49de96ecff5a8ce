package goclients

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	r3labs "github.com/r3labs/sse/v2"
	tmaxmax "github.com/tmaxmax/go-sse"
	"gopkg.in/cenkalti/backoff.v1"

	"github.com/ssed/ssed/internal/e2e/clients"
	"github.com/ssed/ssed/internal/testtool"
)

// By default, both libraries read events of at most 64 KiB, and wait at least half a second before
// they reconnect.
const (
	eventBytesMax  = 4 << 20
	reconnectAfter = 50 * time.Millisecond
)

// A library reads the stream at url until ctx is done, reconnects when the connection is lost, and
// shows each event.
type library func(ctx context.Context, client *http.Client, url string, show func(clients.Message)) error

var libraries = []struct {
	name string
	read library
	lost []clients.Message // messages that the library does not show, against the standard
}{
	{"r3labs/sse", readWithR3labs, []clients.Message{{About: "no name, no data"}}},
	{"tmaxmax/go-sse", readWithTmaxmax, nil},
}

// readWithR3labs subscribes again after a clean end of the stream. This library reconnects only
// after a broken connection.
func readWithR3labs(ctx context.Context, httpClient *http.Client, url string, show func(clients.Message)) error {
	client := r3labs.NewClient(url, r3labs.ClientMaxBufferSize(eventBytesMax))
	client.Connection = httpClient
	client.ReconnectStrategy = backoff.NewConstantBackOff(reconnectAfter)
	for ctx.Err() == nil {
		err := client.SubscribeRawWithContext(ctx, func(event *r3labs.Event) {
			show(clients.Message{Event: string(event.Event), Data: string(event.Data)})
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func readWithTmaxmax(ctx context.Context, httpClient *http.Client, url string, show func(clients.Message)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	client := tmaxmax.Client{HTTPClient: httpClient, Backoff: tmaxmax.Backoff{InitialInterval: reconnectAfter}}
	connection := client.NewConnection(request)
	connection.Buffer(nil, eventBytesMax)
	connection.SubscribeToAll(func(event tmaxmax.Event) {
		show(clients.Message{Event: event.Type, Data: event.Data})
	})
	return connection.Connect()
}

// A reader is a running library.
type reader struct {
	mu       sync.Mutex
	answers  int // number of response heads
	received []clients.Message
}

// read starts a library. It stops at the end of the test.
func read(t *testing.T, with library, url string) *reader {
	t.Helper()
	r := &reader{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := with(ctx, &http.Client{Transport: r}, url, r.show); ctx.Err() == nil {
			t.Errorf("the library gave up: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return r
}

// RoundTrip counts responses, because neither library reports early that it is connected.
func (r *reader) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.answers++
	}
	return response, err
}

func (r *reader) show(m clients.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received = append(r.received, m)
}

// waitForAnswer waits for n response heads. After that, the client misses nothing.
func (r *reader) waitForAnswer(t *testing.T, n int) {
	t.Helper()
	testtool.WaitFor(t, "a response head", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.answers >= n
	})
}

// wait waits for the last of the sent messages, and compares all.
func (r *reader) wait(t *testing.T, sent ...clients.Message) {
	t.Helper()
	last := sent[len(sent)-1]
	testtool.WaitFor(t, "the last message", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Contains(r.received, clients.Message{Event: last.Event, Data: last.Shown()})
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	clients.Compare(t, r.received, sent)
}

// forgetRetries drops events without a name and data. A stream that only sets the reconnection time
// dispatches no event (HTML section 9.2.6), but both libraries show one.
func (r *reader) forgetRetries() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received = slices.DeleteFunc(r.received, func(m clients.Message) bool { return m == clients.Message{} })
}
