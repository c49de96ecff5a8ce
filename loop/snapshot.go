package loop

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// subscribers is all subscribers of a loop, and what they have in common.
type subscribers struct {
	subscribersByFD subscribersByFD
	clientInfos     clientInfos
}

// subscribersByFD holds all subscribers, indexed by descriptor. It can be walked in
// pages while the loop runs in between: a subscriber that stays is visited exactly
// once, since a connection keeps its descriptor.
type subscribersByFD []*subscriber

func (r *subscribersByFD) add(fd int, s *subscriber) {
	for fd >= len(*r) {
		*r = append(*r, nil)
	}
	(*r)[fd] = s
}

func (r subscribersByFD) remove(fd int) { r[fd] = nil }

// A ConnID names a connection for as long as it lasts, and no other afterwards.
// It fits a JSON number, and younger connections have larger ones.
type ConnID uint64

// connIDBits is what the descriptor takes of a ConnID: openfiles.LimitMax is not above its range.
const connIDBits = 20

func (s *subscriber) id() ConnID { return ConnID(s.number)<<connIDBits | ConnID(s.fd()) }

// SubscriberInfo describes one subscriber at one moment.
type SubscriberInfo struct {
	ID            ConnID
	Peer          net.Addr   // the connection's other end
	ForwardedAddr netip.Addr // the client's address according to a trusted proxy; not valid without one
	Agent         string     // its User-Agent, or the beginning of a long one
	Namespaces    []string   // its subscription set; not to be changed
	Age           time.Duration
	Messages      uint64 // delivered to it, in full
	LagBytes      uint64 // what it has yet to be sent
	Blocked       bool   // its socket is full
	Stream        uint64 // names the stream that it shares with all of the same set, while that lasts
	Published     uint64 // messages of that stream so far
}

// A page ends after pageTime, or after pageConns subscribers. The loop runs a turn
// between two pages.
const (
	pageTime  = 500 * time.Microsecond
	pageConns = 1024
	pageStep  = 16 // descriptors between two checks of the clock
)

// Subscribers returns all subscribers. It reads them in pages, each of which holds the
// loop for less than a millisecond. So the list is not of one moment: a subscriber that
// connects or leaves meanwhile may be in it or not. The error is the context's,
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

// A page is a part of all subscribers.
type page struct {
	conns []SubscriberInfo
	next  int // the descriptor to continue from; -1: this is the last page
}

// snapshotPage returns a call that reads a page from a descriptor on. It allocates the
// page before the call runs on the loop.
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

func (s *subscriber) describe(l *Loop) SubscriberInfo {
	a := s.audience
	c := SubscriberInfo{
		ID:            s.id(),
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

// Disconnect closes one subscriber, which may reconnect. It reports whether the
// connection was found.
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
