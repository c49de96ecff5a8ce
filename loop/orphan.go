package loop

import (
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// An orphan is what is left of a publisher that has stopped sending but may
// still read: a duplicate of its descriptor, and the replies it has yet to get.
// gnet closes its own descriptor and knows nothing of this one.
type orphan struct {
	fd     int
	unsent []byte
	number uint32
	until  uint32 // tick at which nobody waits for it any longer
}

const (
	orphansMax = 256
	orphanTime = 10 * time.Second
)

// orphan takes over the unsent replies of a connection that gnet is closing.
func (l *loop) orphan(conn gnet.Conn, unsent []byte) {
	if len(l.orphans) >= orphansMax {
		return
	}
	fd, err := conn.Dup()
	if err != nil {
		return
	}
	o := &orphan{fd: fd, unsent: unsent, until: l.wheel.now + ticks(orphanTime)}
	l.orphans = append(l.orphans, o)
	if o.number, err = l.await(o, fd, 0, false); err != nil {
		o.unsent = nil
	}
}

func (o *orphan) writable(l *loop) {
	delete(l.blocked, o.number)
	n, ok := sendAll(o.fd, o.unsent)
	if o.unsent = o.unsent[n:]; !ok {
		o.unsent = nil
	}
	if len(o.unsent) > 0 {
		if _, err := l.await(o, o.fd, o.number, true); err != nil {
			o.unsent = nil
		}
	}
}

// buryOrphans closes those that are done, or late. It comes once a tick.
func (l *loop) buryOrphans(all bool) {
	kept := l.orphans[:0]
	for _, o := range l.orphans {
		if len(o.unsent) > 0 && int32(o.until-l.wheel.now) > 0 && !all {
			kept = append(kept, o)
			continue
		}
		delete(l.blocked, o.number)
		unix.Close(o.fd)
	}
	clear(l.orphans[len(kept):])
	l.orphans = kept
}
