package load

import (
	"strings"
	"testing"
	"time"
)

// crowdConfig returns a small crowd for the hub. The hub matches namespaces only by their exact
// names.
func (h *hub) crowdConfig() CrowdConfig {
	return CrowdConfig{Subscribe: h.subscribe.Addr().String(), Publish: h.publish.Addr().String(), Steady: 3, Churning: 4, Sipping: 1, Deaf: 1,
		Subscriptions: [][]string{{"/a"}, {"/b"}}, Namespaces: []string{"/a", "/b", "/a"}, PayloadBytes: 40, Publishers: 2, InFlight: 8, PacedPerSec: 200}
}

// playCrowd runs a crowd from its first connection until all members have left.
func playCrowd(t *testing.T, config CrowdConfig, d time.Duration) (*Crowd, error) {
	t.Helper()
	c, err := NewCrowd(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Connect(5 * time.Second); err != nil {
		return c, err
	}
	if err := c.Run(d, time.Second, func() error { return nil }); err != nil {
		return c, err
	}
	if err := c.Drain(2 * time.Second); err != nil {
		return c, err
	}
	return c, c.Leave(5 * time.Second)
}

// TestCrowdReceivesEveryMessage verifies that a crowd receives every message and counts every
// connection.
func TestCrowdReceivesEveryMessage(t *testing.T) {
	h := (&hub{}).start(t)
	config := h.crowdConfig()
	config.Sipping, config.Deaf = 0, 0 // the hub blocks on subscribers that do not read
	c, err := playCrowd(t, config, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	n := c.Counts
	if n.Published == 0 || n.Heard <= n.Published || uint64(h.taken()) != n.Published {
		t.Errorf("%+v, and the hub accepted %d", n, h.taken())
	}
	if n.Opened <= 7 || n.Left < 3 || n.Left+n.Reset+n.Hurried+n.Cut != n.Opened {
		t.Errorf("%+v: not every connection ended in one of the ways", n)
	}
}

// TestEveryFaultFailsTheCrowd verifies that a crowd fails when the server loses, repeats, reorders,
// damages or invents a message.
func TestEveryFaultFailsTheCrowd(t *testing.T) {
	var held string
	for _, test := range []struct {
		name, want string
		frame      func(who, n int, event, data string) string
	}{
		{"one is lost", "was due", func(who, n int, e, d string) string {
			if n == 50 {
				return ""
			}
			return ssedFrame(e, d)
		}},
		{"one comes twice", "was due", func(who, n int, e, d string) string {
			return strings.Repeat(ssedFrame(e, d), 1+n/50%2)
		}},
		{"two change places", "was due", func(who, n int, e, d string) string {
			frame := ssedFrame(e, d)
			switch n {
			case 50:
				held = frame
				return ""
			case 51:
				return frame + held
			}
			return frame
		}},
		{"the last are lost", "waited", func(who, n int, e, d string) string {
			if n >= 50 {
				return ""
			}
			return ssedFrame(e, d)
		}},
		{"one is damaged", "damaged", func(who, n int, e, d string) string {
			if n == 50 {
				d = d[:20] + "!" + d[21:]
			}
			return ssedFrame(e, d)
		}},
		{"one was never sent", "never sent", func(who, n int, e, d string) string {
			if n == 50 {
				d = string(marker) + "7" + d[2:]
			}
			return ssedFrame(e, d)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := (&hub{frame: test.frame}).start(t)
			config := h.crowdConfig()
			config.Steady, config.Churning, config.Sipping, config.Deaf = 1, 0, 0, 0
			config.Subscriptions, config.Namespaces = [][]string{{"/a"}}, []string{"/a"}
			config.Publishers, config.PacedPerSec = 1, 0
			config.Patience = millis(200)
			if _, err := playCrowd(t, config, time.Second); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// TestCrowdDetectsMessagesOfOtherNamespaces verifies that a crowd fails when it receives a message
// of another namespace.
func TestCrowdDetectsMessagesOfOtherNamespaces(t *testing.T) {
	h := (&hub{frame: func(_, _ int, e, d string) string { return ssedFrame(e, d) }}).start(t) // sends everything to all subscribers
	if _, err := playCrowd(t, h.crowdConfig(), time.Second); err == nil || !strings.Contains(err.Error(), "was due") {
		t.Fatalf("got %v", err)
	}
}

// TestCrowdOnlyTalksToLoopback verifies that NewCrowd rejects other addresses and invalid
// configurations.
func TestCrowdOnlyTalksToLoopback(t *testing.T) {
	h := (&hub{}).start(t)
	for _, spoil := range []func(*CrowdConfig){
		func(c *CrowdConfig) { c.Subscribe = "192.0.2.1:8001" },
		func(c *CrowdConfig) { c.Publish = "192.0.2.1:8002" },
		func(c *CrowdConfig) { c.Publishers = publishersMax + 1 },
		func(c *CrowdConfig) { c.InFlight = 0 },
		func(c *CrowdConfig) { c.Subscriptions = nil },
	} {
		config := h.crowdConfig()
		spoil(&config)
		if _, err := NewCrowd(config); err == nil {
			t.Errorf("%+v was accepted", config)
		}
	}
}
