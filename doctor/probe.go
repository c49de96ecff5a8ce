package doctor

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ssed/ssed/sse"
)

// A probe is one stream that is watched. What it saw may be read once it has ended,
// and headIn tells before that whether there is a head.
type probe struct {
	encoding string // what is asked for: identity or gzip
	mark     []byte // in the event that the doctor publishes; nil: it publishes none

	began  time.Time
	headIn chan struct{} // closed once there is a head, or will be none

	err      error // why there is none
	res      *http.Response
	said     string // by an answer that is no event stream: the first line of its body
	headTook time.Duration
	first    time.Duration // from the head to the first byte of the body behind retry; 0: none came
	marked   time.Time     // when the mark came
	batched  int           // most heartbeats that came at once
	retry    bool          // it begins with a time to come back and an empty line, as ssed sends a client away
	ended    time.Duration // from the head to an end that nobody here asked for; 0: it lived on
	why      error         // of that end
	silence  time.Duration // how long nothing had come before that
}

// watch asks for the stream, and reads it until ctx ends.
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
	line, _, _ := strings.Cut(strings.TrimSpace(string(body[:n])), "\n")
	if !strings.HasPrefix(line, "<") { // a page for browsers says nothing
		p.said = strings.TrimSpace(line)
	}
}

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
	if failed, ok := errors.AsType[*url.Error](p.err); ok {
		p.err = failed.Err // without the URL, which may hold a token
	}
	p.headTook = time.Since(p.began)
}

// streams tells whether what was answered is an event stream.
func (p *probe) streams() bool {
	return p.err == nil && p.res.StatusCode == http.StatusOK && isEventStream(p.res)
}

// compressed tells how the answer is, if it is: "gzip".
func (p *probe) compressed() string {
	if encoding := p.res.Header.Get("Content-Encoding"); encoding != "identity" {
		return encoding
	}
	return ""
}

// read notes what comes, and when. A gzip.Reader gives what it has as soon as the
// compressor lets go of it.
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
	var begun, tail []byte // what may be the time to come back; the end of the piece before, where a mark may begin
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

// skipRetry takes a "retry:" line off the beginning of a stream. It goes out with the head,
// so it says nothing about what becomes of events. With an empty line behind it, it is how
// ssed sends a client away. more reports that it is not decided yet which it is.
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

// end notes the end of a stream, unless it is ours.
func (p *probe) end(ctx context.Context, head, last time.Time, err error) {
	if ctx.Err() != nil {
		return
	}
	p.ended, p.why, p.silence = time.Since(head), err, time.Since(last)
}
