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

// TestSecondDaemon that wants any address of the first refuses to start, says which
// in one line, and leaves the first alone: its streams go on, and its doors are
// still its own.
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
			for _, where := range []string{"--publish-loop=shared", "--publish-loop=own"} {
				refuses(t, address(url), asListed(url), where, "--listen=127.0.0.1:0", "--publish="+network(url)+"://"+address(url))
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

// shortTempDir is a folder whose path leaves room for a socket's name: Linux
// allows 107 bytes, and the test's name in t.TempDir may take them all.
func shortTempDir(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "ssed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// network is what to dial for a URL.
func network(url string) string {
	if strings.HasPrefix(url, "unix:") {
		return "unix"
	}
	return "tcp"
}

// asListed is a URL as --listen takes it.
func asListed(url string) string {
	if network(url) == "unix" {
		return url
	}
	return address(url)
}

// refuses runs a daemon that must end by itself, with one line that names the
// address and what is wrong with it.
func refuses(t *testing.T, names, what string, args ...string) {
	t.Helper()
	second := exec.Command(testtool.Build(t), args...)
	second.Env = testtool.Environ()
	lines := &strings.Builder{}
	second.Stderr = lines
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	impatience := time.AfterFunc(testtool.Patience, func() { second.Process.Kill() })
	err := second.Wait()
	impatience.Stop()
	said := lines.String()
	if code := second.ProcessState.ExitCode(); code != 1 {
		t.Errorf("%s, %v: it ended with %v, want exit code 1", what, args, err)
	}
	inUse := strings.Contains(said, "in use") || strings.Contains(said, "listening")
	if !inUse || !strings.Contains(said, names) || strings.Count(said, "\n") != 1 {
		t.Errorf("%s, %v: it said %q, want one line that says that %s is in use", what, args, said, names)
	}
}
