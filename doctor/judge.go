package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ssed/ssed/internal/reach"
)

// A Finding is the result of one check.
type Finding struct {
	Check   string   // the name of the check: head, events, idle, compression, protocol, tls, cors or answer
	Bad     bool     // the check found a problem
	Warning bool     // the check found something that will become a problem
	Message string   // the observation, and the problem if there is one
	Fix     []string // lines of configuration that fix the problem, each with the name of its program
}

// The lines of configuration that fix each kind of problem.
var (
	fixBuffering = []string{
		"nginx: proxy_buffering off;",
		"nginx: no proxy_ignore_headers X-Accel-Buffering;",
		"haproxy: option http-no-delay",
	}
	fixCompression = []string{
		"nginx: gzip off;",
		"haproxy: no \"compression\" line in this backend, or a \"compression type\" without text/event-stream",
		"caddy: no encode here, or a match in it without text/event-stream",
	}
	fixIdle = []string{
		"nginx: proxy_read_timeout 60s;",
		"haproxy: timeout client 60s",
		"haproxy: timeout server 60s",
		"caddy: read_timeout 60s, in the transport of reverse_proxy",
		"ssed: --heartbeat at half of the proxy's idle timeout or less, if that timeout cannot be changed",
	}
)

// heartbeatDefault is the default of ssed's --heartbeat. A stream without events is silent for this
// long.
const heartbeatDefault = 15 * time.Second

// judge returns the findings for the observations of the two probes: plain without compression, and
// packed with gzip.
func judge(o Options, plain, packed *probe, published time.Time) (all []Finding) {
	if bad, ok := judgeAnswer(plain); !ok {
		if o.Origin != "" && plain.err == nil && plain.res.StatusCode == http.StatusForbidden {
			bad.Fix = []string{"ssed: --cors-origin " + o.Origin} // ssed refuses requests from other origins
		}
		return []Finding{bad}
	}
	all = append(all, judgeHead(plain))
	if plain.err == nil {
		events := judgeEvents(plain, o.Idle, published)
		all = append(all, events, judgeIdle(plain, o.Idle))
		if !events.Bad {
			all = append(all, judgeCompression(packed, o.Idle, published))
		}
		all = append(all, judgeProtocol(plain))
		if plain.res.TLS != nil {
			all = append(all, judgeTLS(plain.res.TLS, time.Now()))
		}
		if o.Origin != "" {
			all = append(all, judgeCORS(plain, o.Origin))
		}
	}
	return all
}

// judgeAnswer checks whether the response is an event stream at all. ok is false if it is not.
func judgeAnswer(p *probe) (Finding, bool) {
	f := Finding{Check: "answer", Bad: true}
	switch {
	case errors.Is(p.err, context.Canceled):
		return Finding{}, true // the time was up before a head arrived: judgeHead reports it
	case p.err != nil:
		f.Message = "no response: " + p.err.Error()
	case p.wantsTLS:
		f.Message = reach.ErrWantsTLS.Error()
	case p.res.StatusCode != http.StatusOK:
		f.Message = fmt.Sprintf("the response is %s (%q); an EventSource does not reconnect after it", p.res.Status, p.said)
	case !p.streams():
		f.Message = fmt.Sprintf("the response is not an event stream: Content-Type is %q", p.res.Header.Get("Content-Type"))
	case p.retry && p.first == 0 && p.ended > 0 && p.ended < time.Second:
		f.Message = "the stream contains only a time to reconnect: there is no daemon behind the proxy, or the daemon is full or stopping"
	default:
		return Finding{}, true
	}
	return f, false
}

// judgeHead checks whether the head of the response was held back.
func judgeHead(p *probe) Finding {
	f := Finding{Check: "head", Message: fmt.Sprintf("received after %s", brief(p.headTook))}
	switch {
	case p.err != nil:
		f.Bad, f.Message, f.Fix = true, fmt.Sprintf("not received within %s: it is held back until more data follows", brief(p.headTook)), fixBuffering
	case p.headTook > headMax:
		f.Bad, f.Fix = true, fixBuffering
		f.Message += "; ssed sends it immediately, so it was held back"
	}
	return f
}

// judgeEvents checks whether events were held back.
func judgeEvents(p *probe, idle time.Duration, published time.Time) Finding {
	f := Finding{Check: "events"}
	f.Bad, f.Message = held(p, idle, published)
	if f.Bad {
		f.Fix = fixBuffering
	}
	return f
}

