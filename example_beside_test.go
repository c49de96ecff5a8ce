package ssed_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"

	"github.com/ssed/ssed"
)

// A program with a net/http server runs the streams on a separate port. This is the cheapest setup:
// pages may subscribe across ports.
func Example_besideNetHTTP() {
	server, err := ssed.New(ssed.Options{Listen: []string{":8001"}})
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(server.Serve()) }()

	http.HandleFunc("POST /dogs", func(w http.ResponseWriter, r *http.Request) {
		dog := ssed.Message{Namespace: "/pets/dogs", Event: "new-dog", Data: []byte(r.FormValue("breed"))}
		if err := server.Publish(r.Context(), dog); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}

// Programs that sent messages to a channel, as with mroth/sseserver, can keep their channel.
func Example_broadcastChannel() {
	server, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	<-server.Ready()
	defer server.Shutdown(context.Background())

	broadcast := make(chan ssed.Message)
	go func() {
		for m := range broadcast {
			if err := server.Publish(context.Background(), m); err != nil {
				log.Print(err) // the message is invalid, or the server is stopping
			}
		}
	}()

	res, err := http.Get("http://" + server.ListenAddrs()[0].String() + "/subscribe/time")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	broadcast <- ssed.Message{Namespace: "/time", Data: []byte("noon")}
	line, _ := bufio.NewReader(res.Body).ReadString('\n')
	fmt.Print(line)
	// Output: data:noon
}
