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

// oneToken is an Authenticator with one token for one namespace and everything below it. (The
// daemon uses auth.Table.)
type oneToken struct{ token, below string }

func (o oneToken) Required() bool { return true }

func (o oneToken) Authenticate(token []byte) (publish.Grant, bool) {
	return o, subtle.ConstantTimeCompare(token, []byte(o.token)) == 1
}

func (o oneToken) Allows(namespace []byte) bool { return strings.HasPrefix(string(namespace), o.below) }

// stopping is the Sink of a server that shuts down.
type stopping struct{}

func (stopping) Publish(_, _, _ []byte) (uint64, error) { return 0, publish.ErrStopping }

// A session with an Authenticator, and its replies to commands that are not allowed.
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

// A custom listener with a goroutine for each publisher. (Package evioserver serves all publishers
// in one event loop.) When too many publishers are connected, the next one gets "ERR busy".
func ExampleSink() {
	var sink publish.Sink = &printer{}                         // a real Sink needs a lock here
	listener, err := net.Listen("unix", "/run/publish/socket") // in a directory that only publishers can access
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

// converse serves one publisher until it disconnects.
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
