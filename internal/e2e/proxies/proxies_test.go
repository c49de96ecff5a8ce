package proxies

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// anyAddress is the source address of clients whose address does not matter.
const anyAddress = "127.0.0.2"

// TestPassesImmediately verifies that the head arrives before any event, and each event before the
// next one is published. With a proxy that first fills a buffer, or that compresses, the test would
// hang here.
func TestPassesImmediately(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped, quiet)
		pets := f.subscribe(t, anyAddress, "/subscribe/pets", "Accept-Encoding: gzip, br").wantStream(t)
		for name, want := range map[string]string{"Content-Encoding": "", "Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"} {
			if got := pets.Head.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		publish := f.publisher(t)
		for i := range 50 {
			data := fmt.Sprint("Corgi ", i)
			publish("/pets/dogs", "new-dog", data)
			pets.WantFrame(t, "event:new-dog\ndata:"+data+"\n\n")
		}
	})
}

// idleHere is short enough for a test to wait for it. At least two heartbeats of 1s fit into it.
const idleHere = 3 * time.Second

// TestHeartbeatsKeepTheConnection verifies that heartbeats keep a stream open for twice the proxy's
// idle timeout.
func TestHeartbeatsKeepTheConnection(t *testing.T) {
	testtool.Long(t, "it waits for a proxy's idle timeout")
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleHere, "--heartbeat=1s")
		pets := f.subscribe(t, anyAddress, "/subscribe/pets").wantStream(t)
		for start := time.Now(); time.Since(start) < 2*idleHere; {
			if line, err := pets.block(); err != nil || line != sse.Keepalive {
				t.Fatalf("after %v: %q, %v, want a heartbeat", time.Since(start), line, err)
			}
		}
		f.publisher(t)("/pets", "", "still here")
		pets.WantFrame(t, "data:still here\n\n")
	})
}

// TestIdleTimeoutWithoutHeartbeats verifies that the test above can fail: without heartbeats, the
// same timeout closes the connection. The daemon must notice that, too.
func TestIdleTimeoutWithoutHeartbeats(t *testing.T) {
	testtool.Long(t, "it waits for a proxy's idle timeout")
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleHere, quiet)
		pets := f.subscribe(t, anyAddress, "/subscribe/pets").wantStream(t)
		start := time.Now()
		line, err := pets.block()
		if took := time.Since(start); err == nil || line != "" || took < idleHere/2 {
			t.Errorf("after %v: %q, %v, want the end of the stream after %v", took, line, err, idleHere)
		}
		testtool.WaitFor(t, "the daemon to notice", func() bool { return f.daemon.Logged(` msg="subscriber disconnected" `) == 1 })
	})
}

// TestDisconnectionIsNoticed verifies that the daemon immediately notices a client that leaves,
// though nothing is sent to the client: the proxy closes its connection to the daemon.
func TestDisconnectionIsNoticed(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	ways := []struct {
		name  string
		leave func(subscriber) error
	}{
		{"closed", func(s subscriber) error { return s.Conn.Close() }},
		{"reset", func(s subscriber) error {
			s.Conn.(*net.TCPConn).SetLinger(0)
			return s.Conn.Close()
		}},
	}
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped, quiet)
		stays := f.subscribe(t, anyAddress, "/subscribe/stays").wantStream(t)
		for _, way := range ways {
			leaves := f.subscribe(t, anyAddress, "/subscribe/"+way.name).wantStream(t)
			if err := way.leave(leaves); err != nil {
				t.Fatal(err)
			}
			testtool.WaitFor(t, "the daemon to notice that a connection is "+way.name, func() bool {
				return f.daemon.Logged(` msg="subscriber disconnected" `, " namespaces=/"+way.name+" ") == 1
			})
		}
		f.publisher(t)("/stays", "", "and here")
		stays.WantFrame(t, "data:and here\n\n")
		if f.daemon.Logged(` msg="subscriber disconnected" `, " namespaces=/stays ") != 0 {
			t.Error("the subscriber that stayed was disconnected")
		}
	})
}

// TestManySubscribers verifies that each of 300 subscribers receives every message in order, and
// that the daemon notices when they leave.
func TestManySubscribers(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	const many, messages = 300, 20
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped)
		subscribers := make([]subscriber, many)
		for i := range subscribers {
			subscribers[i] = f.subscribe(t, anyAddress, "/subscribe/pets").wantStream(t)
		}
		publish := f.publisher(t)
		for i := range messages {
			publish("/pets", "", fmt.Sprint("message ", i))
		}
		for _, s := range subscribers {
			for i := range messages {
				s.WantFrame(t, fmt.Sprintf("data:message %d\n\n", i))
			}
		}
		for _, s := range subscribers {
			s.Conn.Close()
		}
		testtool.WaitFor(t, "the daemon to notice that all have left", func() bool { return f.daemon.Logged(` msg="subscriber disconnected" `) == many })
	})
}

