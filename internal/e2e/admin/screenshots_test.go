package admin

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// liveTime is how long the daemon of the screenshots is busy before they are taken.
const liveTime = 3 * time.Minute

// TestScreenshots renews the pictures in docs/, with a daemon that has something to do.
// It is for who has changed the page: it takes minutes, and no two pictures are alike.
func TestScreenshots(t *testing.T) {
	if os.Getenv("SSED_SCREENSHOTS") == "" {
		t.Skip("set SSED_SCREENSHOTS=1 to renew the pictures in docs/")
	}
	d := testtool.StartEnv(t, []string{"GO_ENV=production", "DYNO=web-1"})
	crowd(t, d)
	sleeper(t, d)
	busy(t, d)
	p := openPage(t, d.Subscribe[0])
	p.click(t, "#slowest")
	p.fill(t, "#listen input", "/news")
	p.click(t, "#listen-start")
	p.click(t, "#publish button")

	p.size(t, 1440, 1180)
	for _, scheme := range []string{"light", "dark"} {
		p.prefer(t, "prefers-color-scheme", scheme)
		p.shoot(t, "admin-"+scheme+".png")
	}
	p.prefer(t, "prefers-color-scheme", "light")
	p.size(t, 360, 740)
	p.shoot(t, "admin-phone.png")
}

// shoot writes what is seen to docs/, once it is drawn.
func (p *page) shoot(t *testing.T, name string) {
	t.Helper()
	p.wait(t, "the top of a drawn page", `(scrollTo(0, 0), new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true)))))`)
	if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", name), p.screenshot(t), 0o644); err != nil {
		t.Fatal(err)
	}
}

// crowd subscribes a few dozen clients here and there.
func crowd(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	agents := []string{
		"curl/8.14.1", "Go-http-client/1.1", "node",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
	}
	places := []string{"/raw", "/eps", "/news", "/news/europe", "/news/asia/japan", "/details/1F600", "/details/1F44D", "/details/2764", "?ns=/news&ns=/weather", "?ns=/details/1F600&ns=/details/2764"}
	for i := range 84 {
		subscribe(t, d, places[i*7%len(places)], agents[i%len(agents)])
	}
}

// sleeper subscribes and reads nothing.
func sleeper(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.Subscribe[0], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	io.WriteString(conn, "GET /subscribe/raw HTTP/1.1\r\nHost: x\r\nUser-Agent: asleep/0.1\r\n\r\n")
}

// busy publishes for a while, now more and now less, and lets somebody leave.
func busy(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	publisher := testtool.DialPublisher(t, d.Publish[0])
	publisher.Ask(t, "QUIET on") // it is answered for the last time
	for begin := time.Now(); time.Since(begin) < liveTime; time.Sleep(20 * time.Millisecond) {
		wave := 1.4 + math.Sin(time.Since(begin).Seconds()/14)
		lines := &strings.Builder{}
		for range int(wave * (3 + 2*rand.Float64())) {
			fmt.Fprintf(lines, "PUB %s %s %s\n", somewhere(), "update", strings.Repeat("x", 200))
		}
		publisher.Send(t, lines.String())
		if rand.IntN(400) == 0 {
			t.Run("a visit", func(t *testing.T) { subscribe(t, d, "/news", "curl/8.14.1") })
		}
	}
}

func somewhere() string {
	places := []string{"/raw", "/raw", "/raw", "/eps", "/details/1F600", "/details/1F44D", "/details/2764", "/weather"}
	return places[rand.IntN(len(places))]
}
