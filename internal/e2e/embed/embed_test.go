package embed

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// start builds one of the programs, runs it on a free port and returns its URL.
func start(t *testing.T, name string) (url string) {
	t.Helper()
	address, binary := testtool.FreePort(t), filepath.Join(t.TempDir(), name)
	args := []string{"build", "-o", binary, "-ldflags", "-X main.address=" + address}
	if testtool.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "./"+name)...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	awaitListener(t, name, address, testtool.StartCommand(t, binary))
	return "http://" + address
}

// awaitListener waits until a program listens. If the test fails, it logs the program's errors.
func awaitListener(t *testing.T, name, address string, program *testtool.Command) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, program.Errors())
		}
	})
	testtool.WaitFor(t, name+" to listen", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// wantHead checks that a stream has the head of mroth/sseserver's streams, and that pages of every
// origin may read it.
func wantHead(t *testing.T, url string) {
	t.Helper()
	res, err := (&http.Client{Timeout: testtool.Patience}).Head(url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for name, want := range map[string]string{
		"Content-Type":                "text/event-stream; charset=utf-8",
		"Cache-Control":               "no-cache",
		"Access-Control-Allow-Origin": "*",
	} {
		if got := res.Header.Get(name); res.StatusCode != 200 || got != want {
			t.Errorf("status %d, %s: %q, want %q", res.StatusCode, name, got, want)
		}
	}
}

// TestClock verifies that the page and the stream are on one port, and that the time is sent each
// second.
func TestClock(t *testing.T) {
	url := start(t, "clock")
	if status, _, page := testtool.Fetch(t, url+"/"); status != 200 || !strings.Contains(page, `new EventSource("/subscribe/time")`) {
		t.Errorf("the page: %d %q", status, page)
	}
	wantHead(t, url+"/subscribe/time")
	everything, clock := testtool.Subscribe(t, url+"/subscribe/"), testtool.Subscribe(t, url+"/subscribe/time")
	var times [2]time.Time
	frame := ""
	for i := range times {
		frame = clock.Frame(t)
		found := regexp.MustCompile(`^data:(\d+:\d\d:\d\d [ap]m) \(\S+\)\n\n$`).FindStringSubmatch(frame)
		if found == nil {
			t.Fatalf("the frame has no time: %q", frame)
		}
		times[i], _ = time.Parse("3:04:05 pm", found[1])
	}
	const day = 24 * time.Hour
	if passed := (times[1].Sub(times[0]) + day) % day; passed < time.Second || passed > 10*time.Second {
		t.Errorf("the time advanced by %v between two messages, want 1s to 10s", passed)
	}
	for everything.Frame(t) != frame { // the subscription is older, so it may have earlier messages
	}
}

// agent is the User-Agent of the pet store's subscribers.
const agent = "pet-lover/1.0"

// TestPetStore verifies that a subscriber of all pets receives cats and dogs, that the others
// receive only their kind, in the same order, and that the status page lists them.
func TestPetStore(t *testing.T) {
	testtool.Long(t, "a new pet may take five seconds")
	url := start(t, "petstore")
	wantHead(t, url+"/subscribe/pets")
	subscribe := func(target string) *testtool.Subscriber {
		return testtool.Subscribe(t, url+target, "User-Agent: "+agent)
	}
	all, cats, dogs := subscribe("/subscribe/pets"), subscribe("/subscribe/pets/cats"), subscribe("/subscribe/pets/dogs")
	isPet := regexp.MustCompile(`^event:new-(?:cat\ndata:(?:Persian|Maine Coon|LOLcat)|dog\ndata:(?:Corgi|Terrier|Dachshund))\n\n$`)
	for range 3 {
		frame, kind := all.Frame(t), cats
		if !isPet.MatchString(frame) {
			t.Fatalf("the frame is not a pet: %q", frame)
		}
		if strings.HasPrefix(frame, "event:new-dog\n") {
			kind = dogs
		}
		if got := kind.Frame(t); got != frame {
			t.Errorf("the subscriber of that kind got %q, want %q", got, frame)
		}
	}
	wantStatus(t, url)
}

// wantStatus checks that status.json has the names of mroth/sseserver's.
func wantStatus(t *testing.T, url string) {
	t.Helper()
	if status, fields, page := testtool.Fetch(t, url+"/admin/"); status != 200 || !strings.HasPrefix(fields.Get("Content-Type"), "text/html") {
		t.Errorf("/admin/: %d %q", status, page)
	}
	_, _, text := testtool.Fetch(t, url+"/admin/status.json")
	var status struct {
		Node, Status  string
		ReportedAt    int64  `json:"reported_at"`
		StartupTime   int64  `json:"startup_time"`
		MsgsBroadcast uint64 `json:"msgs_broadcast"`
		Connections   []struct {
			RequestPath string `json:"request_path"`
			Namespace   string
			CreatedAt   int64  `json:"created_at"`
			ClientIP    string `json:"client_ip"`
			UserAgent   string `json:"user_agent"`
			MsgsSent    uint64 `json:"msgs_sent"`
		}
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatal(err)
	}
	if status.Node != "petstore" || status.Status != "OK" || status.StartupTime == 0 || status.ReportedAt < status.StartupTime || status.MsgsBroadcast < 4 {
		t.Errorf("%s", text)
	}
	var seen []string
	for _, c := range status.Connections {
		seen = append(seen, c.RequestPath+" "+c.Namespace)
		if c.CreatedAt == 0 || !strings.HasPrefix(c.ClientIP, "127.0.0.1") || c.UserAgent != agent || c.Namespace == "/pets" && c.MsgsSent < 3 {
			t.Errorf("%+v", c)
		}
	}
	slices.Sort(seen)
	if want := []string{"/subscribe/pets /pets", "/subscribe/pets/cats /pets/cats", "/subscribe/pets/dogs /pets/dogs"}; !slices.Equal(seen, want) {
		t.Errorf("the connections are %q, want %q", seen, want)
	}
}
