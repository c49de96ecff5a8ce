package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// subscribe subscribes with agent as the User-Agent, by which a test finds the subscriber's row.
func subscribe(t *testing.T, d *testtool.Daemon, namespace, agent string) *testtool.Subscriber {
	t.Helper()
	return testtool.Subscribe(t, d.Subscribe[0]+"/subscribe"+namespace, "User-Agent: "+agent)
}

// waitText waits until an element shows text.
func (p *page) waitText(t *testing.T, selector, text string) {
	t.Helper()
	p.wait(t, fmt.Sprintf("%q in %s", text, selector), isText(selector, text))
}

// isText returns a script that reports whether an element shows text.
func isText(selector, text string) string {
	return "document.querySelector(" + quote(selector) + ")?.textContent === " + quote(text)
}

// clickUntil clicks an element until a script reports that the click had its effect. One click may
// not suffice on a busy machine: the page may move between finding the element and the click, and a
// button armed by the first press may be disarmed before the second.
func (p *page) clickUntil(t *testing.T, selector, script string) {
	t.Helper()
	happened := func() bool { return eval[bool](t, p, "Boolean("+script+")") }
	testtool.WaitFor(t, script+" after a click on "+selector, func() bool {
		if happened() {
			return true
		}
		p.click(t, selector)
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if happened() {
				return true
			}
		}
		return false
	})
}

// treeRow returns the selector of a namespace's row in the tree.
func treeRow(namespace string) string { return `#tree [data-key="` + namespace + `"]` }

// waitRows waits until the table of connections has n rows.
func (p *page) waitRows(t *testing.T, n int) {
	t.Helper()
	p.wait(t, fmt.Sprintf("%d connections", n), fmt.Sprintf(`document.querySelectorAll("#rows tr").length === %d`, n))
}

// markRow waits for an agent's row in the table of connections, gives the row an id, and returns a
// selector for that id. The id stays valid when rows move.
func (p *page) markRow(t *testing.T, agent string) string {
	t.Helper()
	p.wait(t, "the row of "+agent, `(() => {
		const row = [...document.querySelectorAll("#rows tr")].find(row => row.cells[2].textContent === `+quote(agent)+`);
		if (row) row.id = `+quote(agent)+`;
		return row;
	})()`)
	return "#" + agent
}

// TestHead verifies the head of the page: the figures, the state, the node and the version.
func TestHead(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	publisher := testtool.DialPublisher(t, d.Publish[0])
	subscribe(t, d, "/pets", "one")
	p := openPage(t, d.Subscribe[0])
	for range 3 {
		publisher.Ask(t, "PUB /pets - Corgi")
	}
	p.waitText(t, "#figures > div:nth-child(2) dd", "3") // messages broadcast
	p.waitText(t, "#figures > div:nth-child(3) dd", "1") // open streams
	p.waitText(t, "#state", "serving")
	if node := p.text(t, "#node"); !strings.HasPrefix(node, "go-") {
		t.Errorf("the node is %q, want a name that begins with go-", node)
	}
	if version := p.text(t, "#version"); version == "" {
		t.Error("the page shows no version")
	}
}

// TestChartsMove verifies that all charts change, and that they show what happened.
func TestChartsMove(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	publisher := testtool.DialPublisher(t, d.Publish[0])
	p := openPage(t, d.Subscribe[0])
	plotted := func(n int) string {
		return fmt.Sprintf(`import("/admin/charts.js").then(({ charts }) => charts.length === 7 && charts.every(
			chart => chart.plot && chart.plot.data[1].filter(value => value !== null).length >= %d))`, n)
	}
	p.wait(t, "samples in all charts", plotted(1))
	before := eval[[]string](t, p, pictures)
	for _, agent := range []string{"one", "two"} {
		subscribe(t, d, "/pets", agent)
	}
	publisher.Ask(t, "PUB /pets - Corgi")
	p.wait(t, "more samples in all charts", plotted(4))
	p.waitText(t, ".chart:nth-child(1) .value", "2")
	p.wait(t, "the message in its chart", `import("/admin/charts.js").then(({ charts }) => Math.max(...charts[1].plot.data[1]) > 0)`)
	p.wait(t, "two deliveries in theirs", `import("/admin/charts.js").then(({ charts }) => Math.max(...charts[2].plot.data[1]) > 0)`)
	for i, picture := range eval[[]string](t, p, pictures) {
		if picture == before[i] {
			t.Errorf("chart %d did not change", i)
		}
	}
}

