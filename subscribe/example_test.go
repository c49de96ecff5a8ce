package subscribe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/subscribe"
)

// Read a stream to its end, across lost connections.
func ExampleRun() {
	visits := 0
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits++
		if visits == 3 {
			w.WriteHeader(http.StatusNoContent) // the client must not reconnect
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "retry:1\n\nid:k3x9-%d\nevent:new-dog\ndata:Corgi, after %q\n\n", visits, r.Header.Get("Last-Event-ID"))
	}))
	defer daemon.Close()

	err := subscribe.Run(context.Background(), subscribe.Options{
		URL:         daemon.URL + "/subscribe/pets",
		LastEventID: "k3x9-0",
		BytesMax:    1 << 20,
		Event: func(e sse.Event) error {
			fmt.Println(e.Name, e.Data)
			return nil
		},
		Lost: func(l subscribe.Loss) {
			fmt.Println("lost:", errors.Is(l.Err, subscribe.ErrEnded), l.Failures, l.Wait < time.Minute, l.Resumes)
			if errors.Is(l.Err, subscribe.ErrTurnedAway) {
				fmt.Println("the daemon is full")
			}
		},
	})
	fmt.Println(err)
	// Output:
	// new-dog Corgi, after "k3x9-0"
	// lost: true 0 true true
	// new-dog Corgi, after "k3x9-1"
	// lost: true 0 true true
	// <nil>
}

// The server's refusal contains the reason.
func ExampleRefusal() {
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "a token is needed", http.StatusUnauthorized)
	}))
	defer daemon.Close()

	err := subscribe.Run(context.Background(), subscribe.Options{
		URL:   daemon.URL,
		Token: "wrong-token",
		Event: func(sse.Event) error { return nil },
	})
	var refusal *subscribe.Refusal
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Status, refusal.Said, refusal.Media)
		if refusal.Location != "" {
			fmt.Println("redirects to", refusal.Location)
		}
		if refusal.WantsTLS {
			fmt.Println("the URL must begin with https://")
		}
	}
	// Output: 401 a token is needed text/plain; charset=utf-8
}

// Trust the CA certificate of a private daemon instead of the system's, and authenticate with a
// client certificate.
func ExampleOptions_tls() {
	daemon := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent) // the client must not reconnect
	}))
	defer daemon.Close()
	ca := x509.NewCertPool()
	ca.AddCert(daemon.Certificate())

	err := subscribe.Run(context.Background(), subscribe.Options{
		URL: daemon.URL + "/subscribe/pets",
		TLS: &tls.Config{
			RootCAs: ca,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				pair, err := tls.LoadX509KeyPair("/etc/ssed/client.pem", "/etc/ssed/client.key")
				return &pair, err
			},
		},
	})
	fmt.Println(err)
	// Output: <nil>
}

// For a terminal: write the bytes unchanged, and flush them when no more bytes are available.
func ExampleOptions() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	err := subscribe.Run(ctx, subscribe.Options{
		URL:   "http://localhost:8001/subscribe/pets",
		Head:  func(res *http.Response) { log.Print(res.Status) },
		Event: func(sse.Event) error { return nil },
		Raw: func(bytes []byte) error {
			_, err := os.Stdout.Write(bytes)
			return err
		},
		Pause: os.Stdout.Sync,
	})
	log.Fatal(err)
}
