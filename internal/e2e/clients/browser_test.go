package clients

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// A browser is a real browser that node/browser.mjs drives. It starts with the first
// page that a test opens and ends with the test process. Tests share it, but each
// has an origin of its own and a tab of its own.
type browser struct {
	engine   string // as node/browser.mjs knows it
	programs []string

	once    sync.Once
	err     error
	version string
	stderr  testtool.LockedBuffer
	stdin   io.WriteCloser
	ended   chan struct{} // closed when the script has ended

	mu      sync.Mutex
	sent    int
	waiting map[int]chan<- answer
}

// An answer is one line that node/browser.mjs prints.
type answer struct {
	ID                  int
	Tab, Version, Error string
}

// browsers are the three engines that browsers are built on.
var browsers = []*browser{
	{engine: "chromium", programs: []string{"node", "npm", "chromium"}},
	{engine: "firefox", programs: []string{"node", "npm", "firefox-esr"}},
	{engine: "webkit", programs: []string{"node", "npm", "WebKitWebDriver", "Xvfb"}},
}

// browserPatience is for what a browser is told to do: it has other tabs, and does one
// thing after the other.
const browserPatience = 4 * testtool.Patience

// need skips the test if a program is missing that the browser needs.
func (b *browser) need(t *testing.T) {
	t.Helper()
	testtool.Need(t, b.programs[0], b.programs[1:]...)
	needPackages(t)
}

// endsIfRefused is source.endsIfRefused for every EventSource of the browser.
func (b *browser) endsIfRefused() bool { return b.engine == "firefox" }

// open opens a page of the watcher's in a tab of its own. The tab is closed when the test
// ends, if closeTab was not called before.
func (b *browser) open(t *testing.T, w *watcher, page string, query url.Values) (closeTab func()) {
	t.Helper()
	node := testtool.Need(t, "node")
	b.once.Do(func() { b.start(node) })
	if b.err != nil {
		t.Fatalf("%s: %v\n%s", b.engine, b.err, b.stderr.String())
	}
	opened, err := b.ask(map[string]any{"open": w.origin + "/" + page + "?" + query.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	closeTab = sync.OnceFunc(func() {
		if _, err := b.ask(map[string]any{"close": opened.Tab}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(closeTab)
	return closeTab
}

// in returns an opener of an EventSource in a page or, through one, in a worker.
func (b *browser) in(page string) opener {
	return func(t *testing.T, subscribe string, names ...string) *watcher {
		t.Helper()
		w := newWatcher(t)
		b.open(t, w, page, url.Values{"url": {subscribe}, "name": names})
		return w
	}
}

func (b *browser) start(node string) {
	cmd := exec.Command(node, filepath.Join(nodeFolder, "browser.mjs"), b.engine)
	cmd.Stderr = &b.stderr
	cmd.WaitDelay = testtool.Patience // for a browser that outlives the script and holds its output open
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if b.err = errors.Join(err1, err2); b.err != nil {
		return
	}
	if b.err = cmd.Start(); b.err != nil {
		return
	}
	b.stdin, b.ended, b.waiting = stdin, make(chan struct{}), map[int]chan<- answer{}
	ready := make(chan answer, 1)
	b.waiting[0] = ready
	go func() {
		defer close(b.ended)
		b.read(stdout)
		cmd.Wait()
	}()
	select {
	case first := <-ready:
		b.version = first.Version
	case <-b.ended:
		b.err = errors.New("the browser did not start")
	case <-time.After(browserPatience):
		b.err = fmt.Errorf("the browser did not start within %v", browserPatience)
	}
}

// read passes each answer to the ask that waits for it.
func (b *browser) read(stdout io.Reader) {
	for lines := bufio.NewReader(stdout); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			fmt.Fprintf(&b.stderr, "not an answer: %s\n", line)
			return
		}
		b.mu.Lock()
		if answered := b.waiting[a.ID]; answered != nil {
			delete(b.waiting, a.ID)
			answered <- a
		}
		b.mu.Unlock()
	}
}

// ask sends a command to the script and waits for the answer.
func (b *browser) ask(command map[string]any) (a answer, err error) {
	answered := make(chan answer, 1)
	b.mu.Lock()
	b.sent++
	command["id"] = b.sent
	b.waiting[b.sent] = answered
	line, err := json.Marshal(command)
	if err == nil {
		_, err = b.stdin.Write(append(line, '\n'))
	}
	b.mu.Unlock()
	if err != nil {
		return a, fmt.Errorf("%s: %w\n%s", b.engine, err, b.stderr.String())
	}
	select {
	case a = <-answered:
		if a.Error != "" {
			return a, fmt.Errorf("%s: %s: %s", b.engine, line, a.Error)
		}
		return a, nil
	case <-b.ended:
		return a, fmt.Errorf("%s ended at %s:\n%s", b.engine, line, b.stderr.String())
	case <-time.After(browserPatience):
		return a, fmt.Errorf("%s did not answer %s within %v", b.engine, line, browserPatience)
	}
}

// endBrowsers ends the browsers that were started.
func endBrowsers() {
	for _, b := range browsers {
		if b.stdin != nil {
			b.stdin.Close()
			<-b.ended
		}
	}
}
