package restarts

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestSecondDaemon verifies that a daemon does not start if another one uses any of its addresses.
// It reports the address in one line. The first daemon is not affected: its streams continue, and
// all of its addresses still work.
func TestSecondDaemon(t *testing.T) {
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		folder := shortTempDir(t)
		d := testtool.Start(t, flag,
			"--listen="+own, "--listen=unix://"+filepath.Join(folder, "subscribe"),
			"--publish=tcp://"+own, "--publish=unix://"+filepath.Join(folder, "publish"))
		var streams []*testtool.Stream
		for _, url := range d.Subscribe {
			streams = append(streams, testtool.OpenStream(t, url, "/subscribe/news"))
		}
		for _, url := range slices.Concat(d.Subscribe, d.Publish) {
			refuses(t, address(url), asListed(url), flag, "--listen="+asListed(url), "--publish=tcp://127.0.0.1:0")
			for _, where := range testtool.PublishLoops() {
				refuses(t, address(url), asListed(url), "--publish-loop="+where, "--listen=127.0.0.1:0", "--publish="+network(url)+"://"+address(url))
			}
		}
		_, port, _ := strings.Cut(address(d.Subscribe[0]), ":")
		refuses(t, ":"+port, "every address", flag, "--listen=:"+port, "--publish=tcp://127.0.0.1:0")

		for _, url := range d.Subscribe {
			streams = append(streams, testtool.OpenStream(t, url, "/subscribe/news"))
		}
		for _, url := range d.Publish {
			publish(t, url, "to "+url)
			for _, s := range streams {
				s.WantFrame(t, "data:to "+url+"\n\n")
			}
		}
	})
}

// shortTempDir returns a folder with a path short enough for a socket. Linux allows 107 bytes, and
// t.TempDir contains the test's name, which may need all of them.
func shortTempDir(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "ssed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// network returns the network to dial for a URL.
func network(url string) string {
	if strings.HasPrefix(url, "unix:") {
		return "unix"
	}
	return "tcp"
}

// asListed returns a URL in the form that --listen accepts.
func asListed(url string) string {
	if network(url) == "unix" {
		return url
	}
	return address(url)
}

// refuses runs a daemon that must exit on its own with code 1. It must print one line with the
// address and the error.
func refuses(t *testing.T, names, what string, args ...string) {
	t.Helper()
	second := exec.Command(testtool.Build(t), args...)
	second.Env = append(testtool.Environ(), testtool.LoopsEnviron()...)
	lines := &strings.Builder{}
	second.Stderr = lines
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(testtool.Patience, func() { second.Process.Kill() })
	err := second.Wait()
	timer.Stop()
	output := lines.String()
	if code := second.ProcessState.ExitCode(); code != 1 {
		t.Errorf("%s, %v: the daemon exited with %v, want exit code 1", what, args, err)
	}
	inUse := strings.Contains(output, "in use") || strings.Contains(output, "listening")
	if !inUse || !strings.Contains(output, names) || strings.Count(output, "\n") != 1 {
		t.Errorf("%s, %v: the daemon printed %q, want one line that reports %s as in use", what, args, output, names)
	}
}
