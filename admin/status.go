package admin

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/nsindex"
)

// statusJSON is status.json. The first fields come from mroth/sseserver, with its names and in its
// order. Our own fields follow.
type statusJSON struct {
	Node          string           `json:"node"`
	Status        string           `json:"status"`
	ReportedAt    int64            `json:"reported_at"`    // seconds since 1970; no value is older
	StartupTime   int64            `json:"startup_time"`   // seconds since 1970
	MsgsBroadcast uint64           `json:"msgs_broadcast"` // accepted from publishers
	Connections   []connectionJSON `json:"connections"`

	NextAfter     loop.ConnID `json:"next_after"` // for ?after= of the next page; 0: this is the last page
	Version       string      `json:"version"`
	UptimeSeconds int64       `json:"uptime_seconds"`
	figures
	Loops               []loopFigures     `json:"loops"` // the event loops, in the order of their numbers
	LogLinesLost        uint64            `json:"log_lines_lost"`
	Disconnects         map[string]uint64 `json:"disconnects"`
	Stopping            bool              `json:"stopping"`
	SubscribeURL        string            `json:"subscribe_url"`
	SubscribeNeedsToken bool              `json:"subscribe_needs_token"`
	SignedIn            bool              `json:"signed_in"`
	Store               *storeJSON        `json:"store,omitempty"`
}

type connectionJSON struct {
	RequestPath string `json:"request_path"`
	Namespace   string `json:"namespace"` // all namespaces of the set, separated by spaces
	CreatedAt   int64  `json:"created_at"`
	ClientIP    string `json:"client_ip"`
	UserAgent   string `json:"user_agent"`
	MsgsSent    uint64 `json:"msgs_sent"`

	ID         loop.ConnID `json:"id"`
	Loop       int         `json:"loop"` // the number of its event loop
	Namespaces []string    `json:"namespaces"`
	AgeSeconds int64       `json:"age_seconds"`
	LagBytes   uint64      `json:"lag_bytes"`
	Blocked    bool        `json:"blocked"`
}

