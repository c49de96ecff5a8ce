package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// headMax is how long the head of an answer may take to be "at once", on a
	// network that is far away and with TLS.
	headMax = 2 * time.Second
	// headPatience is how long the doctor waits for a head that is late before it
	// publishes all the same: a proxy that holds the head back may let go of it then.
	headPatience = 5 * time.Second
	// dialMax is less: who cannot be reached does not hold anything back.
	dialMax = 4 * time.Second
	// latencyMax is how long a message may take from the daemon's OK to the stream.
	// Proxies that hold events back do so for minutes, or for good.
	latencyMax = time.Second
)

// Options tell Examine what to look at.
type Options struct {
	URL    string        // of the stream
	Token  string        // empty for none
	Origin string        // of a page that is to subscribe, such as https://example.org; empty: not looked at
	Idle   time.Duration // how long a silent stream has to live

	// Publish publishes an event with this data to what URL subscribes to; nil: events
	// are judged by the daemon's heartbeats.
	Publish func(ctx context.Context, data string) error
}

// Examine watches the stream for Idle once it has begun, and says what it found.
func Examine(ctx context.Context, o Options) ([]Finding, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	probes := []*probe{
		{encoding: "identity", headIn: make(chan struct{})},
		{encoding: "gzip", headIn: make(chan struct{})},
	}
	mark := "ssed-doctor-" + rand.Text()
	if o.Publish != nil {
		for _, p := range probes {
			p.mark = []byte(mark)
		}
	}
	transport := &http.Transport{
		Proxy:              http.ProxyFromEnvironment,
		DialContext:        (&net.Dialer{Timeout: dialMax}).DialContext,
		DisableCompression: true,
		ForceAttemptHTTP2:  true,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

	var watching sync.WaitGroup
	for _, p := range probes {
		watching.Go(func() { p.watch(ctx, client, o) })
	}
	over := make(chan struct{})
	go func() {
		watching.Wait()
		close(over)
	}()
	awaitHeads(ctx, probes)
	published := time.Now()
	var err error
	if o.Publish != nil {
		err = o.Publish(ctx, mark)
	}
	if err == nil {
		select {
		case <-over:
		case <-ctx.Done():
		case <-time.After(o.Idle):
		}
	}
	cancel()
	<-over
	if err != nil {
		return nil, fmt.Errorf("cannot publish: %w", err)
	}
	return judge(o, probes[0], probes[1], published), nil
}

// awaitHeads waits until each probe has a head, or will have none, or patience ends.
func awaitHeads(ctx context.Context, probes []*probe) {
	ctx, cancel := context.WithTimeout(ctx, headPatience)
	defer cancel()
	for _, p := range probes {
		select {
		case <-p.headIn:
		case <-ctx.Done():
		}
	}
}

func isEventStream(res *http.Response) bool {
	media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return err == nil && media == "text/event-stream"
}
