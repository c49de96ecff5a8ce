package loop

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// A roster is all subscribers, by their descriptors. It can be walked in parts,
// with the loop going on in between: whoever stays is met exactly once, since a
// connection keeps its descriptor.
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

// connIDBits is what the descriptor takes of a ConnID: descriptorLimit is below.
const connIDBits = 20

func (s *subscriber) id() ConnID { return ConnID(s.number)<<connIDBits | ConnID(s.fd()) }

// A Conn is what there is to know of one subscriber at one moment.
type SubscriberInfo struct {
	ID            ConnID
	Peer          net.Addr   // the connection's other end
	ForwardedAddr netip.Addr // the client's address as a trusted proxy has it; not valid if none has
	Agent         string     // its User-Agent, or the beginning of a long one
	Namespaces    []string   // its subscription set; not to be changed
	Age           time.Duration
	Messages      uint64 // delivered to it, in full
	LagBytes      uint64 // what it has yet to be sent
	Blocked       bool   // its socket is full
	Stream        uint64 // names the stream that it shares with all of the same set, while that lasts
	Published     uint64 // messages of that stream so far
}

// A look at the subscribers ends after so much time, or so many. Several follow
// each other, with a turn of the loop between them.
const (
	pageTime  = 500 * time.Microsecond
	pageConns = 1024
	pageStep  = 16 // descriptors between two looks at the clock
)

// Conns returns all subscribers. It is taken in parts, each of which holds the
// loop for less than a millisecond, so it is not of one moment: of those who come
// and go meanwhile some are in it and some are not. The error is the context's,
// ErrStopped or ErrBusy.
func (s *Server) Subscribers(ctx context.Context) (conns []SubscriberInfo, err error) {
	for next := 0; next >= 0; {
		part, err := call(ctx, s, snapshotPage(next))
		if err != nil {
			return nil, err
		}
		conns = append(conns, part.conns...)
		next = part.next
	}
	return conns, nil
}

// A glance is what one look has seen.
type page struct {
	conns []SubscriberInfo
	next  int // the descriptor to go on from; -1: that were all
}

// look is the question for the subscribers from a descriptor on. The memory for
// its answer is taken before the loop is asked.
func snapshotPage(from int) func(*loop) page {
	conns := make([]SubscriberInfo, 0, pageConns)
	return func(l *loop) page {
		for begin := time.Now(); from < len(l.subscribersByFD); {
			end := min(from+pageStep, len(l.subscribersByFD))
			for _, s := range l.subscribersByFD[from:end] {
				if s != nil {
					conns = append(conns, l.describe(s))
				}
			}
			if from = end; len(conns)+pageStep > cap(conns) || time.Since(begin) > pageTime {
				return page{conns, from}
			}
		}
		return page{conns, -1}
	}
}

func (l *loop) describe(s *subscriber) SubscriberInfo {
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
	c.Messages = c.Published - s.joined
	if c.LagBytes > 0 {
		c.Messages = a.stream.Read(&s.cursor) - s.joined
	}
	return c
}

// Disconnect closes one subscriber, which may come back. It tells whether there
// was such a connection.
func (s *Server) Disconnect(ctx context.Context, id ConnID) (found bool, err error) {
	return call(ctx, s, func(l *loop) bool {
		fd := int(id & (1<<connIDBits - 1))
		if fd >= len(l.subscribersByFD) || l.subscribersByFD[fd] == nil || l.subscribersByFD[fd].id() != id {
			return false
		}
		l.subscribersByFD[fd].end(reasonKicked)
		return true
	})
}
