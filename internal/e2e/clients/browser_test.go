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

// A browser is a real browser that node/browser.mjs drives. It starts when a test opens the first
// page, and exits with the test process. Tests share the browser, but each has its own origin and
// its own tab.
type browser struct {
	engine   string // as node/browser.mjs knows it
	programs []string

	once    sync.Once
	err     error
	version string
	stderr  testtool.LockedBuffer
	stdin   io.WriteCloser
	ended   chan struct{} // closed when the script has exited

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

// browserPatience limits the wait for a command to the browser. The browser has other tabs, and
// executes one command after the other.
const browserPatience = 4 * testtool.Patience

// need skips the test if a program that the browser needs is missing.
func (b *browser) need(t *testing.T) {
	t.Helper()
	testtool.Need(t, b.programs[0], b.programs[1:]...)
	needPackages(t)
}

// givesUpIfRefused is source.givesUpIfRefused for every EventSource of the browser.
func (b *browser) givesUpIfRefused() bool { return b.engine == "firefox" }

// open opens one of the watcher's pages in a new tab. The tab is closed at the end of the test,
// unless closeTab was called before.
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

// in returns an opener that opens an EventSource in a page, or in a worker that the page starts.
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
	cmd.WaitDelay = testtool.Patience // a browser may outlive the script and hold its output open
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

// read passes each answer to the call of ask that waits for it.
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
		return a, fmt.Errorf("%s exited during %s:\n%s", b.engine, line, b.stderr.String())
	case <-time.After(browserPatience):
		return a, fmt.Errorf("%s did not answer %s within %v", b.engine, line, browserPatience)
	}
}

// endBrowsers stops the browsers that were started.
func endBrowsers() {
	for _, b := range browsers {
		if b.stdin != nil {
			b.stdin.Close()
			<-b.ended
		}
	}
}
