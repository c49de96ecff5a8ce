// Clock sends the time once a second to a page that it serves on the same port. It is a port of an
// example of mroth/sseserver.
package main

import (
	"context"
	_ "embed"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/ssed/ssed"
)

//go:embed index.html
var page []byte

// address is where the program listens. A test sets it with the linker.
var address = ":8111"

func main() {
	s, err := ssed.New(ssed.Options{
		Listen:         []string{"127.0.0.1:0"}, // only for the proxy below
		TrustedProxies: []string{"127.0.0.1"},
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(s.Serve()) }()
	<-s.Ready()

	// Publish the time every second on the namespace /time.
	go func() {
		for now := range time.Tick(time.Second) {
			data := []byte(now.Format("3:04:05 pm (MST)"))
			if err := s.Publish(context.Background(), ssed.Message{Namespace: "/time", Data: data}); err != nil {
				log.Fatal(err)
			}
		}
	}()

	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	http.Handle("/subscribe/", httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.ListenAddrs()[0].String()}))
	log.Fatal(http.ListenAndServe(address, nil))
}