// TestBigEvents verifies that big events arrive complete and unchanged, however the proxy splits
// them.
func TestBigEvents(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped)
		pets := f.subscribe(t, anyAddress, "/subscribe/pets").wantStream(t)
		publish := f.publisher(t)
		random := rand.New(rand.NewPCG(3, 3))
		for i := range 8 {
			lines := randomLines(random, 256<<10)
			publish("/pets", "big", strings.Join(lines, "\n"))
			publish("/pets", "small", fmt.Sprint(i))
			pets.WantFrame(t, "event:big\ndata:"+strings.Join(lines, "\ndata:")+"\n\n")
			pets.WantFrame(t, fmt.Sprintf("event:small\ndata:%d\n\n", i))
		}
	})
}

// randomLines returns lines whose total length, with the line breaks between them, is size.
func randomLines(random *rand.Rand, size int) (lines []string) {
	for size > 0 {
		length := min(size, 1+random.IntN(20_000))
		line := make([]byte, length-min(1, length))
		for i := range line {
			line[i] = byte('!' + random.IntN('~'-'!'))
		}
		lines = append(lines, string(line))
		size -= length
	}
	return lines
}

// TestClientAddress verifies that the daemon logs the client's real address, whatever address the
// client claims.
func TestClientAddress(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	clients := []struct {
		name, source string
		headers      []string
	}{
		{"claims nothing", "127.0.0.11", nil},
		{"another one", "127.0.0.12", nil},
		{"claims an address", "127.0.0.13", []string{"X-Forwarded-For: 203.0.113.7"}},
		{"claims a chain", "127.0.0.14", []string{"X-Forwarded-For: 203.0.113.7, 198.51.100.9", "X-Forwarded-For: 203.0.113.8"}},
		{"claims to be the proxy", "127.0.0.15", []string{"X-Forwarded-For: " + proxySource}},
		{"claims it in other ways", "127.0.0.16", []string{"X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7"}},
	}
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped)
		for i, c := range clients {
			path := fmt.Sprint("/client/", i)
			s := f.subscribe(t, c.source, "/subscribe"+path, c.headers...).wantStream(t)
			s.Conn.Close()
			for _, message := range []string{"subscriber connected", "subscriber disconnected"} {
				testtool.WaitFor(t, message, func() bool { return f.daemon.Logged(` msg="`+message+`" `, " namespaces="+path+" ") == 1 })
				if f.daemon.Logged(` msg="`+message+`" `, " namespaces="+path+" ", " client="+c.source+" ") != 1 {
					t.Errorf("a client that %s: the daemon does not log %s with client=%s", c.name, message, c.source)
				}
			}
		}
	})
}

// TestRefusalsReachTheClient verifies that a status that means "do not reconnect" reaches the
// client with its reason, and that the proxy does not treat it as a failure of the daemon.
func TestRefusalsReachTheClient(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped, "--token=open-sesame subscribe")
		refused := f.subscribe(t, anyAddress, "/subscribe/pets")
		why, err := io.ReadAll(refused.Body)
		if refused.Head.StatusCode != 401 || err != nil || !strings.HasPrefix(string(why), "a token is required") {
			t.Errorf("got %s with %q, %v", refused.Head.Status, why, err)
		}
		f.subscribe(t, anyAddress, "/subscribe/pets", "X-Authorization: open-sesame").wantStream(t)
	})
}

// TestTokensAreNotLogged verifies that the proxy does not log tokens, though it logs each stream,
// and logs that the daemon is down. An EventSource can send a token only in the query.
func TestTokensAreNotLogged(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped, "--token=open-sesame subscribe")
		log := func() string { return f.proxy.Output() + f.proxy.Errors() }
		visit := func(path string) {
			f.subscribe(t, anyAddress, path+"?token=open-sesame").wantStream(t).Conn.Close()
			testtool.WaitFor(t, "the proxy to log "+path, func() bool { return strings.Contains(log(), path) })
		}
		visit("/subscribe/served")
		f.daemon.Stop(t)
		visit("/subscribe/away")
		for name, log := range map[string]string{p.name: log(), "the daemon": f.daemon.Log()} {
			if strings.Contains(log, "sesame") {
				t.Errorf("%s logged the token:\n%s", name, log)
			}
		}
	})
}

// TestRestart verifies that a client that connects while no daemon runs receives a reconnection
// time in a form that an EventSource understands, and is served after that.
func TestRestart(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	retryOnly := regexp.MustCompile(`^retry:[2-8]\d\d\d\n\n$`)
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped)
		f.subscribe(t, anyAddress, "/subscribe/pets").wantStream(t)
		if code := f.daemon.Stop(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
		away := f.subscribe(t, anyAddress, "/subscribe/pets").wantStream(t)
		if origin := away.Head.Header.Values("Access-Control-Allow-Origin"); len(origin) != 1 || origin[0] != "*" {
			t.Errorf("Access-Control-Allow-Origin: %q", origin)
		}
		if frame, err := away.Frame(); err != nil || !retryOnly.MatchString(frame) {
			t.Errorf("got %q, %v, want a reconnection time", frame, err)
		}
		if rest, err := io.ReadAll(away.Body); err != nil || len(rest) > 0 {
			t.Errorf("after that, the client received %q, %v", rest, err)
		}
		f.daemon = testtool.Start(t, append(p.trust, "--listen="+f.site.daemon)...)
		pets := f.subscribe(t, anyAddress, "/subscribe/pets").wantStream(t)
		f.publisher(t)("/pets", "", "again")
		pets.WantFrame(t, "data:again\n\n")
	})
}
