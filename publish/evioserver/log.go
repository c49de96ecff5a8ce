package evioserver

import (
	"time"

	"github.com/tidwall/evio"

	"github.com/ssed/ssed/internal/throttle"
)

// unlogged counts the events that flushSuppressed will log. Server.mu guards it.
type unlogged struct {
	turnedAway    int
	unreadReplies throttle.Throttle
}

// countUnreadReplies counts a publisher that is closed for unread replies, and reports whether it
// may be logged.
func (s *Server) countUnreadReplies() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closedUnread++
	return s.unlogged.unreadReplies.Allow(uint32(time.Now().Unix()))
}

// flushSuppressed logs the counts of unlogged. It is called once a second, and when evio
// has ended.
func (s *Server) flushSuppressed() {
	s.mu.Lock()
	turnedAway := s.unlogged.turnedAway
	s.unlogged.turnedAway = 0
	unread := s.unlogged.unreadReplies.TakeSuppressed()
	s.mu.Unlock()
	if turnedAway > 0 {
		s.opts.Logger.Warn("publishers turned away", "publishers", turnedAway,
			"reason", "publisher limit reached (--max-publishers); answered ERR busy", "max_publishers", s.opts.PublishersMax)
	}
	if unread > 0 {
		s.opts.Logger.Warn("more publishers closed for unread replies", "publishers", unread)
	}
}

// clientName returns the name of a publisher in the log: its address, or "unix" on a unix socket.
// The subscribers' loop logs the same names.
func clientName(c evio.Conn) string {
	if addr := c.RemoteAddr(); addr != nil && addr.Network() != "unix" {
		return addr.String()
	}
	return "unix"
}
