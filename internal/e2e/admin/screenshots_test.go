//go:build screenshots

package admin

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// liveTime is how long the daemon of the screenshots is busy before they are taken.
const liveTime = 3 * time.Minute

// TestScreenshots renews the pictures in docs/, with a daemon that has something to do. Run it
// after a change of the page. It has a build tag, because it takes minutes and no two pictures are
// alike.
func TestScreenshots(t *testing.T) {
	testtool.Need(t, "chromium")
	d := testtool.StartEnv(t, []string{"GO_ENV=production", "DYNO=web-1"}, "--stall-timeout=1h")
	crowd(t, d)
	publish(t, d)
	time.Sleep(liveTime)
	sleeper(t, d)
	p := openPage(t, d.Subscribe[0])
	p.click(t, "#slowest")
	p.fill(t, "#listen input", "/news")
	p.click(t, "#listen-start")
	p.wait(t, "some news", `document.querySelectorAll("#heard .line").length > 9`)
	p.wait(t, "a blocked subscriber", `document.querySelector("#rows .blocked")`)

	p.size(t, 1440, 1260)
	for _, scheme := range []string{"light", "dark"} {
		p.prefer(t, "prefers-color-scheme", scheme)
		p.shoot(t, "admin-"+scheme+".png")
	}
	p.prefer(t, "prefers-color-scheme", "light")
	p.size(t, 360, 740)
	p.shoot(t, "admin-phone.png")
}

// shoot writes a picture of the page to docs/, after the page is drawn and its animations have
// finished.
func (p *page) shoot(t *testing.T, name string) {
	t.Helper()
	p.wait(t, "the top of a drawn page", `(scrollTo(0, 0), new Promise(requestAnimationFrame)
		.then(() => Promise.all(document.getAnimations().map(animation => animation.finished)))
		.then(() => new Promise(requestAnimationFrame)))`)
	if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", name), p.screenshot(t), 0o644); err != nil {
		t.Fatal(err)
	}
}

// crowd subscribes 114 clients to several namespaces. 30 of them leave after 10 to 213 seconds.
func crowd(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	agents := []string{
		"curl/8.14.1", "Go-http-client/1.1", "node",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
	}
	places := []string{"/raw", "/eps", "/news", "/news/europe", "/news/asia/japan", "/details/1F600", "/details/1F44D", "/details/2764", "?ns=/news&ns=/weather", "?ns=/details/1F600&ns=/details/2764"}
	for i := range 84 {
		visit(t, d, places[i*7%len(places)], agents[i%len(agents)], liveTime*10)
	}
	for i := range 30 {
		visit(t, d, "/news", agents[0], time.Duration(10+i*7)*time.Second)
	}
}

// visit subscribes for a time, and reads everything it receives.
func visit(t *testing.T, d *testtool.Daemon, namespace, agent string, stay time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stay)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.Subscribe[0]+"/subscribe"+namespace, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("User-Agent", agent)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer answer.Body.Close()
		io.Copy(io.Discard, answer.Body)
	}()
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

// publish publishes until the test ends, at a rate that rises and falls.
func publish(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	publisher := testtool.DialPublisher(t, d.Publish[0])
	publisher.Ask(t, "QUIET on") // this is the last command that gets a reply
	publisher.Conn.SetWriteDeadline(time.Time{})
	begin := time.Now()
	go func() {
		for err := error(nil); err == nil; time.Sleep(20 * time.Millisecond) {
			wave := 1.4 + math.Sin(time.Since(begin).Seconds()/14)
			lines := &strings.Builder{}
			for range int(wave * (3 + 2*rand.Float64())) {
				fmt.Fprintf(lines, "PUB %s update %s\n", somewhere(), strings.Repeat("x", 200))
			}
			if rand.IntN(20) == 0 {
				fmt.Fprintf(lines, "PUB /news/europe headline number %d of today\n", rand.IntN(1000))
			}
			_, err = io.WriteString(publisher.Conn, lines.String())
		}
	}()
}

func somewhere() string {
	places := []string{"/raw", "/raw", "/raw", "/eps", "/details/1F600", "/details/1F44D", "/details/2764", "/weather"}
	return places[rand.IntN(len(places))]
}

// screenshot returns the visible part of the page as a PNG.
func (p *page) screenshot(t *testing.T) []byte {
	t.Helper()
	var shot struct{ Data string }
	p.Do(t, "Page.captureScreenshot", testtool.Values{"format": "png"}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		t.Fatal(err)
	}
	return png
}
