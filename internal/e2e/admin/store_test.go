package admin

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
)

// get requests one of the daemon's admin pages.
func get(t *testing.T, d *testtool.Daemon, path string) (code int, answer string) {
	t.Helper()
	code, _, answer = testtool.Fetch(t, strings.TrimSuffix(d.Admin, "/admin/")+path)
	return code, answer
}

// A store is the part of status.json that describes the store.
type store struct {
	Embedded, Connected, Reached, Live                                    bool
	Server, Stream, Epoch, Trouble, Unfit                                 string
	First, Last, Messages, Delivered, Lag, Refused, Resent, Undeliverable int
}

func storeOf(t *testing.T, d *testtool.Daemon) *store {
	t.Helper()
	var status struct{ Store *store }
	if _, answer := get(t, d, "/admin/status.json?limit=0"); json.Unmarshal([]byte(answer), &status) != nil || status.Store == nil {
		t.Fatalf("status.json has no store: %s", answer)
	}
	return status.Store
}

// waitHealth waits until healthz answers with a status, and returns the text.
func waitHealth(t *testing.T, d *testtool.Daemon, want int) (words string) {
	t.Helper()
	testtool.WaitFor(t, http.StatusText(want)+" from healthz", func() bool {
		var code int
		code, words = get(t, d, "/admin/healthz")
		return code == want
	})
	return words
}

// publishOK publishes n messages, each of which must be answered OK.
func publishOK(t *testing.T, d *testtool.Daemon, n int) {
	t.Helper()
	publisher := testtool.DialPublisher(t, d.Publish[0])
	for range n {
		if got := publisher.Ask(t, "PUB /pets/dogs - Corgi"); !strings.HasPrefix(got, "OK ") {
			t.Fatalf("the answer to PUB is %q, want OK", got)
		}
	}
}

// storeFigure returns the selector of a figure in the page's store section, by its position.
func storeFigure(place string) string { return "#store-figures > div:nth-child(" + place + ") dd" }

// TestOwnStore verifies that status.json, the metrics and the page agree about the embedded store
// after a restart of the daemon.
func TestOwnStore(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	dir := t.TempDir()
	d := testtool.Start(t, "--store="+dir)
	waitHealth(t, d, http.StatusOK)
	publishOK(t, d, 3)
	epoch := storeOf(t, d).Epoch
	if code := d.Stop(t); code != 0 {
		t.Fatalf("exit code %d, want 0", code)
	}

	d = testtool.Start(t, "--store="+dir)
	if words := waitHealth(t, d, http.StatusOK); words != "serving\n" {
		t.Errorf("healthz answered %q", words)
	}
	publishOK(t, d, 1)
	testtool.WaitFor(t, "the delivery", func() bool { return storeOf(t, d).Delivered == 4 })
	testtool.WaitFor(t, "another look at the stream", func() bool { return storeOf(t, d).Messages == 4 })
	want := store{Embedded: true, Connected: true, Reached: true, Live: true, Server: dir, Stream: "ssed", Epoch: epoch, First: 1, Last: 4, Messages: 4, Delivered: 4}
	if got := storeOf(t, d); *got != want {
		t.Errorf("status.json has %+v, want %+v", *got, want)
	}
	_, metrics := get(t, d, "/metrics")
	for _, line := range []string{"ssed_store_last_sequence 4", "ssed_store_live 1", "ssed_store_lag_messages 0"} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("the metrics lack the line %s", line)
		}
	}

	p := openPage(t, d.Subscribe[0])
	p.waitText(t, "#store-state", "live")
	for place, value := range map[string]string{"1": "1", "2": "4", "5": "4", "6": "0"} {
		p.waitText(t, storeFigure(place), value)
	}
	if said := p.text(t, "#store-where"); said != "in this process · "+dir+" · stream ssed · ids "+epoch+"-…" {
		t.Errorf("the page shows %q as the place of the store", said)
	}
	p.size(t, 360, 740)
	p.wait(t, "a narrow page", `document.documentElement.scrollWidth === 360`)
}

// TestPageWithoutStore verifies that the page of a daemon without a store hides the store section.
func TestPageWithoutStore(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	p := openPage(t, testtool.Start(t).Subscribe[0])
	p.waitText(t, storeFigure("1"), "–")
	if height := eval[float64](t, p, `document.querySelector("#store").getBoundingClientRect().height`); height != 0 {
		t.Errorf("the store section is %v pixels high, want 0", height)
	}
}

