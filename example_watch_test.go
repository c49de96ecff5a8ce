package ssed_test

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/ssed/ssed"
)

// Stats returns counters that a program can publish together with its own, such as with expvar. The
// loop answers within about a millisecond. With too many calls at a time, Stats returns ErrBusy.
func ExampleServer_Stats() {
	server, err := ssed.New(ssed.Options{Listen: []string{":8001"}})
	if err != nil {
		log.Fatal(err)
	}
	expvar.Publish("ssed", expvar.Func(func() any {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		stats, err := server.Stats(ctx)
		switch {
		case errors.Is(err, ssed.ErrBusy):
			return "too many calls at a time"
		case errors.Is(err, ssed.ErrStopped):
			return "the server has stopped"
		case err != nil:
			return err.Error()
		}
		return map[string]any{
			"subscribers":  stats.Subscribers,
			"messages":     stats.Published,
			"deliveries":   stats.Deliveries,
			"ended":        stats.Ended, // by reason: "left", "slow", ...
			"p99 delivery": percentile(&stats.FanOuts, 99).String(),
			"busy writing": stats.Passes.Sum.String(), // since the start
		}
	}))
	log.Fatal(server.Serve())
}

// percentile returns the upper bound of the bucket that contains a percentile of the durations,
// such as the 99th.
func percentile(h *ssed.Histogram, percent uint64) time.Duration {
	total, below := uint64(0), uint64(0)
	for _, n := range h.Counts {
		total += n
	}
	for bucket, n := range h.Counts {
		if below += n; below*100 >= total*percent {
			return ssed.HistogramBound(bucket)
		}
	}
	return 0
}

// The program's own mux has two endpoints. One lists slow subscribers, and the other disconnects a
// subscriber, which may then reconnect.
func ExampleServer_Subscribers() {
	server, err := ssed.New(ssed.Options{Listen: []string{":8001"}})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		conns, err := server.Subscribers(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		out := json.NewEncoder(w)
		for _, c := range conns {
			client := c.Peer.String()
			if c.ForwardedAddr.IsValid() {
				client = c.ForwardedAddr.String() // as a trusted proxy reports it
			}
			if c.Blocked && c.LagBytes > 1<<20 {
				out.Encode(map[string]any{
					"id": c.ID, "client": client, "user_agent": c.Agent, "namespaces": c.Namespaces,
					"age": c.Age.String(), "messages": c.Messages, "behind": c.LagBytes,
					"stream": c.Stream, "stream_messages": c.Published,
				})
			}
		}
	})
	http.HandleFunc("POST /disconnect", func(w http.ResponseWriter, r *http.Request) {
		var id ssed.ConnID
		if _, err := fmt.Sscan(r.FormValue("id"), &id); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if found, err := server.Disconnect(r.Context(), id); err != nil || !found {
			http.Error(w, "no subscriber has this id", http.StatusNotFound)
		}
	})
	go http.ListenAndServe("127.0.0.1:8080", nil)
	log.Fatal(server.Serve())
}
