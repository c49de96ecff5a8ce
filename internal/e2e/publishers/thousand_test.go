package publishers

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// TestThousandAtOnce: a thousand publishers are connected before the first of them
// publishes, and then all do. Each is answered in order, and a subscriber receives
// everything, each publisher's messages in the order in which they were published.
func TestThousandAtOnce(t *testing.T) {
	const many, each = 1000, 20
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Max < 6000 {
		testtool.Lack(t, "a thousand publishers need 6,000 open files to be allowed, and %d are (%v)", files.Max, err)
	}
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		d := testtool.Start(t, flag)
		news := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/news")
		publishers := make([]*testtool.Publisher, many)
		for i := range publishers {
			publishers[i] = testtool.DialPublisher(t, d.Publish[0])
			if got := publishers[i].Ask(t, "PING"); got != "PONG" {
				t.Fatalf("publisher %d is answered %q", i, got)
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
		received := make([]int, many*each+1) // by sequence: who sent the message, counted from 1
		next := make([]int, many)
		for sequence := 1; sequence <= many*each; sequence++ {
			var from, number int
			frame := news.Frame(t)
			if n, err := fmt.Sscanf(frame, "data:%d %d\n\n", &from, &number); n != 2 || number != next[from] {
				t.Fatalf("frame %d is %q (%v), where message %d of that publisher was due", sequence, frame, err, next[from])
			}
			next[from]++
			received[sequence] = from + 1
		}
		all.Wait()
		for from, own := range sequences {
			for _, sequence := range own {
				if sequence > many*each || received[sequence] != from+1 {
					t.Fatalf("publisher %d was told OK %d, which is not the place of a message of its", from, sequence)
				}
			}
		}
	})
}

// publishEach pipelines messages and returns their sequences, which must rise.
func publishEach(p *testtool.Publisher, from, count int) (sequences []int, err error) {
	var lines strings.Builder
	for number := range count {
		fmt.Fprintf(&lines, "PUB /news - %d %d\n", from, number)
	}
	if _, err := p.Conn.Write([]byte(lines.String())); err != nil {
		return nil, err
	}
	last := 0
	for range count {
		reply, err := p.ReadReply()
		if err != nil {
			return nil, err
		}
		var sequence int
		if n, err := fmt.Sscanf(reply, "OK %d", &sequence); n != 1 || sequence <= last {
			return nil, fmt.Errorf("OK %d was followed by %q (%v)", last, reply, err)
		}
		sequences = append(sequences, sequence)
		last = sequence
	}
	return sequences, nil
}