// status returns status.json.
func (s *Server) status(r *http.Request) (any, error) {
	choice, err := readChoice(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	of := view{choice, s.subscribeURL(r), s.sessions.tokenOf(r) != ""}
	if choice.limit == 0 { // the figures alone do not need a survey
		stats, loops, err := s.stats(ctx)
		if err != nil {
			return nil, err
		}
		return s.show(of, &survey{began: time.Now(), stats: stats, loops: loops}), nil
	}
	all, err := s.surveys.get(ctx)
	if err != nil {
		return nil, err
	}
	return all.page(of, func() any { return s.show(of, all) }), nil
}

// A view contains everything in which one status.json may differ from another one of the same
// survey.
type view struct {
	choice
	subscribeURL string
	signedIn     bool
}

// show returns the status.json of a view of a survey.
func (s *Server) show(of view, all *survey) *statusJSON {
	stats, at := &all.stats, all.began
	shown, next := of.of(all.conns)
	connections := make([]connectionJSON, len(shown))
	for i, c := range shown {
		connections[i] = connection(c, at)
	}
	return &statusJSON{
		Node:                s.opts.Node,
		Status:              "OK",
		ReportedAt:          at.Unix(),
		StartupTime:         s.started.Unix(),
		MsgsBroadcast:       stats.Published,
		Connections:         connections,
		NextAfter:           next,
		Version:             s.opts.Version,
		UptimeSeconds:       int64(at.Sub(s.started).Seconds()),
		figures:             figures(*stats),
		Loops:               loopsOf(all.loops),
		LogLinesLost:        s.opts.LogLinesLost(),
		Disconnects:         stats.Ended,
		Stopping:            stats.Stopping,
		SubscribeURL:        of.subscribeURL,
		SubscribeNeedsToken: s.opts.Tokens().Required(auth.Subscribe),
		SignedIn:            of.signedIn,
		Store:               s.store(at),
	}
}

func connection(c *loop.SubscriberInfo, now time.Time) connectionJSON {
	return connectionJSON{
		RequestPath: requestPath(c.Namespaces),
		Namespace:   strings.Join(c.Namespaces, " "),
		CreatedAt:   now.Add(-c.Age).Unix(),
		ClientIP:    clientIP(c),
		UserAgent:   c.Agent,
		MsgsSent:    c.Messages,
		ID:          c.ID,
		Loop:        c.Loop,
		Namespaces:  c.Namespaces,
		AgeSeconds:  int64(c.Age.Seconds()),
		LagBytes:    c.LagBytes,
		Blocked:     c.Blocked,
	}
}

// requestPath returns a path that subscribes to a set. It may differ from the path that the client
// sent, because that path is not stored.
func requestPath(set []string) string {
	if len(set) == 1 {
		return "/subscribe" + (&url.URL{Path: set[0]}).EscapedPath()
	}
	query := url.Values{"ns": set}
	return "/subscribe?" + query.Encode()
}

// clientIP returns the IP address of a client, or "unix" for a client on a unix socket.
func clientIP(c *loop.SubscriberInfo) string {
	if c.ForwardedAddr.IsValid() {
		return c.ForwardedAddr.String()
	}
	if tcp, ok := c.Peer.(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return "unix"
}

// A choice is the selection of connections that a query requests.
type choice struct {
	limit     int
	after     loop.ConnID
	namespace string // only connections that subscribe to it, or to a namespace below it; "" for all
	byBacklog bool
}

// readChoice parses a query. It returns an error for unknown and invalid parameters, because a
// client could not see that its filter was ignored.
func readChoice(query string) (choice, error) {
	c := choice{limit: connectionsShown}
	values, err := url.ParseQuery(query)
	if err != nil {
		return c, &failure{http.StatusBadRequest, "invalid query: " + err.Error()}
	}
	for key, all := range values {
		if err := c.set(key, all[len(all)-1]); err != nil {
			return c, &failure{http.StatusBadRequest, err.Error()}
		}
	}
	return c, nil
}

func (c *choice) set(key, value string) error {
	switch key {
	case "limit":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("invalid limit=%q: expected a number of connections, or 0 for the figures alone", value)
		}
		c.limit = n
	case "after":
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return fmt.Errorf("invalid after=%q: expected next_after of the previous answer", value)
		}
		c.after = loop.ConnID(n)
	case "namespace":
		ns, err := nsindex.Canonical(value)
		if err != nil {
			return err
		}
		c.namespace = ns
	case "sort":
		if value != "backlog" && value != "age" {
			return fmt.Errorf("invalid sort=%q: expected backlog (furthest behind first) or age (oldest first)", value)
		}
		c.byBacklog = value == "backlog"
	default:
		return fmt.Errorf("unknown parameter %q: expected limit, after, namespace or sort", key)
	}
	return nil
}

// of returns the chosen connections, and the value of after for the next page, or 0. conns must be
// sorted by age, the oldest first. Connections sorted by backlog have no next page, because
// backlogs change.
func (c *choice) of(conns []loop.SubscriberInfo) (chosen []*loop.SubscriberInfo, next loop.ConnID) {
	for i := range conns {
		if x := &conns[i]; x.ID > c.after && c.covers(x) {
			chosen = append(chosen, x)
		}
	}
	if c.byBacklog {
		slices.SortStableFunc(chosen, func(a, b *loop.SubscriberInfo) int { return cmp.Compare(b.LagBytes, a.LagBytes) })
	}
	if len(chosen) <= c.limit {
		return chosen, 0
	}
	if chosen = chosen[:c.limit]; c.limit > 0 && !c.byBacklog {
		next = chosen[c.limit-1].ID
	}
	return chosen, next
}

// covers reports whether a connection subscribes to the chosen namespace, or to a namespace below
// it.
func (c *choice) covers(conn *loop.SubscriberInfo) bool {
	return c.namespace == "" || slices.ContainsFunc(conn.Namespaces, func(ns string) bool {
		return nsindex.Within([]byte(ns), c.namespace)
	})
}
