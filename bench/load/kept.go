package load

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// KeptConfig describes the messages that fill a server's history. Addresses are IPv4 loopback, with
// a port.
type KeptConfig struct {
	Subscribe, Publish string

	Namespaces   int // /back/0, /back/1 ...
	Each         int // messages that the server keeps per namespace; one more is published, which the server then drops
	PayloadBytes int // at least PayloadMin
}

// Kept is a history as the generator knows it, with the connection that filled it. Message n was
// published to namespace n modulo the number of namespaces, and contains n. So every subscriber of
// one namespace, or of all of them, knows which numbers are due, and which ids the server gave
// them.
type Kept struct {
	config KeptConfig
	to     *unix.SockaddrInet4
	poller *rawio.Poller // for the publisher only
	pub    *publisher
	lines  [][]byte // one per namespace
	tail   int      // bytes after the payload in each line
	sent   uint64
	first  uint64 // the server's sequence number of message 0
	epoch  string
	in     []byte
}

// NewKept connects a publisher and publishes all messages of the history.
func NewKept(config KeptConfig) (*Kept, error) {
	k := &Kept{config: config, in: make([]byte, readMax)}
	var err error
	if k.to, err = loopback(config.Subscribe); err != nil {
		return nil, err
	}
	publish, err := loopback(config.Publish)
	if err != nil {
		return nil, err
	}
	if k.pub, err = dialPublisher(publish, false); err != nil {
		return nil, err
	}
	var names []string
	for i := range config.Namespaces {
		names = append(names, k.namespace(i))
	}
	k.lines, k.tail = newLines(pubLine, names, config.PayloadBytes)
	if k.poller, err = rawio.NewPoller(1); err == nil {
		err = k.fill()
	}
	if err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

// Close closes the publisher's connection.
func (k *Kept) Close() {
	hangUp(k.pub.fd)
	if k.poller != nil {
		k.poller.Close()
	}
}

func (k *Kept) namespace(i int) string { return fmt.Sprintf("/back/%d", i) }

// Messages returns how many messages the server keeps.
func (k *Kept) Messages() int { return k.config.Namespaces * k.config.Each }

// FrameBytes returns the total length of the kept messages' frames.
func (k *Kept) FrameBytes() (sum int) {
	fixed := len("id:-\nevent:tick\ndata:\n\n") + len(k.epoch) + k.config.PayloadBytes
	for n := k.config.Namespaces; n < k.config.Namespaces+k.Messages(); n++ {
		sum += fixed + len(strconv.FormatUint(k.first+uint64(n), 10))
	}
	return sum
}

// fill publishes all messages and learns the epoch of the history.
func (k *Kept) fill() error {
	if err := k.poller.Add(k.pub.fd, unix.EPOLLOUT|unix.EPOLLET, publisherTag); err != nil {
		return err
	}
	first, err := k.pub.publishOne(k.line(), askTimeout)
	if err != nil {
		return err
	}
	k.first = first
	if _, err := k.pub.ask("QUIET on\n", askTimeout); err != nil {
		return err
	}
	k.pub.quiet = true
	if err := k.publish(uint64(k.config.Namespaces * (k.config.Each + 1))); err != nil {
		return err
	}
	if _, err := k.pub.ask("QUIET off\n", askTimeout); err != nil { // the answer arrives when the server has accepted all messages
		return err
	}
	k.pub.quiet = false
	return k.learnEpoch()
}

// line returns the line of the next message. It is valid until the next call.
func (k *Kept) line() []byte {
	line := k.lines[k.sent%uint64(len(k.lines))]
	payload := line[len(line)-k.tail-k.config.PayloadBytes:]
	putDigits(payload[seqAt:timeAt], k.sent)
	k.sent++
	return line
}

// publish publishes up to message number end. It returns when the kernel has accepted all lines.
func (k *Kept) publish(end uint64) error {
	for deadline := time.Now().Add(time.Minute); k.sent < end || len(k.pub.out) > 0; {
		for k.sent < end && k.pub.sent == 0 && len(k.pub.out) < burstMax {
			k.pub.out = append(k.pub.out, k.line()...)
		}
		if err := k.pub.flush(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("publisher: the server accepted only %d of %d messages in a minute", k.sent, end)
		}
		if !k.pub.writable {
			events, err := k.poller.Wait(waitMax)
			if err != nil {
				return err
			}
			k.pub.writable = len(events) > 0
		}
	}
	return nil
}

// learnEpoch requests the newest message of the last namespace and reads its id, which must have
// the expected sequence. With a store, OK means that the store has a message, and subscribers may
// receive it a little later. Until then, an older message is the newest.
func (k *Kept) learnEpoch() error {
	conn, err := net.DialTimeout("tcp", k.config.Subscribe, askTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(askTimeout))
	fmt.Fprintf(conn, "GET /subscribe%s?last=1 HTTP/1.1\r\nHost: bench\r\n\r\n", k.namespace(k.config.Namespaces-1))
	for lines := bufio.NewReader(conn); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the newest message has not arrived: %w", err)
		}
		if id, ok := strings.CutPrefix(line, "id:"); ok {
			epoch, number, _ := strings.Cut(strings.TrimSpace(id), "-")
			got, err := strconv.ParseUint(number, 10, 64)
			want := k.first + k.sent - 1
			if err == nil && got < want {
				continue
			}
			if got != want {
				return fmt.Errorf("the newest message has the id %q, want an id that ends in %d", id, want)
			}
			k.epoch = epoch
			return nil
		}
	}
}

// id returns the server's id of message n.
func (k *Kept) id(n uint64) string { return fmt.Sprintf("%s-%d", k.epoch, k.first+n) }
