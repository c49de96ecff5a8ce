package loop

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestWheelAgainstModel sets and clears random deadlines, including ones more than one turn ahead
// and from inside expire, and compares with a map from clients to ticks.
func TestWheelAgainstModel(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 3))
		var w wheel
		clients := make([]client, 200)
		model := map[*client]uint32{}
		set := func(c *client) {
			after := uint32(random.IntN(3 * wheelSlots))
			w.set(c, after)
			model[c] = w.now + max(after, 1)
		}
		for range 10_000 {
			c := &clients[random.IntN(len(clients))]
			switch random.IntN(4) {
			case 0:
				set(c)
			case 1:
				w.clear(c)
				delete(model, c)
			default:
				var expired []*client
				w.advance(func(c *client) {
					expired = append(expired, c)
					if due, ok := model[c]; !ok || due != w.now {
						t.Fatalf("a client expired at tick %d, in the model at %d, %t", w.now, due, ok)
					}
					delete(model, c)
					if random.IntN(2) == 0 {
						set(c)
					}
					other := &clients[random.IntN(len(clients))]
					w.clear(other) // as if closing one client inside expire closes others, too
					delete(model, other)
				})
				for c, due := range model {
					if due == w.now && len(expired) >= 0 {
						t.Fatalf("a client due at %d did not expire (%p)", due, c)
					}
				}
			}
		}
	}
}

// TestTicksRoundUp verifies that durations are rounded up to ticks.
func TestTicksRoundUp(t *testing.T) {
	for d, want := range map[time.Duration]uint32{0: 0, 1: 1, tick: 1, tick + 1: 2, time.Second: uint32(time.Second / tick), 120_000 * time.Hour: ticksMax, 1<<63 - 1: ticksMax} {
		if got := ticks(d); got != want {
			t.Errorf("ticks(%v) = %d, want %d", d, got, want)
		}
	}
}

// TestWheelDoesNotAllocate verifies that setting and clearing deadlines does not allocate.
func TestWheelDoesNotAllocate(t *testing.T) {
	var w wheel
	var c client
	if n := testing.AllocsPerRun(1000, func() { w.set(&c, 5); w.advance(func(*client) {}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
