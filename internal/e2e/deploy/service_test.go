package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// asNobody makes chroot run the service as the user nobody, because this machine has no user ssed.
const asNobody = "--userspec=65534:65534"

// installedService installs the service into a folder. It returns the folder, and the command line
// of the installed unit.
func installedService(t *testing.T) (folder string, line []string) {
	t.Helper()
	if os.Geteuid() != 0 {
		testtool.Lack(t, "chroot needs root")
	}
	testtool.Need(t, "chroot") // the callers need it
	needMake(t)
	folder = t.TempDir()
	run(t, root, "make", "install", "BUILD="+t.TempDir(), "DESTDIR="+folder, "PREFIX=/usr")
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile(filepath.Join(folder, "usr/lib/systemd/system/ssed.service"))
	if err != nil {
		t.Fatal(err)
	}
	starts := regexp.MustCompile(`(?m)^ExecStart=(.+)$`).FindAllSubmatch(unit, -1)
	if len(starts) != 1 || !strings.Contains(string(starts[0][1]), " --config /etc/ssed/ssed.toml") {
		t.Fatalf("the unit starts %q, want one command with the configuration that was installed", starts)
	}
	return folder, strings.Fields(string(starts[0][1]))
}

// TestServiceStarts starts the command line of the installed unit in a folder with only the
// installed files. The environment sets free ports in place of the ports in ssed.toml; every other
// setting comes from that file.
func TestServiceStarts(t *testing.T) {
	folder, line := installedService(t)
	testtool.BothLoops(t, func(t *testing.T, flag string) { wantStart(t, folder, append(line, flag)) })
}

// wantStart starts a command line in a folder, and checks that the daemon serves and has read the
// installed ssed.toml.
func wantStart(t *testing.T, folder string, line []string) {
	t.Helper()
	d := testtool.StartBy(t, append([]string{testtool.Need(t, "chroot"), asNobody, folder}, line...)...)
	wantService(t, d)
	// The file sets /logs=0, and a history for other namespaces.
	for namespace, want := range map[string]string{"/pets": "id:", "/logs/web": "data:"} {
		subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe"+namespace)
		testtool.DialPublisher(t, d.Publish[0]).Ask(t, "PUB "+namespace+" - x")
		if got := subscriber.Frame(t); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want it to begin with %q: is ssed.toml read?", namespace, got, want)
		}
	}
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSuggestedVariablesAreValid verifies that the daemon accepts the variables that
// /etc/default/ssed suggests in comments.
func TestSuggestedVariablesAreValid(t *testing.T) {
	testtool.Long(t, "several daemons start with suggested variables")
	folder, line := installedService(t)
	tokens := filepath.Join(folder, "etc/ssed/tokens")
	if err := os.WriteFile(tokens, []byte("a-long-secret publish\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(tokens, 0, 65534); err != nil { // root:ssed
		t.Fatal(err)
	}
	suggested := regexp.MustCompile(`(?m)^#(SSED_\w+=.+)$`).FindAllStringSubmatch(shipped(t, "deploy", "ssed.default"), -1)
	if len(suggested) < 4 {
		t.Fatalf("found only %q: this test looks in the wrong place", suggested)
	}
	if err := os.WriteFile(filepath.Join(folder, "etc/ssed/nats.creds"), []byte("of no server\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, without := range []string{"SSED_STORE=", "SSED_NATS="} { // they exclude each other
		check := exec.Command(testtool.Need(t, "chroot"), append([]string{asNobody, folder, line[0], "check"}, line[2:]...)...)
		check.Env = testtool.Environ()
		for _, variable := range suggested {
			if !strings.HasPrefix(variable[1], without) {
				check.Env = append(check.Env, variable[1])
			}
		}
		if out, err := check.Output(); err != nil || string(out) != "ok\n" {
			t.Errorf("ssed check printed %q, %v", out, err)
		}
	}
}
