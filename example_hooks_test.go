package ssed_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"sync"

	"github.com/ssed/ssed"
)

// A register keeps a list of the connected subscribers, without polling the server. The hooks run
// one at a time, so the lock only protects against readers of the list.
type register struct {
	mu    sync.Mutex
	there map[ssed.ConnID]ssed.SubscriberInfo
}

func (r *register) came(c ssed.SubscriberInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there[c.ID] = c
	fmt.Println("connected:", c.Agent, c.Namespaces)
}

func (r *register) went(c ssed.SubscriberInfo, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.there, c.ID)
	fmt.Println("disconnected:", c.Agent, reason)
}

// recount refreshes the list from the server. It is needed after calls of the hooks were dropped,
// because earlier calls took too long.
func (r *register) recount(server *ssed.Server) {
	conns, err := server.Subscribers(context.Background())
	if err != nil {
		return // the server is stopping
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.there)
	for _, c := range conns {
		r.there[c.ID] = c
	}
}

// OnSubscribe and OnUnsubscribe maintain a list of the connected subscribers.
func ExampleOptions_onSubscribe() {
	var server *ssed.Server
	people := register{there: map[ssed.ConnID]ssed.SubscriberInfo{}}
	server, err := ssed.New(ssed.Options{
		Listen:        []string{"127.0.0.1:0"},
		OnSubscribe:   people.came,
		OnUnsubscribe: people.went,
		OnUnreported:  func(_, _ int) { people.recount(server) },
		ReportsMax:    10_000,
		Drain:         -1,
		Logger:        slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	<-server.Ready()

	ask, _ := http.NewRequest("GET", "http://"+server.ListenAddrs()[0].String()+"/subscribe?ns=/time&ns=/pets", nil)
	ask.Header.Set("User-Agent", "a-browser")
	res, err := http.DefaultClient.Do(ask)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()

	// Shutdown returns after OnUnsubscribe was called for every subscriber.
	if err := server.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("still listed:", len(people.there))
	// Output:
	// connected: a-browser [/pets /time]
	// disconnected: a-browser shutdown
	// still listed: 0
}
