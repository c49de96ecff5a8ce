package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// BenchmarkEmbedded publishes messages of 100 bytes with an event to an embedded server, with up
// to the given number of them in flight. It waits for all acks.
func BenchmarkEmbedded(b *testing.B) {
	for _, always := range []bool{false, true} {
		for _, pending := range []int{1, 1000} {
			b.Run(fmt.Sprintf("sync-always=%v/pending=%d", always, pending), func(b *testing.B) {
				e, _ := startStore(b, embeddedOptions{Embedded: Embedded{Dir: b.TempDir(), SyncAlways: always}})
				conn, err := e.connect()
				if err != nil {
					b.Fatal(err)
				}
				defer conn.Close()
				js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(pending))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := ensureStream(b.Context(), js, streamConfig{Stream: Stream{Name: "ssed"}}); err != nil {
					b.Fatal(err)
				}
				data := make([]byte, 100)
				for b.Loop() {
					if _, err := js.PublishMsgAsync(&nats.Msg{Subject: "ssed.pets.dogs", Header: newHeader("new-dog", ""), Data: data}, jetstream.WithStallWait(time.Minute)); err != nil {
						b.Fatal(err)
					}
				}
				<-js.PublishAsyncComplete()
			})
		}
	}
}

// BenchmarkSubject measures the conversion of a namespace to a subject and back, which each message
// needs.
func BenchmarkSubject(b *testing.B) {
	namespace := []byte("/pets/dogs/corgi")
	var there, back []byte
	for b.Loop() {
		there = appendSubject(there[:0], "ssed", namespace)
		back, _ = appendNamespace(back[:0], "ssed", there)
	}
	if string(back) != string(namespace) {
		b.Fatal(string(back))
	}
}
