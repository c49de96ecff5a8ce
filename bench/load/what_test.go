package load

import (
	"slices"
	"strings"
	"testing"
)

// TestShapes checks the subscribers and namespaces of all kinds of topics.
func TestShapes(t *testing.T) {
	for name, topics := range map[string][]Topic{"split": Split(7, 3), "one": Split(7, 1), "sets": Sets(7, 3, 4), "deep": Deep(7, 5)} {
		sum := 0
		seen := map[string]bool{}
		for _, topic := range topics {
			sum += topic.Subscribers
			for _, namespace := range topic.Namespaces {
				if seen[namespace] {
					t.Errorf("%s: %s is in two topics", name, namespace)
				}
				seen[namespace] = true
			}
			for _, target := range topic.Targets {
				if !covers(strings.Split(strings.TrimPrefix(target, "?ns="), "&ns="), topic.Namespaces[0]) {
					t.Errorf("%s: %q does not cover %s", name, target, topic.Namespaces[0])
				}
			}
		}
		if sum != 7 {
			t.Errorf("%s: %d subscribers, want 7", name, sum)
		}
		seats := seated(topics)
		for i, topic := range topics {
			n := 0
			for _, seat := range seats {
				if int(seat) == i {
					n++
				}
			}
			if n != topic.Subscribers {
				t.Errorf("%s: %d seats at topic %d, want %d", name, n, i, topic.Subscribers)
			}
		}
	}
	if deep := Deep(1, 3)[0]; !slices.Equal(deep.Targets, []string{"/0", "/0/1", "/0/1/2"}) || deep.Namespaces[0] != "/0/1/2" {
		t.Errorf("%+v", deep)
	}
}

// TestTurns runs an open loop in which one topic has its turn three times as often as the other,
// and the topics have different payload sizes.
func TestTurns(t *testing.T) {
	h := (&hub{}).start(t)
	config := h.config()
	config.Topics = Split(4, 2)
	config.Topics[1].PayloadBytes = 100
	config.RatePerSec, config.Turns = 1000, []int{0, 0, 0, 1}
	_, g, err := play(t, config)
	if err != nil {
		t.Fatal(err)
	}
	often, rare := g.topics[0].sent, g.topics[1].sent
	if rare == 0 || often < 3*rare || often > 3*rare+3 || len(g.topics[1].payload) != 100 {
		t.Fatalf("%d and %d messages", often, rare)
	}
	if n := g.Answers().TotalCount(); n != 4 {
		t.Fatalf("%d answers were timed, want 4", n)
	}
}
