package clients

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestBrowserDocWorks verifies that each piece of JavaScript in docs/browsers.md receives messages
// in Chromium. The piece with credentials is omitted: it needs a page of a listed origin, as
// TestEventSourceOfAnotherOrigin has.
func TestBrowserDocWorks(t *testing.T) {
	t.Parallel()
	testtool.Need(t, "chromium")
	doc, err := os.ReadFile("../../../docs/browsers.md")
	if err != nil {
		t.Fatal(err)
	}
	pieces := regexp.MustCompile("(?s)```js\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(pieces) < 5 {
		t.Fatalf("found only %d pieces of JavaScript", len(pieces))
	}
	locked := startQuiet(t, "--history=1", "--token=a-long-secret subscribe")
	open := startQuiet(t, "--history=1")
	browser := testtool.StartDevtools(t)
	for _, piece := range pieces {
		script, to := piece[1], open
		if strings.Contains(script, "withCredentials") {
			continue
		}
		if strings.Contains(script, "token=") {
			to = locked
		}
		if made := regexp.MustCompile(`(?m)^const (\w+) = new EventSource`).FindStringSubmatch(script); made != nil && !strings.Contains(script, "e =>") {
			script += made[1] + `.addEventListener("new-dog", e => show(e.data));`
		}
		script = strings.ReplaceAll(script, "http://localhost:8001", to.Subscribe[0])
		browser.OpenTab(t)
		evaluate(t, browser, `var shown = "", show = text => { shown += text }; console.log = (...texts) => show(texts.join(" "));`+
			// In a function, so that one piece's names are not another's.
			"(() => {"+script+"})(); 0")
		testtool.WaitFor(t, "the message in a page with\n"+script, func() bool {
			Publish(t, to.Publish[0], "/pets/dogs", Message{Event: "new-dog", Data: "Corgi"})
			return strings.Contains(evaluate(t, browser, "shown"), "Corgi")
		})
	}
}

// evaluate runs a script in the open tab, and returns its last value if that is a string.
func evaluate(t *testing.T, browser *testtool.Devtools, script string) string {
	t.Helper()
	var reply struct {
		Result           struct{ Value any }
		ExceptionDetails any
	}
	browser.Do(t, "Runtime.evaluate", testtool.Values{"expression": script, "returnByValue": true}, &reply)
	if reply.ExceptionDetails != nil {
		t.Fatalf("%v in\n%s", reply.ExceptionDetails, script)
	}
	text, _ := reply.Result.Value.(string)
	return text
}