// pictures is a script that returns each chart as an image.
const pictures = `[...document.querySelectorAll(".chart canvas")].map(canvas => canvas.toDataURL())`

// TestTree verifies that the tree counts the subscribers of each namespace, and that the keyboard
// moves the focus in it.
func TestTree(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	subscribe(t, d, "/pets/dogs", "one")
	subscribe(t, d, "/pets/dogs", "two")
	subscribe(t, d, "?ns=/pets/cats&ns=/time", "three")
	p := openPage(t, d.Subscribe[0])
	for namespace, want := range map[string]string{
		"/": "/3", "/pets": "pets3", "/pets/dogs": "dogs22", "/pets/cats": "cats11", "/time": "time11",
	} {
		p.wait(t, namespace+" in the tree", `document.querySelector(`+quote(treeRow(namespace))+`)?.textContent.startsWith(`+quote(want)+`)`)
	}
	publisher := testtool.DialPublisher(t, d.Publish[0])
	testtool.WaitFor(t, "a rate in the tree", func() bool {
		publisher.Ask(t, "PUB /pets/cats - Tom")
		return strings.HasPrefix(p.text(t, treeRow("/pets/cats")+" span:last-child"), "≤ ")
	})

	focused := func(key string) {
		t.Helper()
		if got := eval[string](t, p, "document.activeElement.dataset.key ?? document.activeElement.tagName"); got != key {
			t.Errorf("the focus is on %s, want %s", got, key)
		}
	}
	p.click(t, treeRow("/pets"))
	for _, step := range []struct{ key, focus string }{
		{"ArrowDown", "/pets/cats"}, {"ArrowDown", "/pets/dogs"}, {"ArrowLeft", "/pets"},
		{"ArrowLeft", "/pets"}, // closes it
		{"ArrowDown", "/time"}, {"Home", "/"}, {"ArrowRight", "/pets"},
		{"ArrowRight", "/pets"}, // opens it
		{"ArrowRight", "/pets/cats"}, {"End", "/time"}, {"ArrowUp", "/pets/dogs"},
	} {
		p.press(t, step.key)
		focused(step.focus)
	}
	p.press(t, "Enter")
	p.waitRows(t, 2)
	focused("/pets/dogs")
}

// TestTable verifies the table of connections: paging, the filter by namespace, and the order by
// bytes behind.
func TestTable(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	for i := range 60 {
		subscribe(t, d, fmt.Sprintf("/pets/%d", i%2), fmt.Sprint("number-", i))
	}
	p := openPage(t, d.Subscribe[0])
	p.waitRows(t, 50)
	p.click(t, "#next")
	p.waitRows(t, 10)
	p.click(t, "#previous")
	p.waitRows(t, 50)
	p.fill(t, "#filter", "/pets/1")
	p.waitRows(t, 30)
	p.fill(t, "#filter", "/elsewhere")
	p.waitText(t, "#connections-note", "No subscribers in this namespace.")
	p.expected = append(p.expected, "status.json") // the console logs each 400
	p.fill(t, "#filter", "pets")
	p.waitText(t, "#connections-note", `namespace "pets" must start with "/"`)
	p.fill(t, "#filter", "")
	p.click(t, "#slowest")
	p.wait(t, "the order", `document.querySelector("#connections-note").textContent.includes("furthest behind")`)
	p.waitRows(t, 50)
}

