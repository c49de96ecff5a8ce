package loop

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/sse"
)

// The heads of all answers, which docs/http.md describes. Each goes out at once, so that a
// client knows that it is connected before the first event. "Connection: close"
// ends the stream with the connection: there are no chunks to frame.
const (
	streamFields = "Content-Type: text/event-stream; charset=utf-8\r\n" +
		"Cache-Control: no-cache\r\n" +
		"X-Accel-Buffering: no\r\n" // nginx would hold events back to fill its buffers
	allowField = "Allow: GET, HEAD, OPTIONS\r\n"
)

// soonSpread is for clients that came too early by moments. They come back after
// a fifth of it at the earliest.
const soonSpread = 500 * time.Millisecond

// retrySoon draws the time after which such a client should come back.
func retrySoon() time.Duration { return soonSpread/5 + rand.N(soonSpread) }

// retryTime draws the time after which one client should come back. An EventSource gives
// up for good on any status but 200, so a client that should come back later gets a 200
// stream with this time in it. It is drawn for each client, so that clients that were sent
// away together, or lost their connections in a crash, do not return together.
func (c *Config) retryTime() time.Duration {
	return c.RetryMin + rand.N(c.RetryMax-c.RetryMin+1)
}

// opening returns the head of a subscriber's stream. Browsers get a first line of the
// body with it. Firefox fires "open" and resolves fetch() with the first byte of the body
// only, which on a quiet stream would be that of the first heartbeat. The line sets the
// reconnection time for the case that the daemon ends without sending one. No empty line
// follows it: HTML section 9.2.6 dispatches nothing there, but some libraries do.
func (h *heads) opening(ask *subreq.Request, opts *Config) []byte {
	h.stream(ask.Answer)
	switch {
	case !ask.Browser:
	case opts.NoRetry:
		h.add(sse.Keepalive)
	default:
		h.add("retry:")
		h.scratch = strconv.AppendInt(h.scratch, opts.retryTime().Milliseconds(), 10)
		h.add("\n")
	}
	return h.scratch
}

// heads builds answers. The Date field changes once a second, so its line is
// kept ready.
type heads struct {
	date    []byte // "Date: ...\r\n"
	scratch []byte
}

// setDate sets the Date of the answers from here on (RFC 9110 section 6.6.1).
func (h *heads) setDate(now time.Time) {
	h.date = append(h.date[:0], "Date: "...)
	h.date = now.UTC().AppendFormat(h.date, "Mon, 02 Jan 2006 15:04:05 GMT")
	h.date = append(h.date, "\r\n"...)
}

// begin starts an answer to a request. What the other methods return dies with the
// next call.
func (h *heads) begin(to subreq.Answer, status int) {
	h.beginPlain(status)
	h.scratch = to.AppendFields(h.scratch)
}

// beginPlain is begin without the CORS fields.
func (h *heads) beginPlain(status int) {
	h.scratch = append(h.scratch[:0], "HTTP/1.1 "...)
	h.scratch = strconv.AppendInt(h.scratch, int64(status), 10)
	h.scratch = append(h.scratch, ' ')
	h.add(reasonPhrases[status], "\r\nConnection: close\r\n")
	h.scratch = append(h.scratch, h.date...)
}

func (h *heads) add(fields ...string) {
	for _, f := range fields {
		h.scratch = append(h.scratch, f...)
	}
}

func (h *heads) end() []byte {
	h.scratch = append(h.scratch, "\r\n"...)
	return h.scratch
}

// stream is the head before a stream of events.
func (h *heads) stream(to subreq.Answer) []byte {
	h.begin(to, 200)
	h.add(streamFields)
	return h.end()
}

// preflight answers OPTIONS: what a page of another origin may ask for.
func (h *heads) preflight(to subreq.Answer, req *httpparse.Request) []byte {
	h.beginPlain(204)
	h.scratch = to.AppendPreflight(append(h.scratch, allowField...), req)
	return h.end()
}

// retryHead returns a stream that holds only a retry time: the client asks again later.
func (h *heads) retryHead(to subreq.Answer, after time.Duration) []byte {
	h.stream(to)
	h.scratch = sse.AppendRetry(h.scratch, after.Milliseconds())
	return h.scratch
}

// refusal is a final answer with one line of text that says why. For HEAD the
// text is left out (RFC 9110 section 9.3.2), its length is not.
func (h *heads) refusal(to subreq.Answer, status int, why string) []byte {
	h.begin(to, status)
	switch status {
	case 405:
		h.add(allowField)
	case 401:
		h.add("WWW-Authenticate: Bearer\r\n")
	}
	h.add("Content-Type: text/plain; charset=utf-8\r\nContent-Length: ")
	h.scratch = strconv.AppendInt(h.scratch, int64(len(why)+1), 10)
	h.add("\r\n\r\n")
	if to.Body {
		h.add(why, "\n")
	}
	return h.scratch
}

var reasonPhrases = map[int]string{
	200: "OK",
	204: "No Content",
	400: "Bad Request",
	401: "Unauthorized",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	408: "Request Timeout",
	414: "URI Too Long",
	431: "Request Header Fields Too Large",
	501: "Not Implemented",
	503: "Service Unavailable",
	505: "HTTP Version Not Supported",
}
