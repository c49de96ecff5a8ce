package cluster

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

const (
	// batchSize is how many messages a publisher sends without waiting for replies.
	batchSize = 20
	// batchInterval is how often it does so, unless replies take longer: a load that
	// leaves a small machine room for what is tested.
	batchInterval = 20 * time.Millisecond
)

// A publisher publishes batch after batch until it is told to end, each message with
// a key. What is refused, or not answered, it repeats until it is OK, and only then
// goes on.
type publisher struct {
	name, namespace string
	url             string
	stop            chan struct{}
	done            chan struct{}

	mu      sync.Mutex
	oks     map[string]uint64 // what was answered OK, and the numbers
	repeats int
	dials   int
	wrong   string // what must not be
}

// publishing starts a publisher at a URL.
func publishing(t *testing.T, name, namespace, url string) *publisher {
	t.Helper()
	p := &publisher{name: name, namespace: namespace, url: url, stop: make(chan struct{}), done: make(chan struct{}), oks: map[string]uint64{}}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		<-p.done
	})
	go func() {
		defer close(p.done)
		p.run(ctx)
	}()
	return p
}

func (p *publisher) run(ctx context.Context) {
	pace := time.NewTicker(batchInterval)
	defer pace.Stop()
	var client *publish.Client
	for n := 0; ctx.Err() == nil; n++ {
		var batch []string
		for i := range batchSize {
			batch = append(batch, fmt.Sprintf("%s-%d", p.name, n*batchSize+i))
		}
		for first := true; len(batch) > 0 && ctx.Err() == nil; first = false {
			if client == nil {
				client = p.dial(ctx, pace.C)
				continue
			}
			left, alive := p.send(ctx, client, batch, first)
			if batch = left; !alive {
				client.Close()
				client = nil
			}
		}
		select {
		case <-p.stop:
			if client != nil {
				client.Close()
			}
			return
		case <-pace.C:
		case <-ctx.Done():
		}
	}
	if client != nil {
		client.Close()
	}
}

// dial connects, or returns nil after a while.
func (p *publisher) dial(ctx context.Context, wait <-chan time.Time) *publish.Client {
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	client, err := publish.Dial(soon, p.url)
	if err != nil {
		<-wait
		return nil
	}
	p.mu.Lock()
	p.dials++
	p.mu.Unlock()
	return client
}

// send sends a batch, and returns what was not answered OK, and whether the
// connection is good. The numbers of what is sent the first time must rise.
func (p *publisher) send(ctx context.Context, client *publish.Client, batch []string, first bool) (left []string, alive bool) {
	last := uint64(0)
	answered := 0
	for _, data := range batch {
		m := sse.Message{Namespace: p.namespace, Key: data, Data: []byte(data)}
		err := client.PublishAsync(ctx, m, func(seq uint64, err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			answered++
			if err != nil {
				left = append(left, data)
				p.repeats++
				return
			}
			if first && seq <= last {
				p.wrong = fmt.Sprintf("%q was answered %d, one before it %d", data, seq, last)
			}
			p.oks[data], last = seq, seq
		})
		if err != nil {
			break
		}
	}
	alive = client.Ping(ctx) == nil
	if !alive {
		client.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if answered == len(batch) {
		return left, alive
	}
	left = left[:0:0]
	for _, data := range batch {
		if _, ok := p.oks[data]; !ok {
			left = append(left, data)
		}
	}
	return left, alive
}

// count is how many messages were answered OK.
func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.oks)
}

// repeated is how many messages were not answered OK when they were sent.
func (p *publisher) repeated() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.repeats
}

// dialed is how many connections it had.
func (p *publisher) dialed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dials
}

// waitFor waits until more messages were answered OK.
func (p *publisher) waitFor(t *testing.T, more int) {
	t.Helper()
	want := p.count() + more
	testtool.WaitFor(t, fmt.Sprintf("%d messages of %s", want, p.name), func() bool { return p.count() >= want })
}

// end has publishers end once their last batch is OK, and returns what was answered,
// of all of them.
func end(t *testing.T, publishers ...*publisher) map[string]uint64 {
	t.Helper()
	all := map[string]uint64{}
	for _, p := range publishers {
		close(p.stop)
	}
	for _, p := range publishers {
		select {
		case <-p.done:
		case <-time.After(testtool.Patience):
			t.Fatalf("%s does not end: something is never OK", p.name)
		}
		if p.wrong != "" {
			t.Errorf("%s: %s", p.name, p.wrong)
		}
		maps.Copy(all, p.oks)
	}
	return all
}
