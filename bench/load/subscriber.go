package load

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

type state uint8

const (
	connecting state = iota // request not sent yet
	waiting                 // waiting for the response head
	reading                 // reading the stream
	stalled                 // has received its response head and never reads again
)

// subscriber is one connection to the server's subscribers' side.
type subscriber struct {
	fd     int32
	topic  int32
	began  int64 // when its connection was opened
	state  state
	target string // the target of its request
	// stalls is set for a subscriber that reads only its response head.
	stalls bool
	// position is how many messages of its topic it has received, and offset how many bytes of the
	// next frame. offset counts only while scan is nil, which means that all bytes so far were as
	// expected.
	position uint64
	offset   int
	scan     *scanner
	head     []byte // a response head that arrived in several reads
}

// start opens the connection of subscriber n. It sends the request if the connection is established
// immediately, as usual over loopback.
func (g *Generator) start(n int) error {
	s := &g.subs[n]
	buffer := 0
	if s.stalls {
		buffer = lazyBuffer
	}
	fd, err := dial(g.subscribe[n%len(g.subscribe)], source(n), buffer)
	if err != nil {
		return fmt.Errorf("subscriber %d: connect: %w", n, err)
	}
	s.fd, s.state, s.began = int32(fd), connecting, g.now()
	s.target = g.topics[s.topic].target()
	g.open++
	if err := g.request(s); err != nil {
		return fmt.Errorf("subscriber %d: %w", n, err)
	}
	events := uint32(unix.EPOLLIN)
	if s.state == connecting {
		events |= unix.EPOLLOUT
	}
	return g.poller.Add(fd, events, int32(n))
}

// request sends the request if the connection is established.
func (g *Generator) request(s *subscriber) error {
	g.out = append(g.out[:0], "GET /subscribe"...)
	g.out = append(g.out, s.target...)
	g.out = append(g.out, " HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n"...)
	n, errno := rawio.Write(int(s.fd), g.out)
	switch {
	case errno == unix.EAGAIN || errno == unix.ENOTCONN:
		return nil
	case errno != 0:
		return fmt.Errorf("request: %w", errno)
	case n < len(g.out):
		return fmt.Errorf("a new connection accepted only %d of %d bytes of a request", n, len(g.out))
	}
	s.state = waiting
	return nil
}

// serve handles an epoll event of subscriber n. It reads only once, because epoll reports the event
// again if bytes remain.
func (g *Generator) serve(n int, ready uint32) error {
	s := &g.subs[n]
	if s.state == connecting {
		if err := g.request(s); err != nil {
			return fmt.Errorf("subscriber %d: %w", n, err)
		}
		if s.state == connecting {
			return nil
		}
		return g.poller.Change(int(s.fd), unix.EPOLLIN, int32(n))
	}
	got, errno := rawio.Read(int(s.fd), g.in)
	if errno == unix.EAGAIN {
		return nil
	}
	if got == 0 {
		return fmt.Errorf("subscriber %d: the server closed the connection (%v) after %d of %d messages",
			n, errno, s.position, g.topics[s.topic].sent)
	}
	g.bytes += uint64(got)
	b := g.in[:got]
	if s.state == waiting {
		rest, err := g.answer(s, b)
		if err != nil {
			return fmt.Errorf("subscriber %d: %w", n, err)
		}
		if b = rest; len(b) == 0 {
			return nil
		}
	}
	if err := g.receive(s, b); err != nil {
		return fmt.Errorf("subscriber %d: %w", n, err)
	}
	return nil
}

