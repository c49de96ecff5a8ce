package ssed_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"

	"github.com/ssed/ssed"
)

// A program with a net/http server keeps its port. It serves /subscribe through a reverse proxy to
// the event loop, on a unix socket. Each stream then costs as much memory as a connection of
// net/http, which a separate port for streams avoids.
func Example_behindTheSamePort() {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	socket := filepath.Join(folder, "events.sock")

	server, err := ssed.New(ssed.Options{
		Listen:         []string{"unix://" + socket},
		TrustedProxies: []string{"unix"}, // use the client addresses that the proxy reports
		Drain:          -1,
		Logger:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	<-server.Ready()
	defer server.Shutdown(context.Background())

	events := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "events"})
	events.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "the program's own page") })
	mux.Handle("/subscribe/", events)

	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(front, mux)

	res, err := http.Get("http://" + front.Addr().String() + "/subscribe/time")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	if err := server.Publish(context.Background(), ssed.Message{Namespace: "/time", Data: []byte("noon")}); err != nil {
		log.Fatal(err)
	}
	frame := make([]byte, len("data:noon\n\n"))
	io.ReadFull(res.Body, frame)
	fmt.Printf("%s", frame)
	// Output:
	// data:noon
}