// TestDisconnect verifies that an operator disconnects a subscriber with two presses, by mouse or
// keyboard, and that the disconnection is counted.
func TestDisconnect(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	first, second := subscribe(t, d, "/pets", "corgi"), subscribe(t, d, "/pets", "terrier")
	subscribe(t, d, "/pets", "beagle")
	p := openPage(t, d.Subscribe[0])
	p.waitRows(t, 3)

	button := p.markRow(t, "corgi") + " button"
	p.clickUntil(t, button, isText(button, "confirm?"))
	p.press(t, "Tab") // leaving the button disarms it
	p.waitText(t, button, "disconnect")
	p.clickUntil(t, button, isText(button, "confirm?"))
	p.wait(t, "a readable label", `(style => style.color !== style.backgroundColor && style.color === getComputedStyle(document.querySelector(".card")).backgroundColor)
		(getComputedStyle(document.querySelector(`+quote(button)+`)))`)
	p.clickUntil(t, button, "!document.querySelector("+quote(button)+")")
	first.Rest(t)
	p.waitRows(t, 2)

	button = p.markRow(t, "terrier") + " button"
	eval[bool](t, p, "(document.querySelector("+quote(button)+").focus(), true)")
	p.press(t, "Enter", "Enter")
	second.Rest(t)
	p.waitRows(t, 1)
	p.waitText(t, `#endings [data-key="kicked"] td:last-child`, "2")
	p.waitText(t, `#endings [data-key="left"] td:last-child`, "0")
	if !eval[bool](t, p, `document.activeElement.closest("#rows tr") !== null`) {
		t.Error("the focus left the table when the focused row disappeared")
	}
}

// TestPublishAndListen verifies that a test message arrives in the pane, as text and under its
// name.
func TestPublishAndListen(t *testing.T) {
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	p := openPage(t, d.Subscribe[0])
	p.fill(t, "#listen input", "/pets /time")
	p.click(t, "#listen-start")
	p.waitText(t, "#listen-state", "subscribed to /pets /time")

	const data = "<img src=x onerror=alert(1)>\n second line"
	publish := func(namespace, event, data string) {
		t.Helper()
		p.fill(t, "#publish [name=namespace]", namespace)
		p.fill(t, "#publish [name=event]", event)
		p.fill(t, "#publish [name=data]", data)
		p.click(t, "#publish button")
	}
	publish("/pets/dogs", "new-dog", data)
	p.waitText(t, "#heard .line:nth-child(1) .data", data)
	if got := p.text(t, "#heard .line:nth-child(1) .event"); got != "new-dog" {
		t.Errorf("the event's name is shown as %q", got)
	}
	publish("/elsewhere", "", "unheard")
	publish("/time", "", "noon")
	p.waitText(t, "#heard .line:nth-child(2) .data", "noon")

	p.click(t, "#listen-pause")
	publish("/time", "", "paused")
	p.waitText(t, "#figures > div:nth-child(2) dd", "4")
	if n := eval[int](t, p, `document.querySelectorAll("#heard .line").length`); n != 2 {
		t.Errorf("%d lines are shown, while paused after 2", n)
	}
	p.click(t, "#listen-pause")
	p.waitText(t, "#heard .line:nth-child(3) .data", "paused")

	publisher := testtool.DialPublisher(t, d.Publish[0])
	for i := range 600 {
		publisher.Ask(t, fmt.Sprint("PUB /pets - ", i))
	}
	p.waitText(t, "#heard .line:last-child .data", "599")
	if n := eval[int](t, p, `document.querySelectorAll("#heard .line").length`); n != 500 {
		t.Errorf("%d lines are kept, want 500", n)
	}
	p.click(t, "#listen-clear")
	p.wait(t, "an empty pane", `document.querySelectorAll("#heard .line").length === 0`)
	p.click(t, "#listen-start") // the button's label is Stop now
	p.waitText(t, `#endings [data-key="left"] td:last-child`, "1")

	p.expected = append(p.expected, "/admin/publish") // the console logs each 400
	publish("pets", "", "")
	p.waitText(t, "#published.bad", `namespace "pets" must start with "/"`)
	p.fill(t, "#listen input", "/time pets")
	p.click(t, "#listen-start")
	p.waitText(t, "#listen-state", `namespace "pets" must start with "/"`)
}