// held reports whether events were held back, and describes the observation. It uses the published
// event if there is one, and otherwise the heartbeats.
func held(p *probe, idle time.Duration, published time.Time) (bool, string) {
	switch latency := p.marked.Sub(published); {
	case p.mark != nil && p.marked.IsZero():
		return true, "the published event was not received: it is held back until more data follows"
	case p.mark != nil && latency > latencyMax:
		return true, fmt.Sprintf("the published event was received after %s: it was held back", brief(latency))
	case p.mark != nil:
		return false, fmt.Sprintf("the published event was received after %s", brief(max(latency, 0)))
	case p.batched > 1:
		return true, fmt.Sprintf("%d heartbeats arrived together: they were held back", p.batched)
	case p.first == 0 && p.ended > 0:
		return false, "the stream ended before the first event, so this was not checked; use --publish for a better check"
	case p.first == 0 && idle < heartbeatDefault:
		return false, fmt.Sprintf("not checked: --idle (%s) is shorter than ssed's heartbeat (15s by default); use --idle 60s or --publish", brief(idle))
	case p.first == 0:
		return true, fmt.Sprintf("nothing was received within %s: either events are held back, or ssed's --heartbeat (15 s by default) is longer than this; use --publish for a better check", brief(idle))
	}
	return false, fmt.Sprintf("the first heartbeat was received after %s, and no heartbeats arrived together; use --publish for a better check", brief(p.first))
}

// judgeIdle checks whether the stream stayed open while there were no events.
func judgeIdle(p *probe, idle time.Duration) Finding {
	if p.ended == 0 {
		return Finding{Check: "idle", Message: fmt.Sprintf("the stream stayed open for %s", brief(idle))}
	}
	return Finding{
		Check: "idle", Bad: true, Fix: fixIdle,
		Message: fmt.Sprintf("the stream ended after %s, of which the last %s were silent (%v); a proxy's idle timeout must be at least twice ssed's --heartbeat (15 s by default)",
			brief(p.ended), brief(p.silence), p.why),
	}
}

// judgeCompression checks whether the stream with gzip works, and whether a compressor holds back
// events.
func judgeCompression(p *probe, idle time.Duration, published time.Time) Finding {
	f := Finding{Check: "compression"}
	switch {
	case p.err != nil || !p.streams():
		f.Bad, f.Fix = true, fixCompression
		f.Message = "a client that accepts gzip, as browsers do, gets no stream"
	case p.compressed() == "":
		f.Message = "the stream is not compressed"
	default:
		bad, says := held(p, idle, published)
		f.Message = fmt.Sprintf("the stream is compressed (%s); %s", p.compressed(), says)
		if f.Bad = bad; bad {
			f.Fix = fixCompression
		}
	}
	return f
}

// judgeProtocol reports the HTTP version. It is never a problem, but HTTP/2 has advantages.
func judgeProtocol(p *probe) Finding {
	says := p.res.Proto
	if p.res.ProtoMajor == 1 {
		says += ": browsers open at most six connections to an origin, for all tabs together; subscribe to several namespaces in one stream, or use HTTP/2 (TLS) in the proxy"
	}
	return Finding{Check: "protocol", Message: says}
}

// judgeCORS checks whether a page of an origin may read the stream (Fetch standard, "CORS check").
func judgeCORS(p *probe, origin string) Finding {
	allowed := p.res.Header.Values("Access-Control-Allow-Origin")
	f := Finding{Check: "cors", Bad: true}
	switch {
	case len(allowed) > 1:
		f.Message = fmt.Sprintf("the response has %d Access-Control-Allow-Origin headers, so browsers refuse it: both ssed and the proxy add the header", len(allowed))
		f.Fix = []string{"nginx: proxy_hide_header Access-Control-Allow-Origin; or no add_header of it", "haproxy: http-response set-header, not add-header", "caddy: header Access-Control-Allow-Origin, without a + before it"}
	case len(allowed) == 0 || !slices.Contains([]string{"*", origin}, allowed[0]):
		f.Message = fmt.Sprintf("pages of %s may not read the stream: Access-Control-Allow-Origin is %q", origin, p.res.Header.Get("Access-Control-Allow-Origin"))
		f.Fix = []string{"ssed: --cors-origin " + origin}
	default:
		f.Bad, f.Message = false, fmt.Sprintf("pages of %s may read the stream (%s)", origin, allowed[0])
	}
	return f
}

// brief formats a duration with few digits.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
