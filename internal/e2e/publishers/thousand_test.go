package publishers

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// TestThousandPublishersTogether connects a thousand publishers before the first of them publishes,
// and then lets all publish at the same time. It verifies that each is answered in order, and that
// a subscriber receives every message, each publisher's in the order in which they were published.
func TestThousandPublishersTogether(t *testing.T) {
	const many, each = 1000, 20
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Max < 6000 {
		testtool.Lack(t, "a thousand publishers need 6,000 open files, but the limit is %d (%v)", files.Max, err)
	}
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		d := testtool.Start(t, flag)
		news := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/news")
		publishers := make([]*testtool.Publisher, many)
		for i := range publishers {
			publishers[i] = testtool.DialPublisher(t, d.Publish[0])
			if got := publishers[i].Ask(t, "PING"); got != "PONG" {
				t.Fatalf("publisher %d got the reply %q, want PONG", i, got)
			}
		}
		sequences := make([][]int, many)
		var all sync.WaitGroup
		for i, p := range publishers {
			all.Go(func() {
				var err error
				if sequences[i], err = publishEach(p, i, each); err != nil {
					t.Errorf("publisher %d: %v", i, err)
				}
			})
		}
		received := make([]int, many*each+1) // by sequence: the publisher of the message, counted from 1
		next := make([]int, many)
		for sequence := 1; sequence <= many*each; sequence++ {
			var from, number int
			frame := news.Frame(t)
			if n, err := fmt.Sscanf(frame, "data:%d %d\n\n", &from, &number); n != 2 || number != next[from] {
				t.Fatalf("frame %d is %q (%v), want message %d of its publisher", sequence, frame, err, next[from])
			}
			next[from]++
			received[sequence] = from + 1
		}
		all.Wait()
		for from, own := range sequences {
			for _, sequence := range own {
				if sequence > many*each || received[sequence] != from+1 {
					t.Fatalf("publisher %d got the reply OK %d, but that message is not its own", from, sequence)
				}
			}
		}
	})
}

// publishEach pipelines messages and returns their sequences, which must increase.
func publishEach(p *testtool.Publisher, from, count int) (sequences []int, err error) {
	var lines strings.Builder
	for number := range count {
		fmt.Fprintf(&lines, "PUB /news - %d %d\n", from, number)
	}
	if _, err := p.Conn.Write([]byte(lines.String())); err != nil {
		return nil, err
	}
	return readSequences(p, count)
}

// readSequences reads the replies to a number of messages, and returns the sequences in them.
func readSequences(p *testtool.Publisher, count int) (sequences []int, err error) {
	last := 0
	for range count {
		reply, err := p.ReadReply()
		if err != nil {
			return nil, err
		}
		var sequence int
		if n, err := fmt.Sscanf(reply, "OK %d", &sequence); n != 1 || sequence <= last {
			return nil, fmt.Errorf("the reply after OK %d is %q (%v)", last, reply, err)
		}
		sequences = append(sequences, sequence)
		last = sequence
	}
	return sequences, nil
}
