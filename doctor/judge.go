package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A Finding is what is said of one thing that was looked at.
type Finding struct {
	What string // one word: head, events, idle, compression, protocol, cors, answer
	Bad  bool
	Says string
	Mend []string // lines of configuration, each with the program that it is for
}

// How each trouble is mended.
var (
	mendBuffering = []string{
		"nginx: proxy_buffering off;",
		"nginx: no proxy_ignore_headers X-Accel-Buffering;",
		"haproxy: option http-no-delay",
	}
	mendCompression = []string{
		"nginx: gzip off;",
		"haproxy: no \"compression\" line in this backend, or a \"compression type\" without text/event-stream",
		"caddy: no encode here, or a match in it without text/event-stream",
	}
	mendIdle = []string{
		"nginx: proxy_read_timeout 60s;",
		"haproxy: timeout client 60s",
		"haproxy: timeout server 60s",
		"caddy: read_timeout 60s, in the transport of reverse_proxy",
		"ssed: --heartbeat at half of the proxy's time or less, where that cannot be changed",
	}
)

// judge makes findings of what was seen.
func judge(o Options, plain, packed *probe, published time.Time) (all []Finding) {
	if bad, ok := judgeAnswer(plain); !ok {
		if o.Origin != "" && plain.err == nil && plain.res.StatusCode == http.StatusForbidden {
			bad.Mend = []string{"ssed: --cors-origin " + o.Origin} // it refuses what other origins ask
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
		if o.Origin != "" {
			all = append(all, judgeCORS(plain, o.Origin))
		}
	}
	return all
}

// judgeAnswer is about whether there is a stream at all.
func judgeAnswer(p *probe) (Finding, bool) {
	f := Finding{What: "answer", Bad: true}
	switch {
	case errors.Is(p.err, context.Canceled):
		return Finding{}, true // it was waited for long enough
	case p.err != nil:
		f.Says = "there is no answer: " + p.err.Error()
	case p.res.StatusCode != http.StatusOK:
		f.Says = fmt.Sprintf("the answer is %s (%q); an EventSource that sees it never tries again", p.res.Status, p.said)
	case !p.streams():
		f.Says = fmt.Sprintf("the answer is no event stream, but %q", p.res.Header.Get("Content-Type"))
	case p.retry && p.first == 0 && p.ended > 0 && p.ended < time.Second:
		f.Says = "the stream only says when to come back: there is no daemon behind the proxy, or it is full, or it ends"
	default:
		return Finding{}, true
	}
	return f, false
}

func judgeHead(p *probe) Finding {
	f := Finding{What: "head", Says: fmt.Sprintf("it came after %s", brief(p.headTook))}
	switch {
	case p.err != nil:
		f.Bad, f.Says, f.Mend = true, fmt.Sprintf("none came in %s: it is held back until there is more to send", brief(p.headTook)), mendBuffering
	case p.headTook > headMax:
		f.Bad, f.Mend = true, mendBuffering
		f.Says += "; ssed sends it at once, so it was held back"
	}
	return f
}

func judgeEvents(p *probe, idle time.Duration, published time.Time) Finding {
	f := Finding{What: "events"}
	f.Bad, f.Says = held(p, idle, published)
	if f.Bad {
		f.Mend = mendBuffering
	}
	return f
}

// held tells whether events are held back on their way.
func held(p *probe, idle time.Duration, published time.Time) (bool, string) {
	switch latency := p.marked.Sub(published); {
	case p.mark != nil && p.marked.IsZero():
		return true, "what was published never came: it is held back until there is more to send"
	case p.mark != nil && latency > latencyMax:
		return true, fmt.Sprintf("what was published came after %s: it was held back", brief(latency))
	case p.mark != nil:
		return false, fmt.Sprintf("what was published came %s later", brief(max(latency, 0)))
	case p.batched > 1:
		return true, fmt.Sprintf("%d heartbeats came at once: they were held back", p.batched)
	case p.first == 0 && p.ended > 0:
		return false, "nothing came before the stream ended, so there is nothing to tell; --publish looks closer"
	case p.first == 0:
		return true, fmt.Sprintf("nothing came in %s: either what ssed sends is held back, or its --heartbeat (15 s, unless told otherwise) is longer than this; --publish tells which", brief(idle))
	}
	return false, fmt.Sprintf("the first came after %s, and none came in a bunch; --publish looks closer", brief(p.first))
}

func judgeIdle(p *probe, idle time.Duration) Finding {
	if p.ended == 0 {
		return Finding{What: "idle", Says: fmt.Sprintf("the stream lived for %s", brief(idle))}
	}
	return Finding{
		What: "idle", Bad: true, Mend: mendIdle,
		Says: fmt.Sprintf("the stream ended after %s, the last %s of it silent (%v); a proxy's idle time must be twice ssed's --heartbeat (15 s) or more",
			brief(p.ended), brief(p.silence), p.why),
	}
}

func judgeCompression(p *probe, idle time.Duration, published time.Time) Finding {
	f := Finding{What: "compression"}
	switch {
	case p.err != nil || !p.streams():
		f.Bad, f.Mend = true, mendCompression
		f.Says = "who says that it takes gzip, as browsers do, gets no stream"
	case p.compressed() == "":
		f.Says = "there is none"
	default:
		bad, says := held(p, idle, published)
		f.Says = fmt.Sprintf("the stream is compressed (%s) on its way; %s", p.compressed(), says)
		if f.Bad = bad; bad {
			f.Mend = mendCompression
		}
	}
	return f
}

// judgeProtocol tells a fact: more than HTTP/1.1 is nice to have.
func judgeProtocol(p *probe) Finding {
	says := p.res.Proto
	if p.res.ProtoMajor == 1 {
		says += ": browsers open six connections to an origin, for all tabs together; let one stream carry several namespaces, or put HTTP/2 (TLS) in front"
	}
	return Finding{What: "protocol", Says: says}
}

// judgeCORS is about whether a page of an origin may read the stream (Fetch, "CORS
// check").
func judgeCORS(p *probe, origin string) Finding {
	allowed := p.res.Header.Values("Access-Control-Allow-Origin")
	f := Finding{What: "cors", Bad: true}
	switch {
	case len(allowed) > 1:
		f.Says = fmt.Sprintf("Access-Control-Allow-Origin is there %d times, and browsers take none of them: ssed sends it, and so does the proxy", len(allowed))
		f.Mend = []string{"nginx: proxy_hide_header Access-Control-Allow-Origin; or no add_header of it", "haproxy: http-response set-header, not add-header", "caddy: header Access-Control-Allow-Origin, without a + before it"}
	case len(allowed) == 0 || !slices.Contains([]string{"*", origin}, allowed[0]):
		f.Says = fmt.Sprintf("pages of %s may not read this: Access-Control-Allow-Origin is %q", origin, p.res.Header.Get("Access-Control-Allow-Origin"))
		f.Mend = []string{"ssed: --cors-origin " + origin}
	default:
		f.Bad, f.Says = false, fmt.Sprintf("pages of %s may read this (%s)", origin, allowed[0])
	}
	return f
}

// brief writes a time as people read it.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
