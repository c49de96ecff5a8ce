package loop

import (
	"bytes"
	"strconv"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/subreq"
)

// healthPath is the path for load balancers and container runtimes, which ask whether to send
// clients to this server. It needs no token, because kubelets and load balancers have none.
const healthPath = "/healthz"

// needsProxyHeader is the refusal text for a client that sends no PROXY header where one is
// required.
const needsProxyHeader = "this port requires a PROXY header from a trusted proxy before the request"

// serveHealth answers a request for healthPath. The request does not count against the limits on
// subscribers and handed-over connections, so it is answered even when those are reached.
func (c *pendingConn) serveHealth(l *Loop, to subreq.Answer, req *httpparse.Request) {
	status, words := 200, "serving"
	switch method := string(req.Method); {
	case method != "GET" && method != "HEAD":
		l.stats.Refused++
		status, words = 405, "use GET or HEAD for "+healthPath
	default:
		if unfit := l.unfit(); unfit != "" {
			status, words = 503, unfit
		}
	}
	c.closeAfterReply(l, l.heads.health(to, status, words))
}

// unfit returns the reason why clients should not be sent to this server, or "".
func (l *Loop) unfit() string {
	switch {
	case l.stop.Load() != stopNone:
		return "draining"
	case l.opts.Unfit != nil:
		if words := l.opts.Unfit(); words != "" {
			return inOneLine(words)
		}
	case !l.sequencer.live():
		return "the store is not replayed yet"
	}
	return ""
}

// health returns a response for healthPath: one line of text that must not be cached.
func (h *heads) health(to subreq.Answer, status int, words string) []byte {
	h.begin(to, status)
	if status == 405 {
		h.add("Allow: GET, HEAD\r\n")
	}
	h.add("Cache-Control: no-store\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ")
	h.scratch = strconv.AppendInt(h.scratch, int64(len(words)+1), 10)
	h.add("\r\n\r\n")
	if to.Body {
		h.add(words, "\n")
	}
	return h.scratch
}

// mayAskHealth reports whether a request that starts with in may be a request for healthPath. With
// Options.ProxyProtocol, a request for healthPath needs no PROXY header, because kubelets,
// container health checks and many balancers cannot send one.
func mayAskHealth(in []byte) bool {
	for _, begin := range []string{"GET " + healthPath, "HEAD " + healthPath} {
		if n := min(len(in), len(begin)); bytes.Equal(in[:n], []byte(begin)[:n]) {
			return true
		}
	}
	return false
}
