package loop

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// subscribers holds all subscribers of a loop, and the values that many of them share.
type subscribers struct {
	subscribersByFD subscribersByFD
	clientInfos     clientInfos
}

// subscribersByFD holds all subscribers, indexed by descriptor. It can be read in pages with turns
// of the loop in between. A connection keeps its descriptor, so each subscriber that stays
// connected is read exactly once.
type subscribersByFD []*subscriber

func (r *subscribersByFD) add(fd int, s *subscriber) {
	for fd >= len(*r) {
		*r = append(*r, nil)
	}
	(*r)[fd] = s
}

func (r subscribersByFD) remove(fd int) { r[fd] = nil }

// A ConnID identifies a connection of a daemon and is never used again for another one. It fits
// into a JSON number. Connections that were accepted later have larger ones, whichever loop has
// them.
type ConnID uint64

// connIDBits is the number of bits for the descriptor in a ConnID. openfiles.LimitMax fits into
// them.
const connIDBits = 20

func (s *subscriber) id() ConnID { return ConnID(s.number)<<connIDBits | ConnID(s.fd()) }

// SubscriberInfo describes one subscriber at one moment.
type SubscriberInfo struct {
	ID            ConnID
	Loop          int        // the number of its event loop, from 0
	Peer          net.Addr   // the connection's remote address
	ForwardedAddr netip.Addr // the client's address according to a trusted proxy; not valid without one
	Agent         string     // its User-Agent, truncated if it is long
	Namespaces    []string   // its subscription set; do not change it
	Age           time.Duration
	Messages      uint64 // delivered to it completely
	LagBytes      uint64 // not sent to it yet
	Blocked       bool   // its socket is full
	Stream        uint64 // identifies the stream of its set, for as long as the set has subscribers
	Published     uint64 // messages of that stream so far
}

// A page of Subscribers ends after pageTime or pageConns subscribers. The loop runs a turn between
// two pages.
const (
	pageTime  = 500 * time.Microsecond
	pageConns = 1024
	pageStep  = 16 // descriptors between two checks of the clock
)

// Subscribers returns the subscribers of the loop. It reads them in pages, each of which occupies
// the loop for less than a millisecond. So the list does not show a single moment: a subscriber
// that connects or disconnects during the call may or may not be in it. The error is the context's,
// ErrStopped or ErrBusy.
func (l *Loop) Subscribers(ctx context.Context) (conns []SubscriberInfo, err error) {
	for next := 0; next >= 0; {
		part, err := call(ctx, l, snapshotPage(next))
		if err != nil {
			return nil, err
		}
		conns = append(conns, part.conns...)
		next = part.next
	}
	return conns, nil
}

// A page is a part of the list of subscribers.
type page struct {
	conns []SubscriberInfo
	next  int // the descriptor to continue from; -1: this is the last page
}

// snapshotPage returns a function that reads a page on the loop, starting with the descriptor from.
// It allocates the page on the caller's goroutine.
func snapshotPage(from int) func(*Loop) page {
	conns := make([]SubscriberInfo, 0, pageConns)
	return func(l *Loop) page {
		for begin := time.Now(); from < len(l.subscribersByFD); {
			end := min(from+pageStep, len(l.subscribersByFD))
			for _, s := range l.subscribersByFD[from:end] {
				if s != nil {
					conns = append(conns, s.describe(l))
				}
			}
			if from = end; len(conns)+pageStep > cap(conns) || time.Since(begin) > pageTime {
				return page{conns, from}
			}
		}
		return page{conns, -1}
	}
}

// describe returns the description of s at this moment. It runs on the loop.
func (s *subscriber) describe(l *Loop) SubscriberInfo {
	a := s.audience
	c := SubscriberInfo{
		ID:            s.id(),
		Loop:          l.number,
		Peer:          cloneAddr(s.conn.RemoteAddr()),
		ForwardedAddr: s.info.forwardedAddr(),
		Agent:         s.info.userAgent(),
		Namespaces:    a.set.Members(),
		Age:           time.Duration(l.seconds()-s.openedSec) * time.Second,
		LagBytes:      a.stream.Lag(&s.cursor),
		Blocked:       s.blocked,
		Stream:        a.number,
		Published:     a.stream.Messages(),
	}
	c.Messages = c.Published - s.deliveredBase
	if c.LagBytes > 0 {
		c.Messages = a.stream.Read(&s.cursor) - s.deliveredBase
	}
	return c
}

// Disconnect closes a subscriber's connection, and reports whether this loop has the subscriber.
// The client may reconnect.
func (l *Loop) Disconnect(ctx context.Context, id ConnID) (found bool, err error) {
	return call(ctx, l, func(l *Loop) bool {
		fd := int(id & (1<<connIDBits - 1))
		if fd >= len(l.subscribersByFD) || l.subscribersByFD[fd] == nil || l.subscribersByFD[fd].id() != id {
			return false
		}
		l.subscribersByFD[fd].end(reasonKicked)
		return true
	})
}
