package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/internal/testtool"
)

// A sent message, and the frame in which it must arrive.
type sent struct {
	publisher, number int
	namespace         string
	command           []byte // the command for the daemon
	frame             []byte // the expected frame, after its event line
}

// namespaces are nested, and some have a common prefix.
var namespaces = []string{"/", "/a", "/a/b", "/a/b/c", "/ab", "/ab/c", "/d", "/d/e/f/g/h"}

// TestEachSubscriberGetsExactlyItsMessages runs the real daemon with 1,000 subscribers on nested
// namespaces and sets of namespaces. 8 publishers on TCP and unix sockets concurrently send
// messages of random sizes up to 64 KiB. Every subscriber must receive exactly the messages of its
// namespaces, without duplicates, and those of each publisher in the order in which they were
// published.
func TestEachSubscriberGetsExactlyItsMessages(t *testing.T) {
	for _, where := range testtool.PublishLoops() {
		t.Run(where, func(t *testing.T) {
			subscribers, publishers, each := testtool.Fewer(1000), 8, 30
			socket := "unix://" + t.TempDir() + "/publish"
			d := testtool.Start(t, "--publish-loop="+where, "--publish=tcp://127.0.0.1:0", "--publish="+socket,
				"--backlog=1GiB", "--backlog-total=4GiB") // on two cores the readers of this test are the slow subscribers

			random := rand.New(rand.NewPCG(7, uint64(len(where))))
			messages := make([][]sent, publishers)
			for p := range messages {
				for n := range each {
					messages[p] = append(messages[p], randomMessage(random, p, n))
				}
			}
			var readers sync.WaitGroup
			for i := range subscribers {
				set := randomSet(random)
				conn, stream := subscribeTo(t, d.Subscribe[0], set, i)
				readers.Go(func() {
					defer conn.Close()
					if err := readExactly(stream, messages, set); err != nil {
						t.Errorf("subscriber %d of %q: %v", i, set, err)
					}
				})
			}
			var writers sync.WaitGroup
			sequences := make([][]uint64, publishers)
			for p := range publishers {
				conn := dialPublisher(t, d.Publish[p%len(d.Publish)])
				writers.Go(func() { sequences[p] = sendAll(t, conn, messages[p]) })
			}
			writers.Wait()
			checkSequences(t, sequences)
			code := d.Stop(t) // every stream ends after its last message
			readers.Wait()
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func randomMessage(random *rand.Rand, p, n int) sent {
	size := random.IntN(2000)
	if random.IntN(8) == 0 {
		size = random.IntN(64 << 10)
	}
	var data strings.Builder
	for data.Len() < size {
		data.WriteString([]string{"x", " ", "日本", "\n", "\r", "\r\n", ":", "data:", "0123456789abcdef"}[random.IntN(9)])
	}
	m := sent{publisher: p, number: n, namespace: namespaces[random.IntN(len(namespaces))]}
	text := data.String()
	event := fmt.Sprintf("p%d-%d", p, n)
	if strings.ContainsAny(text, "\r\n") || random.IntN(2) == 0 {
		m.command = fmt.Appendf(nil, "PUBN %s %s %d\n%s\n", m.namespace, event, len(text), text)
	} else {
		m.command = fmt.Appendf(nil, "PUB %s %s %s\n", m.namespace, event, text)
	}
	// The expected frame, built in the simplest way.
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, " ") {
			line = " " + line
		}
		m.frame = append(m.frame, "data:"+line+"\n"...)
	}
	m.frame = append(m.frame, '\n')
	return m
}

// randomSet usually returns one namespace, as most subscriptions have.
func randomSet(random *rand.Rand) (set []string) {
	for range 1 + max(0, random.IntN(6)-3) {
		set = append(set, namespaces[random.IntN(len(namespaces))])
	}
	return set
}

func heard(set []string, namespace string) bool {
	for _, member := range set {
		if member == "/" || namespace == member || strings.HasPrefix(namespace, member+"/") {
			return true
		}
	}
	return false
}

// subscribeTo opens a stream over a plain socket and reads the head of the response.
func subscribeTo(t *testing.T, url string, set []string, i int) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(4 * testtool.Patience))
	target := "/subscribe" + set[0]
	if len(set) > 1 || i%2 == 0 {
		target = "/subscribe?ns=" + strings.Join(set, "&ns=")
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target)
	stream := bufio.NewReader(conn)
	response, err := http.ReadResponse(stream, nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("%s: %v %v", target, response, err)
	}
	return conn, stream
}

// readExactly reads a stream to its end and compares it with the sent messages.
func readExactly(stream *bufio.Reader, messages [][]sent, set []string) error {
	want := make([][]sent, len(messages))
	for p, all := range messages {
		for _, m := range all {
			if heard(set, m.namespace) {
				want[p] = append(want[p], m)
			}
		}
	}
	left := false // the stream told the client when to reconnect
	for {
		line, err := stream.ReadString('\n')
		if err == io.EOF && line == "" && left {
			break
		}
		if err != nil {
			return fmt.Errorf("after %q: %w", line, err)
		}
		if strings.HasPrefix(line, ":") {
			continue // a heartbeat
		}
		if strings.HasPrefix(line, "retry:") {
			left = true
			continue
		}
		if left && line == "\n" {
			continue
		}
		var p, n int
		if _, err := fmt.Sscanf(line, "event:p%d-%d\n", &p, &n); err != nil {
			return fmt.Errorf("a frame begins with %q", line)
		}
		if len(want[p]) == 0 || want[p][0].number != n {
			return fmt.Errorf("unexpected message %d of publisher %d; %d more are expected from it", n, p, len(want[p]))
		}
		frame := make([]byte, len(want[p][0].frame))
		if _, err := io.ReadFull(stream, frame); err != nil || !bytes.Equal(frame, want[p][0].frame) {
			return fmt.Errorf("message %d of publisher %d is not what was sent (%v)", n, p, err)
		}
		want[p] = want[p][1:]
	}
	for p, missing := range want {
		if len(missing) > 0 {
			return fmt.Errorf("the stream has ended, and %d messages of publisher %d are missing", len(missing), p)
		}
	}
	return nil
}

func dialPublisher(t *testing.T, url string) net.Conn {
	t.Helper()
	endpoint, err := listen.ParseEndpoint(url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial(endpoint.Network, endpoint.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(4 * testtool.Patience))
	return conn
}

// sendAll pipelines all messages and reads their sequences.
func sendAll(t *testing.T, conn net.Conn, messages []sent) (sequences []uint64) {
	go func() {
		for _, m := range messages {
			if _, err := conn.Write(m.command); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	replies := bufio.NewReader(conn)
	for range messages {
		var sequence uint64
		if _, err := fmt.Fscanf(replies, "OK %d\n", &sequence); err != nil {
			t.Errorf("a publisher got no OK: %v", err)
			return nil
		}
		sequences = append(sequences, sequence)
	}
	return sequences
}

// checkSequences expects the sequences from 1 to the number of all messages, each once, and
// increasing for every publisher.
func checkSequences(t *testing.T, sequences [][]uint64) {
	t.Helper()
	seen := map[uint64]bool{}
	for p, all := range sequences {
		last := uint64(0)
		for _, sequence := range all {
			if seen[sequence] || sequence <= last {
				t.Errorf("publisher %d got OK %d after %d", p, sequence, last)
			}
			seen[sequence], last = true, sequence
		}
	}
	for sequence := uint64(1); sequence <= uint64(len(seen)); sequence++ {
		if !seen[sequence] {
			t.Errorf("no publisher got OK %d", sequence)
		}
	}
}
