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

// A register knows who is there, without asking again and again. The hooks come one
// after the other, so its lock is for those who read it.
type register struct {
	mu    sync.Mutex
	there map[ssed.ConnID]ssed.SubscriberInfo
}

func (r *register) came(c ssed.SubscriberInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there[c.ID] = c
	fmt.Println("came:", c.Agent, c.Namespaces)
}

func (r *register) went(c ssed.SubscriberInfo, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.there, c.ID)
	fmt.Println("went:", c.Agent, reason)
}

// recount is for when the hooks took too long, and some came without being reported, and
// for when these have gone: the register asks the server, as it would without hooks.
func (r *register) recount(server *ssed.Server) {
	conns, err := server.Subscribers(context.Background())
	if err != nil {
		return // the server is ending
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.there)
	for _, c := range conns {
		r.there[c.ID] = c
	}
}

// OnSubscribe and OnUnsubscribe keep a register of who is there.
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

	// It returns when everybody's end has been told.
	if err := server.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("left behind:", len(people.there))
	// Output:
	// came: a-browser [/pets /time]
	// went: a-browser shutdown
	// left behind: 0
}
