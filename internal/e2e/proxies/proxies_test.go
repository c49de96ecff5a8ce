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

// anybody is the source address of a client that is nobody in particular.
const anybody = "127.0.0.2"

// TestPassesAtOnce: the head comes before there is any event, and each event
// before the next one is published. A proxy that fills a buffer first, or
// compresses, hangs here.
func TestPassesAtOnce(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped, quiet)
		pets := f.subscribe(t, anybody, "/subscribe/pets", "Accept-Encoding: gzip, br").wantStream(t)
		for name, want := range map[string]string{"Content-Encoding": "", "Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"} {
			if got := pets.Head.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		say := f.publisher(t)
		for i := range 50 {
			data := fmt.Sprint("Corgi ", i)
			say("/pets/dogs", "new-dog", data)
			pets.WantFrame(t, "event:new-dog\ndata:"+data+"\n\n")
		}
	})
}

// idleHere is short enough to wait for. A heartbeat of 1s comes at least twice
// in it.
const idleHere = 3 * time.Second

// TestHeartbeatsKeepTheConnection through twice the proxy's idle time-out.
func TestHeartbeatsKeepTheConnection(t *testing.T) {
	testtool.Long(t, "it waits longer than a proxy lets a connection be silent")
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleHere, "--heartbeat=1s")
		pets := f.subscribe(t, anybody, "/subscribe/pets").wantStream(t)
		for start := time.Now(); time.Since(start) < 2*idleHere; {
			if line, err := pets.block(); err != nil || line != sse.Keepalive {
				t.Fatalf("after %v: %q, %v, want a heartbeat", time.Since(start), line, err)
			}
		}
		f.publisher(t)("/pets", "", "still here")
		pets.WantFrame(t, "data:still here\n\n")
	})
}

// TestSilenceIsCut shows that the test above can fail: without heartbeats the
// same time-out ends the connection. The daemon notices that, too.
func TestSilenceIsCut(t *testing.T) {
	testtool.Long(t, "it waits longer than a proxy lets a connection be silent")
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleHere, quiet)
		pets := f.subscribe(t, anybody, "/subscribe/pets").wantStream(t)
		start := time.Now()
		line, err := pets.block()
		if took := time.Since(start); err == nil || line != "" || took < idleHere/2 {
			t.Errorf("after %v: %q, %v, want an end after %v", took, line, err, idleHere)
		}
		testtool.WaitFor(t, "the daemon to notice", func() bool { return f.daemon.Logged(` msg="subscriber disconnected" `) == 1 })
	})
}

// TestLeavingIsNoticed though nothing is sent, to which the client could no
// longer answer: it is the proxy that says so, and at once.
func TestLeavingIsNoticed(t *testing.T) {
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
		stays := f.subscribe(t, anybody, "/subscribe/stays").wantStream(t)
		for _, way := range ways {
			leaves := f.subscribe(t, anybody, "/subscribe/"+way.name).wantStream(t)
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
			t.Error("who stayed is gone")
		}
	})
}

// TestManySubscribers share what is published, each gets all of it in order, and
// all their leaving is noticed.
func TestManySubscribers(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	const many, messages = 300, 20
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped)
		subscribers := make([]subscriber, many)
		for i := range subscribers {
			subscribers[i] = f.subscribe(t, anybody, "/subscribe/pets").wantStream(t)
		}
		say := f.publisher(t)
		for i := range messages {
			say("/pets", "", fmt.Sprint("message ", i))
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

// TestBigEvents arrive whole and exact, however the proxy cuts them up.
func TestBigEvents(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped)
		pets := f.subscribe(t, anybody, "/subscribe/pets").wantStream(t)
		say := f.publisher(t)
		random := rand.New(rand.NewPCG(3, 3))
		for i := range 8 {
			lines := randomLines(random, 256<<10)
			say("/pets", "big", strings.Join(lines, "\n"))
			say("/pets", "small", fmt.Sprint(i))
			pets.WantFrame(t, "event:big\ndata:"+strings.Join(lines, "\ndata:")+"\n\n")
			pets.WantFrame(t, fmt.Sprintf("event:small\ndata:%d\n\n", i))
		}
	})
}

// randomLines returns lines that have so many bytes together, with the breaks
// between them.
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

// TestClientAddress arrives, whatever the client claims to be.
func TestClientAddress(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	clients := []struct {
		name, source string
		headers      []string
	}{
		{"says nothing", "127.0.0.11", nil},
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

// TestRefusalsPass: a status that means "do not come back" reaches the client
// with its reason, and is not taken for a failure of the daemon.
func TestRefusalsPass(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped, "--token=open-sesame subscribe")
		refused := f.subscribe(t, anybody, "/subscribe/pets")
		why, err := io.ReadAll(refused.Body)
		if refused.Head.StatusCode != 401 || err != nil || !strings.HasPrefix(string(why), "a token is required") {
			t.Errorf("got %s with %q, %v", refused.Head.Status, why, err)
		}
		f.subscribe(t, anybody, "/subscribe/pets", "X-Authorization: open-sesame").wantStream(t)
	})
}

// TestTokensAreNotLogged, though the proxy logs each stream, and that there is no
// daemon: an EventSource has no other place for a token than the query.
func TestTokensAreNotLogged(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped, "--token=open-sesame subscribe")
		log := func() string { return f.proxy.Output() + f.proxy.Errors() }
		visit := func(path string) {
			f.subscribe(t, anybody, path+"?token=open-sesame").wantStream(t).Conn.Close()
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

// TestRestart: who comes while there is no daemon is sent away with a time to
// come back, as an EventSource understands it, and is served after that.
func TestRestart(t *testing.T) {
	testtool.Long(t, "every proxy is started")
	retryOnly := regexp.MustCompile(`^retry:[2-8]\d\d\d\n\n$`)
	eachProxy(t, func(t *testing.T, p proxy) {
		f := behind(t, p, idleShipped)
		f.subscribe(t, anybody, "/subscribe/pets").wantStream(t)
		if code := f.daemon.Stop(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
		away := f.subscribe(t, anybody, "/subscribe/pets").wantStream(t)
		if origin := away.Head.Header.Values("Access-Control-Allow-Origin"); len(origin) != 1 || origin[0] != "*" {
			t.Errorf("Access-Control-Allow-Origin: %q", origin)
		}
		if frame, err := away.Frame(); err != nil || !retryOnly.MatchString(frame) {
			t.Errorf("got %q, %v, want a time to come back", frame, err)
		}
		if rest, err := io.ReadAll(away.Body); err != nil || len(rest) > 0 {
			t.Errorf("then came %q, %v", rest, err)
		}
		f.daemon = testtool.Start(t, append(p.trust, "--listen="+f.site.daemon)...)
		pets := f.subscribe(t, anybody, "/subscribe/pets").wantStream(t)
		f.publisher(t)("/pets", "", "again")
		pets.WantFrame(t, "data:again\n\n")
	})
}
