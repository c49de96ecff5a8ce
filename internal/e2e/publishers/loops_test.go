package publishers

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestThousandSubscribersOfTwoLoops lets eight publishers send messages of random sizes to a
// thousand subscribers of a daemon with two event loops. Each subscriber must receive the same
// stream: every message once, in the order of the numbers that the publishers got in their replies.
func TestThousandSubscribersOfTwoLoops(t *testing.T) {
	const publishers = 8
	subscribers, each := testtool.FewerUnderRace(1000), 40
	needFiles(t, subscribers)
	d := testtool.Start(t, "--loops=2", "--publish-loop=own", "--history=100000")
	var all sync.WaitGroup
	sums := make([]uint64, subscribers)
	var frames []string // of the first subscriber
	for i := range subscribers {
		stream := testtool.OpenStream(t, d.Subscribe[0], "/subscribe/news")
		all.Go(func() {
			sum := fnv.New64a()
			for n := range publishers * each {
				frame, err := stream.Frame()
				if err != nil {
					t.Errorf("subscriber %d, message %d: %v", i, n, err)
					return
				}
				sum.Write([]byte(frame))
				if i == 0 {
					frames = append(frames, frame)
				}
			}
			sums[i] = sum.Sum64()
		})
	}
	sent := make([]map[int]string, publishers) // by publisher and sequence
	for i := range sent {
		p := testtool.DialPublisher(t, d.Publish[0])
		all.Go(func() {
			var err error
			if sent[i], err = publishRandomSizes(p, i, each); err != nil {
				t.Errorf("publisher %d: %v", i, err)
			}
		})
	}
	all.Wait()
	wanted := map[int]string{}
	for _, messages := range sent {
		for sequence, data := range messages {
			wanted[sequence] = data
		}
	}
	for n, frame := range frames {
		id, rest, _ := strings.Cut(frame, "\n")
		if sequence := n + 1; !strings.HasSuffix(id, fmt.Sprint("-", sequence)) || rest != "data:"+wanted[sequence]+"\n\n" {
			t.Fatalf("message %d is %.80q, want %.60q", sequence, frame, wanted[sequence])
		}
	}
	for i, sum := range sums {
		if sum != sums[0] {
			t.Errorf("subscriber %d has received another stream than the first one", i)
		}
	}
}

// publishRandomSizes pipelines messages of one publisher. It returns their data by the sequences in
// the replies, which must increase.
func publishRandomSizes(p *testtool.Publisher, from, count int) (sent map[int]string, err error) {
	random := rand.New(rand.NewPCG(uint64(from), 16))
	var lines strings.Builder
	data := make([]string, count)
	for number := range data {
		size := random.IntN(500)
		if random.IntN(10) == 0 {
			size = random.IntN(10_000)
		}
		data[number] = fmt.Sprintf("%d %d %s", from, number, strings.Repeat("x", size))
		fmt.Fprintf(&lines, "PUB /news - %s\n", data[number])
	}
	if _, err := p.Conn.Write([]byte(lines.String())); err != nil {
		return nil, err
	}
	sequences, err := readSequences(p, len(data))
	if err != nil {
		return nil, err
	}
	sent = map[int]string{}
	for number, sequence := range sequences {
		sent[sequence] = data[number]
	}
	return sent, nil
}
