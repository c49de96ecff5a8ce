package load

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// connected returns a generator with connected subscribers.
func connected(t *testing.T, config Config) *Generator {
	t.Helper()
	g, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	if err := g.Connect(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	return g
}

func nothing() error { return nil }

// TestBurstTimesAreTimesOfArrival checks the times of a burst. The hub sends the message to one
// subscriber after the other, with a pause before each of them. The generator reads much later.
func TestBurstTimesAreTimesOfArrival(t *testing.T) {
	const pause = 20 * time.Millisecond
	h := (&hub{frame: func(_, _ int, event, data string) string {
		time.Sleep(pause)
		return ssedFrame(event, data)
	}}).start(t)
	b, err := connected(t, h.config()).Bursts(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		start, ended := time.Now(), time.Duration(0)
		burst, err := b.Next(time.Second, 10*time.Second, func() error { ended = time.Since(start); return nil })
		if err != nil {
			t.Fatalf("burst %d: %v", n, err)
		}
		if burst.First < pause || burst.Half < burst.First+2*pause || burst.Last < burst.Half+2*pause {
			t.Errorf("burst %d: %+v, but each of 5 subscribers waited %v longer than the one before", n, burst, pause)
		}
		if ended < time.Second || burst.Slept != (burst.Last < ended) {
			t.Errorf("burst %d: %+v, and the sleep ended after %v", n, burst, ended)
		}
	}
}

// TestShortSleepIsNoticed verifies that Slept is false if a message arrived after the sleep.
func TestShortSleepIsNoticed(t *testing.T) {
	ended := make(chan struct{})
	var warm atomic.Bool
	h := (&hub{frame: func(subscriber, _ int, event, data string) string {
		if subscriber == 4 && warm.Load() {
			<-ended
		}
		return ssedFrame(event, data)
	}}).start(t)
	b, err := connected(t, h.config()).Bursts(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	warm.Store(true)
	burst, err := b.Next(time.Millisecond, 10*time.Second, func() error { close(ended); return nil })
	if err != nil || burst.Slept {
		t.Errorf("%+v, %v: the last message arrived after the sleep", burst, err)
	}
}

// TestFaultsFailTheBurst verifies that a burst fails if a subscriber gets a wrong message or none.
func TestFaultsFailTheBurst(t *testing.T) {
	for name, faulty := range map[string]func(event, data string) string{
		"lost":    func(_, _ string) string { return ":\n\n" },
		"damaged": func(event, data string) string { return ssedFrame(event, data[:len(data)-1]+"!") },
		"twice":   func(event, data string) string { return ssedFrame(event, data) + ssedFrame(event, data) },
	} {
		var warm atomic.Bool
		h := (&hub{frame: func(subscriber, _ int, event, data string) string {
			if subscriber == 3 && warm.Load() {
				return faulty(event, data)
			}
			return ssedFrame(event, data)
		}}).start(t)
		b, err := connected(t, h.config()).Bursts(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		warm.Store(true)
		if burst, err := b.Next(millis(50), millis(100), nothing); err == nil || !strings.Contains(err.Error(), "subscriber ") {
			t.Errorf("%s: %+v, %v", name, burst, err)
		}
	}
}

// TestBurstsNeedReaders verifies that Bursts rejects generators that it cannot measure.
func TestBurstsNeedReaders(t *testing.T) {
	h := (&hub{}).start(t)
	for name, spoil := range map[string]func(*Config){
		"two topics":    func(c *Config) { c.Topics = Split(4, 2) },
		"stalled":       func(c *Config) { c.Stalled = 1 },
		"no publisher":  func(c *Config) { c.Publish = "" },
		"none of these": func(*Config) {},
	} {
		config := h.config()
		spoil(&config)
		if _, err := connected(t, config).Bursts(10 * time.Second); (err == errNotAlone) == (name == "none of these") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
