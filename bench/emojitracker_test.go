package main

import "testing"

// TestEmojiTopicsTakeTheirTurns checks that the turns visit every topic in the right proportion.
func TestEmojiTopicsTakeTheirTurns(t *testing.T) {
	topics, turns := emojiTopics(emojiSubscribers)
	sum := 0
	for _, topic := range topics {
		sum += topic.Subscribers
	}
	if len(topics) != 2+emojiTotal || sum != emojiSubscribers {
		t.Fatalf("%d topics with %d subscribers", len(topics), sum)
	}
	count := make([]int, len(topics))
	for _, topic := range turns {
		count[topic]++
	}
	eps, raw := count[0], count[1]
	if raw != emojiPerEps*eps {
		t.Errorf("%d sums and %d tweets", eps, raw)
	}
	for i, n := range count[2:] {
		if n*emojiTotal != raw {
			t.Errorf("emoji %d is in %d of %d tweets", i, n, raw)
		}
	}
}
