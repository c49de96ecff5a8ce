package publish_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log"
	"os"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// ExampleWithTLS publishes over TLS. It trusts only the CA in a file, and has a client certificate.
func ExampleWithTLS() {
	ca, err := os.ReadFile("/etc/ssed/ca.pem")
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(ca) {
		log.Fatal("no CA certificate in /etc/ssed/ca.pem")
	}
	pair, err := tls.LoadX509KeyPair("/etc/ssed/client.pem", "/etc/ssed/client.key")
	if err != nil {
		log.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}

	ctx := context.Background()
	client, err := publish.Dial(ctx, "tls://events.example.org:8003", publish.WithTLS(config))
	var name x509.HostnameError
	if errors.As(err, &name) {
		log.Fatal("a server with the certificate of another: ", name.Certificate.DNSNames)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Publish(ctx, sse.Message{Namespace: "/pets/dogs", Data: []byte("Corgi")}); err != nil {
		log.Print(err)
	}
}

// A RetryClient has the same configuration in its options.
func ExampleRetryOptions_tls() {
	client, err := publish.DialRetry(context.Background(), "tls://events.example.org:8003", publish.RetryOptions{
		TLS: &tls.Config{ServerName: "ssed.internal"}, // verify this name instead of the name in the URL
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}
