package ssed_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/ssed/ssed"
)

// A load balancer requests /healthz on the port for subscribers. Unfit adds the program's own
// conditions. In this example it is the state of a database, which another goroutine keeps in an
// atomic value, so Unfit returns immediately.
func ExampleOptions_health() {
	var databaseGone atomic.Bool
	server, err := ssed.New(ssed.Options{
		Listen: []string{"127.0.0.1:0"},
		Unfit: func() string {
			if databaseGone.Load() {
				return "the database is unavailable"
			}
			return ""
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	<-server.Ready()
	defer server.Shutdown(context.Background())

	for _, gone := range []bool{false, true} {
		databaseGone.Store(gone)
		answer, err := http.Get(fmt.Sprintf("http://%s/healthz", server.ListenAddrs()[0]))
		if err != nil {
			log.Fatal(err)
		}
		words, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		fmt.Printf("%d %s", answer.StatusCode, words)
	}
	// Output:
	// 200 serving
	// 503 the database is unavailable
}
