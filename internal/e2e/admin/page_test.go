package admin

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A page is the admin page of a daemon, in a browser that only this test uses.
type page struct {
	*testtool.Devtools
	origin   string   // the daemon's
	expected []string // parts of console messages that do not fail the test
}

// openPage opens a daemon's admin page, and returns once it is live.
func openPage(t *testing.T, origin string) *page {
	t.Helper()
	p := browse(t, origin)
	p.waitLive(t)
	return p
}

func (p *page) waitLive(t *testing.T) {
	t.Helper()
	p.wait(t, "the live stream", `document.querySelector("#live")?.dataset.live === "live"`)
	p.wait(t, "the first figures", `document.querySelector("#state").dataset.state`)
}

// browse opens the admin page and does not wait until it is live, because a sign-in may come first.
// At the end of the test it checks that the page sent requests only to the daemon, and logged
// nothing unexpected.
func browse(t *testing.T, origin string) *page {
	t.Helper()
	p := &page{Devtools: testtool.StartDevtools(t), origin: origin}
	p.OpenTab(t)
	for _, domain := range []string{"Network", "Page", "Runtime", "Log"} {
		p.Do(t, domain+".enable", nil, nil)
	}
	p.size(t, 1440, 1000)
	p.Do(t, "Page.navigate", testtool.Values{"url": origin + "/admin/"}, nil)
	t.Cleanup(func() {
		p.wantOnlyDaemon(t)
		p.wantSilence(t)
	})
	return p
}

// wantOnlyDaemon checks that every request so far went to the daemon.
func (p *page) wantOnlyDaemon(t *testing.T) {
	t.Helper()
	type request struct{ Request struct{ URL string } }
	requests := testtool.Events[request](t, p.Devtools, "Network.requestWillBeSent")
	for _, r := range requests {
		to, err := url.Parse(r.Request.URL)
		if err != nil || to.Scheme+"://"+to.Host != p.origin {
			t.Errorf("a request went to %s", r.Request.URL)
		}
	}
	if len(requests) < 5 {
		t.Errorf("only %d requests were seen: this test looks in the wrong place", len(requests))
	}
}

// wantSilence checks that there was no exception, and no unexpected message on the console.
func (p *page) wantSilence(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"} {
		for _, said := range testtool.Events[json.RawMessage](t, p.Devtools, kind) {
			if !slices.ContainsFunc(p.expected, func(part string) bool { return strings.Contains(string(said), part) }) {
				t.Errorf("%s: %s", kind, said)
			}
		}
	}
}

// eval returns the value of a script's expression. A promise is awaited.
func eval[T any](t *testing.T, p *page, script string) (value T) {
	t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	p.Do(t, "Runtime.evaluate", testtool.Values{"expression": script, "awaitPromise": true, "returnByValue": true}, &answer)
	if answer.ExceptionDetails != nil {
		t.Fatalf("%s: %s", script, answer.ExceptionDetails)
	}
	if err := json.Unmarshal(answer.Result.Value, &value); err != nil {
		t.Fatalf("%s is %s, which is not a %T", script, answer.Result.Value, value)
	}
	return value
}

// wait waits until a script's expression, or the value it promises, is true. A script that fails
// counts as false, because the page may just be navigating.
func (p *page) wait(t *testing.T, what, script string) {
	t.Helper()
	testtool.WaitFor(t, what+" on the page", func() bool {
		var answer struct{ Result struct{ Value any } }
		err := p.Ask(t, "Runtime.evaluate", testtool.Values{"expression": "(async () => Boolean(await (" + script + ")))()", "awaitPromise": true, "returnByValue": true}, &answer)
		return err == nil && answer.Result.Value == true
	})
}

// text returns what an element shows.
func (p *page) text(t *testing.T, selector string) string {
	t.Helper()
	return eval[string](t, p, "document.querySelector("+quote(selector)+")?.textContent ?? ''")
}

// click clicks the middle of an element as a user could: the element must be topmost there, and
// must not move for 50 ms.
func (p *page) click(t *testing.T, selector string) {
	t.Helper()
	var at []float64
	testtool.WaitFor(t, selector+" to hold still", func() bool {
		at = eval[[]float64](t, p, `(async () => {
			const element = document.querySelector(`+quote(selector)+`);
			element.scrollIntoView({ block: "center" });
			const middle = () => (box => [box.x + box.width / 2, box.y + box.height / 2])(element.getBoundingClientRect());
			const [x, y] = middle();
			await new Promise(resolve => setTimeout(resolve, 50));
			return String(middle()) === String([x, y]) && element.contains(document.elementFromPoint(x, y)) ? [x, y] : [];
		})()`)
		return len(at) == 2
	})
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		p.Do(t, "Input.dispatchMouseEvent", testtool.Values{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1}, nil)
	}
}

// virtualKeys are the key codes of keys that type no text.
var virtualKeys = map[string]int{"Tab": 9, "Enter": 13, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}

// press presses keys, one after the other.
func (p *page) press(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		down := testtool.Values{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": virtualKeys[key]}
		if key == "Enter" {
			down["text"] = "\r" // without it, Enter does not press a button
		}
		p.Do(t, "Input.dispatchKeyEvent", down, nil)
		p.Do(t, "Input.dispatchKeyEvent", testtool.Values{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": virtualKeys[key]}, nil)
	}
}

// fill replaces the text of a field.
func (p *page) fill(t *testing.T, selector, text string) {
	t.Helper()
	eval[bool](t, p, `(() => {
		const field = document.querySelector(`+quote(selector)+`);
		field.focus();
		field.select();
		return true;
	})()`)
	p.Do(t, "Input.insertText", testtool.Values{"text": text}, nil)
}

// size sets the size of the window in CSS pixels. A window narrower than 600 pixels is a phone.
func (p *page) size(t *testing.T, width, height int) {
	t.Helper()
	p.Do(t, "Emulation.setDeviceMetricsOverride", testtool.Values{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
}

// prefer sets the user's preference for a media feature, such as a dark page.
func (p *page) prefer(t *testing.T, feature, value string) {
	t.Helper()
	p.Do(t, "Emulation.setEmulatedMedia", testtool.Values{"features": []testtool.Values{{"name": feature, "value": value}}}, nil)
}

// quote returns text as a string literal of JavaScript.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // strings have no error
	return string(quoted)
}