// TestParser verifies that the page's SSE parser gives the same events wherever a stream is cut
// into two pieces.
func TestParser(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	p := openPage(t, testtool.Start(t).Subscribe[0])
	const stream = "data:one\n\n" + ":comment\nevent:e\rdata: two\r\ndata\r\n\r\n" + "event:lost\n\n" +
		"id:7\nretry:50\ndata:  three: four\n\n" + "data:\n\n" + "data:cut off"
	const want = "message|one|;e|two\n|;message| three: four|7;message||7"
	got := eval[[]string](t, p, `import("/admin/sse.js").then(({ Parser }) => {
		const stream = `+quote(stream)+`;
		const outcomes = new Set();
		for (let cut = 0; cut <= stream.length; cut++) {
			const events = [];
			const parser = new Parser(({ event, data, id }) => events.push([event, data, id].join("|")));
			parser.feed(stream.slice(0, cut));
			parser.feed(stream.slice(cut));
			outcomes.add(events.join(";") + (parser.retryMs === 50 ? "" : " without retry"));
		}
		return [...outcomes];
	})`)
	if len(got) != 1 || got[0] != want {
		t.Errorf("parsed %q, want only %q", got, want)
	}
}

// TestPaneResumes verifies that with history, the pane receives the messages that were published
// while it was disconnected.
func TestPaneResumes(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t, "--history=10")
	proxy := testtool.StartProxy(t, d.Subscribe[0])
	publisher := testtool.DialPublisher(t, d.Publish[0])
	p := openPage(t, proxy.URL)
	p.expected = append(p.expected, "Failed to load resource") // while nothing listens
	p.click(t, "#listen-start")
	p.waitText(t, "#listen-state", "subscribed to /")
	publisher.Ask(t, "PUB /pets - before")
	p.waitText(t, "#heard .line:nth-child(1) .data", "before")
	proxy.To("http://127.0.0.1:1") // nothing listens
	proxy.Cut()
	p.wait(t, "the loss", `document.querySelector("#listen-state").textContent.startsWith("connection lost")`)
	publisher.Ask(t, "PUB /pets - meanwhile")
	proxy.To(d.Subscribe[0])
	p.waitText(t, "#heard .line:nth-child(2) .data", "meanwhile")
}

// TestReconnects verifies that the page reconnects on its own after a restart of the daemon.
func TestReconnects(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t)
	proxy := testtool.StartProxy(t, d.Subscribe[0])
	p := openPage(t, proxy.URL)
	p.expected = append(p.expected, "Failed to load resource") // while nothing listens
	p.click(t, "#listen-start")
	p.waitText(t, "#listen-state", "subscribed to /")
	d.Stop(t)
	p.wait(t, "the loss", `document.querySelector("#live").dataset.live === "lost"`)
	next := testtool.Start(t)
	proxy.To(next.Subscribe[0])
	p.waitLive(t)
	p.waitText(t, "#listen-state", "subscribed to /")
	p.wait(t, "no more trouble", `document.querySelector("#trouble").hidden`)
}

// TestSignIn verifies that the page requires a token with the admin right, if any token has it.
func TestSignIn(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	d := testtool.Start(t, "--token=open-sesame admin", "--token=listener subscribe")
	p := browse(t, d.Subscribe[0])
	p.expected = append(p.expected, "/admin/login") // the console logs each 401
	p.wait(t, "the login form", `document.querySelector(".login form")`)
	p.wait(t, "the page's style", `getComputedStyle(document.querySelector("main")).maxWidth === "340px"`)
	p.fill(t, "[name=token]", "wrong")
	p.click(t, "button")
	p.wait(t, "the error", `document.querySelector("[role=alert]")`)
	p.fill(t, "[name=token]", "open-sesame")
	p.click(t, "button")
	p.waitLive(t)

	p.wait(t, "a field for a token", `!document.querySelector("#token").hidden`)
	p.fill(t, "#listen [name=token]", "listener")
	p.click(t, "#listen-start")
	p.waitText(t, "#listen-state", "subscribed to /")
	p.click(t, "#logout button")
	p.wait(t, "the login form again", `document.querySelector(".login form")`)
}
