package load

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTopicAgainstModel compares a random run with a simple model: a list of all frames and a list
// of positions in bytes.
func TestTopicAgainstModel(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		window := uint64(1 + random.IntN(20))
		topic := newTopic(random.IntN(3), 3, Split(1, 1)[0], pubLine, PayloadMin+random.IntN(20), window)
		var frames []byte // all published frames, as they must arrive
		frame := uint64(len(topic.frame))
		at := make([]uint64, 1+random.IntN(10)) // bytes that each subscriber has received
		for range at {
			topic.join()
		}
		for range 300 {
			if random.IntN(2) == 0 && topic.room() > 0 {
				line := topic.publish(nil, random.Int64N(1<<40))
				payload := line[len(line)-1-len(topic.payload) : len(line)-1]
				seq, _, err := readPayload(payload, topic.payload[fillerAt:])
				if err != nil || seq != topic.first+topic.sent-1 {
					t.Fatalf("line %q: %d, %v", line, seq, err)
				}
				frames = append(append(append(frames, "event:tick\ndata:"...), payload...), "\n\n"...)
			}
			who := random.IntN(len(at))
			got := frames[at[who]:]
			got = got[:random.IntN(len(got)+1)]
			position, offset := at[who]/frame, int(at[who]%frame)
			if !topic.matches(position, offset, got) {
				t.Fatalf("seed %d: %d right bytes at %d+%d do not match", seed, len(got), position, offset)
			}
			if len(got) > 0 {
				wrong := bytes.Clone(got)
				wrong[random.IntN(len(wrong))] ^= 1
				if topic.matches(position, offset, wrong) {
					t.Fatalf("seed %d: a wrong byte matches", seed)
				}
			}
			if rest := frames[at[who]:]; topic.matches(position, offset, append(bytes.Clone(rest), 'e')) {
				t.Fatalf("seed %d: a byte that was never published matches", seed)
			}
			if !bytes.Equal(topic.begun(position, offset), frames[position*frame:][:offset]) {
				t.Fatalf("seed %d: begun is wrong", seed)
			}
			before := topic.oldest
			at[who] += uint64(len(got))
			moved := topic.advance(position, at[who]/frame)
			if want := slices.Min(at) / frame; topic.oldest != want || moved != (want != before) {
				t.Fatalf("seed %d: oldest is %d (moved: %v), want %d after %d", seed, topic.oldest, moved, want, before)
			}
			if want := window - (topic.sent - topic.oldest); topic.room() != want {
				t.Fatalf("seed %d: room for %d, want %d", seed, topic.room(), want)
			}
		}
	}
}

// TestTopicsHaveSeparateNumbers verifies that topics have separate ranges of sequence numbers.
func TestTopicsHaveSeparateNumbers(t *testing.T) {
	const total = 1000
	var last uint64
	for n := range total {
		topic := newTopic(n, total, Split(1, 1)[0], pubLine, 64, 1)
		if n > 0 && topic.first < last+1<<20 {
			t.Fatalf("topic %d begins at %d, the one before at %d", n, topic.first, last)
		}
		if last = topic.first; last >= 1<<seqBits {
			t.Fatalf("topic %d begins at %d, which does not fit", n, last)
		}
	}
}

// TestTopicWithoutReadersHasNoRoom verifies that a topic without readers accepts no messages.
func TestTopicWithoutReadersHasNoRoom(t *testing.T) {
	topic := newTopic(0, 1, Split(1, 1)[0], pubLine, 64, 10)
	if topic.room() != 0 {
		t.Fatalf("room for %d messages without a reader", topic.room())
	}
}