// answer reads the response head and returns the bytes after it.
func (g *Generator) answer(s *subscriber, b []byte) ([]byte, error) {
	const headMax = 8 << 10
	head := b
	if len(s.head) > 0 {
		s.head = append(s.head, b...)
		head = s.head
	}
	end := bytes.Index(head, []byte("\r\n\r\n"))
	if end < 0 {
		if len(head) > headMax {
			return nil, fmt.Errorf("no end of the response head in %d bytes", headMax)
		}
		s.head = append([]byte(nil), head...)
		return nil, nil
	}
	head, rest := head[:end], head[end+4:]
	s.head = nil
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) && !bytes.HasPrefix(head, []byte("HTTP/1.0 200")) {
		return nil, fmt.Errorf("answered %.200q", head)
	}
	g.answered++
	_ = g.answers.RecordValue(max(g.now()-s.began, 1)) // no limit on a connection is as long as the histogram's range
	if s.stalls {
		s.state = stalled
		return nil, g.poller.Remove(int(s.fd))
	}
	s.state = reading
	g.topics[s.topic].join()
	if chunked := isChunked(head); chunked || g.config.Scan {
		s.scan = newScanner(g.topics[s.topic].payload, chunked)
	}
	return withoutRetry(rest), nil
}

// withoutRetry removes the "retry:" line with which a server may start the stream of an
// EventSource. The line arrives with the head and is not a message. The scanner would skip it, but
// scanning costs more than comparing frames.
func withoutRetry(b []byte) []byte {
	if line, rest, ok := bytes.Cut(b, []byte("\n")); ok && bytes.HasPrefix(line, []byte("retry:")) {
		return rest
	}
	return b
}

// isChunked reports whether the body of a response is chunked.
func isChunked(head []byte) bool {
	return bytes.Contains(bytes.ToLower(head), []byte("transfer-encoding: chunked"))
}

// receive checks the next bytes of a subscriber's stream and counts the messages that they
// complete.
func (g *Generator) receive(s *subscriber, b []byte) error {
	t := &g.topics[s.topic]
	from := s.position
	if s.scan == nil {
		if t.matches(s.position, s.offset, b) {
			bytesIn := s.offset + len(b)
			s.position += uint64(bytesIn / len(t.frame))
			s.offset = bytesIn % len(t.frame)
			g.arrived(t, from, s.position)
			return nil
		}
	}
	g.scanning = s
	if s.scan == nil {
		// There are other bytes between the payloads, or a payload is damaged. The scanner finds
		// out, and it needs the frame from its start.
		s.scan = newScanner(t.payload, false)
		g.scanned++
		if err := s.scan.feed(t.begun(s.position, s.offset), g.payloadSeen); err != nil {
			return err
		}
	}
	err := s.scan.feed(b, g.payloadSeen)
	g.arrived(t, from, s.position)
	return err
}

// payload checks one payload that the scanner found in the stream of g.scanning.
func (g *Generator) payload(seq uint64, at int64) error {
	s := g.scanning
	t := &g.topics[s.topic]
	switch {
	case seq != t.first+s.position:
		return fmt.Errorf("message %d of %s came where %d was due", int64(seq-t.first), t.name, s.position)
	case s.position == t.sent:
		return fmt.Errorf("message %d of %s came before it was sent", s.position, t.name)
	case at != t.times[s.position%t.window]:
		return fmt.Errorf("message %d of %s has the time %d, not %d", s.position, t.name, at, t.times[s.position%t.window])
	}
	s.position++
	return nil
}

// arrived counts messages [from, to) of one topic as delivered to one subscriber now.
func (g *Generator) arrived(t *topic, from, to uint64) {
	if from == to {
		return
	}
	g.deliveries += to - from
	g.latencies(t, from, to)
	if t.advance(from, to) {
		g.queue(t)
	}
}

// latencies records the latencies of messages [from, to). Messages of one burst have the same time,
// so a read of a thousand messages is one entry in the histogram.
func (g *Generator) latencies(t *topic, from, to uint64) {
	now := g.now()
	for from < to {
		at := t.times[from%t.window]
		run := from + 1
		for run < to && t.times[run%t.window] == at {
			run++
		}
		if at >= g.measureFrom && at < g.measureTo {
			// The histogram's range is far longer than any run, so this cannot fail.
			_ = g.histogram.RecordValues(max(now-at, 1), int64(run-from))
		}
		from = run
	}
}
