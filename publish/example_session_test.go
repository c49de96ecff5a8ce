package publish_test

import (
	"crypto/subtle"
	"fmt"
	"log"
	"net"
	"strings"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// One token, good for one namespace and what is below. (auth.Table is the one that
// the daemon has.)
type oneToken struct{ token, below string }

func (o oneToken) Required() bool { return true }

func (o oneToken) Authenticate(token []byte) (publish.Grant, bool) {
	return o, subtle.ConstantTimeCompare(token, []byte(o.token)) == 1
}

func (o oneToken) Allows(namespace []byte) bool { return strings.HasPrefix(string(namespace), o.below) }

// stopping is the Sink of a server that is shutting down.
type stopping struct{}

func (stopping) Publish(_, _, _ []byte) (uint64, error) { return 0, publish.ErrStopping }

// What a publisher may, and what it is told.
func ExampleAuthenticator() {
	session := publish.NewSession(&publish.Config{
		Auth:         oneToken{"shop-secret", "/shop/"},
		DataBytesMax: 10,
		Reserved:     sse.ReservedEvents{{Name: "gap", Flag: "--gap-event"}},
	})
	in := "PUB /shop/orders - 1\n" +
		"AUTH shop-secret\n" +
		"PUB /news - 1\n" +
		"PUB /shop/orders gap 1\n" +
		"PUB /shop/orders - 1\n" +
		"PUB /shop/orders - more than ten bytes\n" +
		"PUB /shop/ord"
	replies, done := session.Feed([]byte(in), stopping{}, nil)
	for _, reply := range strings.SplitAfter(string(replies), "\n") {
		code, _, _ := strings.Cut(strings.TrimPrefix(reply, "ERR "), " ")
		fmt.Println(code)
	}
	fmt.Println(done, session.Buffered())
	// Output:
	// auth
	// OK
	//
	// auth
	// event
	// busy
	// too-long
	//
	// false 13
}

// A listener of one's own, with a goroutine for each publisher. (Package evioserver has
// one event loop for all.) Who comes too many is told in the protocol's words.
func ExampleSink() {
	var sink publish.Sink = &printer{}                         // here it would need a lock, too
	listener, err := net.Listen("unix", "/run/publish/socket") // in a folder that only publishers may enter
	if err != nil {
		log.Fatal(err)
	}
	places := make(chan struct{}, 100)
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		select {
		case places <- struct{}{}:
			go func() {
				converse(conn, sink)
				<-places
			}()
		default:
			conn.Write(publish.AppendError(nil, fmt.Errorf("%w: too many are connected", publish.ErrBusy)))
			conn.Close()
		}
	}
}

// converse is one publisher's conversation.
func converse(conn net.Conn, sink publish.Sink) {
	defer conn.Close()
	session, in, replies := publish.NewSession(&publish.Config{}), make([]byte, 4096), []byte(nil)
	for done := false; !done; {
		n, err := conn.Read(in)
		replies, done = session.Feed(in[:n], sink, replies[:0])
		if _, errWrite := conn.Write(replies); err != nil || errWrite != nil {
			return
		}
	}
}
