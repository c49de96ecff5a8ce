package testtool

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"
)

// A Devtools is a client of a browser's DevTools protocol: JSON messages, each followed by a NUL.
// https://chromedevtools.github.io/devtools-protocol/
type Devtools struct {
	to      io.WriteCloser
	session string // of the tab that receives the commands

	mu      sync.Mutex
	sent    int
	waiting map[int]chan<- reply
	events  []event
	gone    chan struct{} // closed when the browser has exited
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// An event is a message that the browser has sent without a command.
type event struct {
	Method string
	Params json.RawMessage
}

// StartDevtools starts a Chromium with an empty profile. The browser reads commands from descriptor
// 3 and writes its messages to descriptor 4.
func StartDevtools(t testing.TB) *Devtools {
	t.Helper()
	commands, toBrowser := pipe(t)
	fromBrowser, answers := pipe(t)
	startChromium(t, []*os.File{commands, answers}, "--remote-debugging-pipe", "--hide-scrollbars", "--force-color-profile=srgb")
	commands.Close()
	answers.Close()
	d := &Devtools{to: toBrowser, waiting: map[int]chan<- reply{}, gone: make(chan struct{})}
	go d.read(fromBrowser)
	return d
}

// OpenTab opens an empty tab. Later commands go to this tab.
func (d *Devtools) OpenTab(t testing.TB) {
	t.Helper()
	var target struct{ TargetID, SessionID string }
	d.Do(t, "Target.createTarget", Values{"url": "about:blank"}, &target)
	d.Do(t, "Target.attachToTarget", Values{"targetId": target.TargetID, "flatten": true}, &target)
	d.session = target.SessionID
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// read handles the browser's messages until it exits.
func (d *Devtools) read(from io.Reader) {
	defer close(d.gone)
	for messages := bufio.NewReader(from); ; {
		text, err := messages.ReadBytes(0)
		if err != nil {
			return
		}
		var message struct {
			ID int
			event
			reply
		}
		if json.Unmarshal(text[:len(text)-1], &message) != nil {
			return // not seen so far; the waiting caller reports its command
		}
		d.mu.Lock()
		if message.ID == 0 {
			d.events = append(d.events, message.event)
		} else if answered := d.waiting[message.ID]; answered != nil {
			delete(d.waiting, message.ID)
			answered <- message.reply
		}
		d.mu.Unlock()
	}
}

// Values are a command's parameters.
type Values map[string]any

// Do sends a command and waits for its result. It stores the result in result, unless that is nil.
func (d *Devtools) Do(t testing.TB, method string, params Values, result any) {
	t.Helper()
	if err := d.Ask(t, method, params, result); err != nil {
		t.Fatal(err)
	}
}

// Ask is Do for commands that may fail. It returns the browser's error.
func (d *Devtools) Ask(t testing.TB, method string, params Values, result any) error {
	t.Helper()
	answered := make(chan reply, 1)
	d.mu.Lock()
	d.sent++
	id := d.sent
	d.waiting[id] = answered
	d.mu.Unlock()
	command := Values{"id": id, "method": method, "params": params}
	if d.session != "" {
		command["sessionId"] = d.session
	}
	text, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.to.Write(append(text, 0)); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-answered:
		if r.Error != nil {
			return fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		if result != nil && json.Unmarshal(r.Result, result) != nil {
			t.Fatalf("%s returned %s", method, r.Result)
		}
	case <-d.gone:
		t.Fatalf("Chromium exited during %s", method)
	case <-time.After(Patience):
		t.Fatalf("%s was not answered in %v", method, Patience)
	}
	return nil
}

// Events returns the parameters of all events with a method so far.
func Events[T any](t testing.TB, d *Devtools, method string) (all []T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e.Method != method {
			continue
		}
		var params T
		if err := json.Unmarshal(e.Params, &params); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		all = append(all, params)
	}
	return all
}
