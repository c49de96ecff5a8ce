package doctor

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ssed/ssed/internal/certs"
	"github.com/ssed/ssed/internal/reach"
	"github.com/ssed/ssed/sse"
)

// A probe watches one stream and records its observations. Only its own goroutine may use the
// fields below headIn until the goroutine has ended.
type probe struct {
	encoding string // the Accept-Encoding of the request: identity or gzip
	mark     []byte // a part of the data of the event that the doctor publishes; nil if it does not publish

	began  time.Time
	headIn chan struct{} // closed when the head was received or the request has failed

	err      error // why there is no response
	res      *http.Response
	said     string // the first line of the body, if the response is not an event stream
	wantsTLS bool   // the response is that a TLS server got plain HTTP
	headTook time.Duration
	first    time.Duration // from the head to the first byte of the body after the retry line; 0: nothing was received
	marked   time.Time     // when the mark was received
	batched  int           // the largest number of heartbeats that were received together
	retry    bool          // the body begins with a retry line and an empty line: ssed turns the client away
	ended    time.Duration // from the head to the end of the stream; 0: the stream did not end on its own
	why      error         // why it ended
	silence  time.Duration // the time between the last byte and the end
}

// watch requests the stream, and reads it until ctx ends.
func (p *probe) watch(ctx context.Context, client *http.Client, o Options) {
	p.began = time.Now()
	p.ask(ctx, client, o)
	close(p.headIn)
	if p.err != nil {
		return
	}
	defer p.res.Body.Close()
	if p.streams() {
		p.read(ctx)
		return
	}
	body := make([]byte, 512)
	n, _ := io.ReadFull(p.res.Body, body) // until ctx ends
	p.wantsTLS = p.res.StatusCode == http.StatusBadRequest && certs.WantsTLS(string(body[:n]))
	line, _, _ := strings.Cut(strings.TrimSpace(string(body[:n])), "\n")
	if !strings.HasPrefix(line, "<") { // not the first line of an HTML page
		p.said = strings.TrimSpace(line)
	}
}

// ask sends the request and waits for the head of the response.
func (p *probe) ask(ctx context.Context, client *http.Client, o Options) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.URL, nil)
	if err != nil {
		p.err = err
		return
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Accept-Encoding", p.encoding)
	req.Header.Set("User-Agent", "ssed-doctor")
	if o.Token != "" {
		req.Header.Set("X-Authorization", o.Token)
	}
	if o.Origin != "" {
		req.Header.Set("Origin", o.Origin)
	}
	p.res, p.err = client.Do(req)
	if p.err != nil {
		p.err = reach.AdviseTLS(reach.Reason(p.err), o.URL)
	}
	p.headTook = time.Since(p.began)
}

// streams reports whether the response is an event stream.
func (p *probe) streams() bool {
	return p.err == nil && p.res.StatusCode == http.StatusOK && isEventStream(p.res)
}

// compressed returns the encoding of the response, such as "gzip", or "" if it is not compressed.
func (p *probe) compressed() string {
	if encoding := p.res.Header.Get("Content-Encoding"); encoding != "identity" {
		return encoding
	}
	return ""
}

// read reads the stream and records when its parts arrive. A gzip.Reader returns data as soon as
// the compressor has flushed it.
func (p *probe) read(ctx context.Context) {
	head := time.Now()
	last := head
	body := io.Reader(p.res.Body)
	if p.compressed() == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			p.end(ctx, head, last, err)
			return
		}
		body = unpacked
	}
	buf := make([]byte, 32<<10)
	var begun []byte // the beginning of the body, which may be a retry line
	var tail []byte  // the end of the previous piece, which may contain the beginning of the mark
	beginning := true
	for {
		n, err := body.Read(buf)
		now := time.Now()
		piece := buf[:n]
		if n > 0 {
			last = now
		}
		if beginning {
			begun = append(begun, piece...)
			if piece, beginning = p.skipRetry(begun); beginning {
				piece = nil
			}
		}
		if len(piece) > 0 {
			if p.first == 0 {
				p.first = now.Sub(head)
			}
			seen := append(tail, piece...)
			if p.marked.IsZero() && p.mark != nil && bytes.Contains(seen, p.mark) {
				p.marked = now
			}
			p.batched = max(p.batched, bytes.Count(piece, []byte(sse.Keepalive)))
			tail = append([]byte(nil), seen[max(0, len(seen)-64):]...)
		}
		if err != nil {
			p.end(ctx, head, last, err)
			return
		}
	}
}

// skipRetry removes a "retry:" line from the beginning of a stream. ssed sends this line together
// with the head, so it does not show how events are delivered. If an empty line follows it, ssed
// turns the client away. more is true if more bytes are needed to decide this.
func (p *probe) skipRetry(begun []byte) (rest []byte, more bool) {
	const field = "retry:"
	if n := min(len(begun), len(field)); string(begun[:n]) != field[:n] || len(begun) > 64 && bytes.IndexByte(begun[:64], '\n') < 0 {
		return begun, false
	}
	_, rest, _ = bytes.Cut(begun, []byte("\n"))
	if len(rest) == 0 {
		return nil, true
	}
	rest, p.retry = bytes.CutPrefix(rest, []byte("\n"))
	return rest, false
}

// end records the end of the stream, unless ctx has ended and so caused it.
func (p *probe) end(ctx context.Context, head, last time.Time, err error) {
	if ctx.Err() != nil {
		return
	}
	p.ended, p.why, p.silence = time.Since(head), err, time.Since(last)
}
