package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// headMax is the longest time in which the head of an immediate response can arrive, over a
	// slow network and with TLS.
	headMax = 2 * time.Second
	// headPatience is how long the doctor waits for the heads before it publishes. A proxy that
	// holds back the head may forward it together with the published event.
	headPatience = 5 * time.Second
	// dialMax is less than headPatience, so that an unreachable address is not mistaken for a proxy
	// that holds back the head.
	dialMax = 4 * time.Second
	// latencyMax is the longest time that a published event may take to arrive on the stream.
	// Proxies that hold events back do so for minutes, or until the stream ends.
	latencyMax = time.Second
)

// Options configure Examine.
type Options struct {
	URL    string        // the URL of the stream
	Token  string        // the token to subscribe with; empty for no token
	Origin string        // the origin of a page that subscribes, such as https://example.org; empty to skip this check
	Idle   time.Duration // how long a stream without events must stay open
	TLS    *tls.Config   // for an https URL; nil to trust the system's CA certificates

	// Publish publishes an event with this data to a namespace that URL subscribes to. If it is
	// nil, Examine uses the daemon's heartbeats to check how events are delivered.
	Publish func(ctx context.Context, data string) error
}

// Examine subscribes to the stream, publishes an event if Publish is set, watches the stream for
// Idle, and returns its findings. It returns an error only if Publish fails: a stream that does not
// work is a finding.
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
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialMax}).DialContext,
		TLSClientConfig:     o.TLS,
		TLSHandshakeTimeout: dialMax,
		DisableCompression:  true,
		ForceAttemptHTTP2:   true,
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

// awaitHeads waits until each probe has received a head or has failed, and for headPatience at
// most.
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
