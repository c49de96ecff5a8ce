package deploy

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// overlay runs a script ($2) on a private, temporary copy of this machine's files, in a folder
// ($1). It keeps man-db from indexing all manual pages after each step, which would take most of
// the time.
const overlay = `set -e
mount -t tmpfs none "$1" && cd "$1" && mkdir up work root
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
[ -n "$2" ] || exit 0
mount -t proc proc root/proc
rm -f root/var/lib/man-db/auto-update
cp "$3" root/root/ssed.deb
exec chroot root sh -ec "$2"`

// steps lists the steps of an administrator after the installation, and their expected output.
var steps = []struct{ name, command, output string }{
	{"the user exists", "id -un ssed", "ssed"},
	{"the binary is found", "ssed version | cut -d' ' -f1", "ssed"},
	{"bash completes its arguments", ". /usr/share/bash-completion/completions/ssed; complete -p ssed", "complete -F _ssed ssed"},
	{"an upgrade keeps changes", "echo '#mine' >>/etc/default/ssed; dpkg -i /root/ssed.deb >/dev/null; tail -n1 /etc/default/ssed", "#mine"},
	{"a removal keeps changes", "dpkg -r ssed >/dev/null; tail -n1 /etc/default/ssed", "#mine"},
	{"a removal deletes the program", "hash -r; command -v ssed || echo gone", "gone"},
	{"a purge leaves nothing", "dpkg -P ssed >/dev/null; ls /etc/default/ssed 2>/dev/null || echo gone", "gone"},
}

// TestDebianPackageInstalls installs, upgrades and removes the package with the real dpkg, on a
// copy of this machine.
func TestDebianPackageInstalls(t *testing.T) {
	if os.Geteuid() != 0 {
		testtool.Lack(t, "dpkg needs root")
	}
	unshare := testtool.Need(t, "unshare", "bash", "mount", "chroot", "dpkg")
	in := func(script, deb string) ([]byte, error) {
		return exec.CommandContext(t.Context(), unshare, "-m", "bash", "-c", overlay, "bash", t.TempDir(), script, deb).Output()
	}
	if _, err := in("", ""); err != nil {
		testtool.Lack(t, "root cannot mount a copy of the files on this machine: %v", err)
	}
	deb := makeDeb(t)
	script := "dpkg -i /root/ssed.deb >/dev/null\n"
	for _, step := range steps {
		script += "echo \"$(bash -ec \"" + strings.NewReplacer(`$`, `\$`, `"`, `\"`).Replace(step.command) + "\")\"\n"
	}
	out, err := in(script, deb)
	said := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(said) != len(steps) {
		t.Fatalf("the steps printed %q, %v", said, err)
	}
	for i, step := range steps {
		if said[i] != step.output {
			t.Errorf("%s: %q, want %q", step.name, said[i], step.output)
		}
	}
}
