package loop

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/sse"
)

// This file builds the heads of all responses, which docs/http.md describes. The head of a stream
// is sent immediately, so that a client knows that it is connected before the first event. With
// "Connection: close" the stream ends with the connection, so it needs no chunked encoding.

const (
	streamFields = "Content-Type: text/event-stream; charset=utf-8\r\n" +
		"Cache-Control: no-cache\r\n" +
		"X-Accel-Buffering: no\r\n" // nginx would hold events back to fill its buffers
	allowField = "Allow: GET, HEAD, OPTIONS\r\n"
)

// soonSpread is the range of the reconnection time for a client that reconnected a moment too
// early: a fifth of it, plus a random part of it.
const soonSpread = 500 * time.Millisecond

// retrySoon returns a random reconnection time for a client that reconnected a moment too early.
func retrySoon() time.Duration { return soonSpread/5 + rand.N(soonSpread) }

// retryTime returns a random reconnection time for one client. A client that must retry later gets
// a 200 response with this time in it, because an EventSource gives up after any other status. Each
// client gets its own time, so that clients that were disconnected together, for example by a
// crash, do not reconnect together.
func (c *Config) retryTime() time.Duration {
	return c.RetryMin + rand.N(c.RetryMax-c.RetryMin+1)
}

// opening returns the head of a subscriber's stream. A browser also gets a first line of the body,
// because Firefox fires "open" and resolves fetch() only after the first byte of the body, which on
// a quiet stream would be the first heartbeat. The line sets the reconnection time, in case the
// daemon exits without sending one. No empty line follows. HTML section 9.2.6 dispatches no event
// for an empty line at this point, but some libraries do.
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

// heads builds responses. It keeps the Date field ready, since it changes only once a second.
type heads struct {
	date    []byte // "Date: ...\r\n"
	scratch []byte
}

// setDate sets the Date of later responses (RFC 9110 section 6.6.1).
func (h *heads) setDate(now time.Time) {
	h.date = append(h.date[:0], "Date: "...)
	h.date = now.UTC().AppendFormat(h.date, "Mon, 02 Jan 2006 15:04:05 GMT")
	h.date = append(h.date, "\r\n"...)
}

// begin starts a response to a request. All methods of heads use the same buffer, so a response is
// valid until the next call.
func (h *heads) begin(to subreq.Answer, status int) {
	h.beginPlain(status)
	h.scratch = to.AppendFields(h.scratch)
}

// beginPlain is like begin, but without the CORS fields.
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

// stream returns the head of a stream of events.
func (h *heads) stream(to subreq.Answer) []byte {
	h.begin(to, 200)
	h.add(streamFields)
	return h.end()
}

// preflight returns the response to OPTIONS, which lists the requests that a page of another origin
// may send.
func (h *heads) preflight(to subreq.Answer, req *httpparse.Request) []byte {
	h.beginPlain(204)
	h.scratch = to.AppendPreflight(append(h.scratch, allowField...), req)
	return h.end()
}

// retryHead returns a complete response that contains only a reconnection time. The client
// reconnects after that time.
func (h *heads) retryHead(to subreq.Answer, after time.Duration) []byte {
	h.stream(to)
	h.scratch = sse.AppendRetry(h.scratch, after.Milliseconds())
	return h.scratch
}

// refusal returns a final response. Its body is one line of text with the reason. A response to
// HEAD has the same Content-Length, but no body (RFC 9110 section 9.3.2).
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
