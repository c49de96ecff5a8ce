package load

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bursts measures how long a server needs to deliver one message to all subscribers. The generator
// sleeps while the server works, so that it takes no processor from it. It reads the message
// afterwards. The kernel has recorded the time when the data arrived at each socket
// (SO_TIMESTAMPNS in socket(7)), so the times do not depend on when the data is read.
type Bursts struct {
	g        *Generator
	control  []byte  // for the control messages of one read
	arrivals []int64 // when the data arrived at each subscriber, in nanoseconds since 1970
}

// A Burst holds the measurements of one message. The times count from before the message was
// published until it had arrived in the socket of a subscriber.
type Burst struct {
	First, Half, Last time.Duration // of the first subscriber, of half of them, of the last one
	// Slept is set if the generator slept until after the last arrival. Otherwise it took
	// processor time from the server, and the sleep must be longer.
	Slept bool
}

var (
	errNotAlone = errors.New("a burst needs one topic, subscribers that all read, and a connected publisher")
	errClockSet = errors.New("the system's clock was set during a burst")
	errNoTime   = errors.New("the kernel has recorded no time of arrival")
)

// clockDrift is how far the system's clock may differ from the monotonic clock after a burst. NTP
// slews it by at most 0.5 ms per second, and the longest sleeps are some seconds.
const clockDrift = 10 * time.Millisecond

// Bursts prepares the connected subscribers for bursts, and sends them messages to warm up, for at
// most limit. After that, Run must not be called.
func (g *Generator) Bursts(limit time.Duration) (*Bursts, error) {
	if len(g.topics) != 1 || g.pub == nil || g.answered < len(g.subs) || g.topics[0].readers < len(g.subs) {
		return nil, errNotAlone
	}
	b := &Bursts{g: g, control: make([]byte, 256), arrivals: make([]int64, len(g.subs))}
	for i := range g.subs {
		fd := int(g.subs[i].fd)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			return nil, fmt.Errorf("subscriber %d: SO_TIMESTAMPNS: %w", i, err)
		}
		// The server's thread would add each socket to the list of ready ones.
		if err := g.poller.Remove(fd); err != nil {
			return nil, fmt.Errorf("subscriber %d: %w", i, err)
		}
	}
	return b, b.warmUp(limit)
}

// warmUp publishes messages until all subscribers get them with the time of arrival. The kernel
// starts to record times some milliseconds after the first socket has asked for them.
func (b *Bursts) warmUp(limit time.Duration) error {
	b.g.lock()
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		err := b.publish()
		if err == nil {
			err = b.readAll(limit)
		}
		if err != errNoTime || time.Now().After(deadline) {
			return err
		}
	}
}

// publish publishes one message.
func (b *Bursts) publish() error {
	g := b.g
	g.pub.out = g.topics[0].publish(g.pub.out, g.now())
	g.published++
	if err := g.pub.flush(); err != nil {
		return err
	}
	if len(g.pub.out) > 0 {
		return errors.New("publisher: the socket did not accept one line")
	}
	return nil
}

// Next publishes one message and sleeps. It then calls end, and reads the message at every
// subscriber. limit is for reading.
func (b *Bursts) Next(sleep, limit time.Duration, end func() error) (*Burst, error) {
	b.g.lock()
	start := time.Now()
	if err := b.publish(); err != nil {
		return nil, err
	}
	time.Sleep(sleep)
	slept := time.Now()
	if err := end(); err != nil {
		return nil, err
	}
	if err := b.readAll(limit); err != nil {
		return nil, err
	}
	now := time.Now()
	if drift := wall(now) - wall(start) - now.Sub(start); drift.Abs() > clockDrift {
		return nil, errClockSet
	}
	slices.Sort(b.arrivals)
	after := func(i int) time.Duration { return time.Duration(b.arrivals[i]) - wall(start) }
	last := len(b.arrivals) - 1
	if after(0) <= 0 {
		return nil, fmt.Errorf("a subscriber has the message %v before it was published", -after(0))
	}
	return &Burst{after(0), after(last / 2), after(last), b.arrivals[last] < int64(wall(slept))}, nil
}

// wall returns a time on the system's clock. The kernel's timestamps are on the same clock.
func wall(t time.Time) time.Duration { return time.Duration(t.UnixNano()) }

// readAll reads the newest message at every subscriber. It returns errNoTime if all of them have
// it, but some without the time of arrival.
func (b *Bursts) readAll(limit time.Duration) error {
	sent := b.g.topics[0].sent
	deadline := time.Now().Add(limit)
	for i := range b.g.subs {
		s := &b.g.subs[i]
		for s.position < sent {
			arrived, err := b.read(s)
			if err == unix.EAGAIN && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
				continue
			}
			if err != nil {
				return fmt.Errorf("subscriber %d, after %d of %d messages: %w", i, s.position, sent, err)
			}
			b.arrivals[i] = arrived
		}
	}
	if slices.Contains(b.arrivals, 0) {
		return errNoTime
	}
	return nil
}

// read reads once from a subscriber, checks the data, and returns when it arrived.
func (b *Bursts) read(s *subscriber) (arrived int64, err error) {
	g := b.g
	got, controls, _, _, err := unix.Recvmsg(int(s.fd), g.in, b.control, unix.MSG_DONTWAIT)
	switch {
	case err != nil:
		return 0, err
	case got == 0:
		return 0, errors.New("the server closed the connection")
	}
	g.bytes += uint64(got)
	if err := g.receive(s, g.in[:got]); err != nil {
		return 0, err
	}
	return timestamp(b.control[:controls])
}

// timestamp returns the time in the control messages of a read, in nanoseconds since 1970. It
// returns 0 if they contain no time.
func timestamp(controls []byte) (int64, error) {
	all, err := unix.ParseSocketControlMessage(controls)
	if err != nil {
		return 0, err
	}
	for _, m := range all {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			at := *(*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			return at.Nano(), nil
		}
	}
	return 0, nil
}