// TestStoreUnavailable verifies that healthz, the page and the log report an unavailable NATS
// server: at the start, and when the connection is lost after publishers were refused. They must
// also report its return.
func TestStoreUnavailable(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	nats := natstest.Start(t)
	nats.Stop()
	d := testtool.Start(t, "--nats="+nats.URL, "--nats-timeout=1s")
	if words := waitHealth(t, d, http.StatusServiceUnavailable); !strings.HasPrefix(words, "the store is unavailable") {
		t.Errorf("healthz answered %q", words)
	}
	testtool.WaitFor(t, "the reason in healthz", func() bool {
		_, words := get(t, d, "/admin/healthz")
		return strings.Contains(words, "connection refused")
	})
	if got := testtool.DialPublisher(t, d.Publish[0]).Ask(t, "PUB /pets - early"); !strings.HasPrefix(got, "ERR busy the store is unavailable") {
		t.Errorf("the answer to PUB is %q, want ERR busy", got)
	}
	p := openPage(t, d.Subscribe[0])
	p.waitText(t, "#store-state", "unavailable")
	p.wait(t, "the trouble", `/since .*connection refused/.test(document.querySelector("#store-trouble").textContent)`)

	nats.Restart(t)
	waitHealth(t, d, http.StatusOK)
	p.waitText(t, "#store-state", "live")
	p.wait(t, "no trouble", `document.querySelector("#store-trouble").hidden`)
	publishOK(t, d, 1)

	nats.Kill()
	if words := waitHealth(t, d, http.StatusServiceUnavailable); !strings.HasPrefix(words, "the connection to the store is lost, since ") {
		t.Errorf("healthz answered %q", words)
	}
	p.waitText(t, "#store-state", "connection lost")
	// Wait until the consumer of the stream has noticed the loss, too.
	testtool.WaitFor(t, "an outage of three seconds", func() bool {
		return !strings.Contains(storeOf(t, d).Unfit, "(1s)") && !strings.Contains(storeOf(t, d).Unfit, "(2s)")
	})
	if is := storeOf(t, d); is.Connected || !is.Live || is.Trouble == "" || is.Unfit == "" || is.Refused != 1 {
		t.Errorf("status.json has %+v", *is)
	}

	nats.Restart(t)
	waitHealth(t, d, http.StatusOK)
	publishOK(t, d, 1)
	for line, want := range map[string]int{
		"level=ERROR": 2, `msg="store unavailable;`: 1, `msg="store available"`: 2,
		`msg="store connection lost;`: 1, `msg="reconnected to the store"`: 1, `msg="store replayed;`: 1,
	} {
		if n := strings.Count(d.Log(), line); n != want {
			t.Errorf("the log has %d lines with %q, want %d", n, line, want)
		}
	}
}

// TestStoreShortlyUnavailable verifies that a short outage of the store does not make healthz
// fail: the publishers wait, and none is refused.
func TestStoreShortlyUnavailable(t *testing.T) {
	t.Parallel()
	nats := natstest.Start(t)
	d := testtool.Start(t, "--nats="+nats.URL, "--nats-timeout=10m")
	waitHealth(t, d, http.StatusOK)
	nats.Kill()
	testtool.WaitFor(t, "the loss", func() bool { return storeOf(t, d).Trouble != "" })
	if code, words := get(t, d, "/admin/healthz"); code != http.StatusOK {
		t.Errorf("healthz answered %d %q", code, words)
	}
	nats.Restart(t)
	testtool.WaitFor(t, "its return", func() bool { is := storeOf(t, d); return is.Connected && is.Trouble == "" })
	publishOK(t, d, 1)
}

// TestSecretsOfTheStore verifies that the password in the store's URL appears in no output, whether
// the server accepts it or not.
func TestSecretsOfTheStore(t *testing.T) {
	t.Parallel()
	const secret = "hush-hush"
	nats := natstest.Start(t, `authorization { user: "ssed", password: "`+secret+`" }`)
	address := strings.TrimPrefix(nats.URL, "nats://")
	right := testtool.Start(t, "--log-level=debug", "--nats=nats://ssed:"+secret+"@"+address)
	waitHealth(t, right, http.StatusOK)
	publishOK(t, right, 1)
	wrong := testtool.Start(t, "--log-level=debug", "--nats=nats://"+secret+"@"+address)
	testtool.WaitFor(t, "the refusal", func() bool { return storeOf(t, wrong).Trouble != "" })
	for _, d := range []*testtool.Daemon{right, wrong} {
		shown := d.Log()
		for _, path := range []string{"/admin/healthz", "/admin/status.json", "/metrics"} {
			_, answer := get(t, d, path)
			shown += answer
		}
		if strings.Contains(shown, secret) || !strings.Contains(shown, address) {
			t.Errorf("the output has the secret, or lacks the address:\n%s", shown)
		}
	}
	if words := waitHealth(t, wrong, http.StatusServiceUnavailable); !strings.Contains(words, "Authorization Violation") {
		t.Errorf("healthz answered %q", words)
	}
}

// TestStoreWithoutItsNewestMessages verifies that a node counts as up to date, though the stream's
// newest messages were deleted and cannot be delivered.
func TestStoreWithoutItsNewestMessages(t *testing.T) {
	testtool.Long(t, "it starts four daemons")
	t.Parallel()
	for _, deleted := range [][]uint64{{3}, {1, 2, 3}} {
		nats := natstest.Start(t)
		first := testtool.Start(t, "--nats="+nats.URL)
		publishOK(t, first, 3)
		_, js := nats.Connect(t)
		stream, err := js.Stream(t.Context(), "ssed")
		if err != nil {
			t.Fatal(err)
		}
		for _, seq := range deleted {
			if err := stream.DeleteMsg(t.Context(), seq); err != nil {
				t.Fatal(err)
			}
		}
		second := testtool.Start(t, "--nats="+nats.URL)
		waitHealth(t, second, http.StatusOK)
		if is := storeOf(t, second); is.Last != 3 || is.Delivered != 3 || is.Lag != 0 {
			t.Errorf("without %v: %+v", deleted, *is)
		}
		publishOK(t, first, 1)
		testtool.WaitFor(t, "the next message", func() bool { return storeOf(t, second).Delivered == 4 })
	}
}
