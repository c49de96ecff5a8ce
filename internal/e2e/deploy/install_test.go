package deploy

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// overlay runs a script ($2) as in this machine, on a copy of its files that nobody
// else sees and that is gone afterwards, in a folder ($1). It keeps man-db from indexing
// all manual pages of the machine after each step, which takes most of the time.
const overlay = `set -e
mount -t tmpfs none "$1" && cd "$1" && mkdir up work root
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
[ -n "$2" ] || exit 0
mount -t proc proc root/proc
rm -f root/var/lib/man-db/auto-update
cp "$3" root/root/ssed.deb
exec chroot root sh -ec "$2"`

// afterwards are what an administrator does with the package, and what has to come
// of it.
var afterwards = []struct{ name, does, says string }{
	{"there is a user", "id -un ssed", "ssed"},
	{"the binary is found", "ssed version | cut -d' ' -f1", "ssed"},
	{"bash knows it", ". /usr/share/bash-completion/completions/ssed; complete -p ssed", "complete -F _ssed ssed"},
	{"an upgrade keeps changes", "echo '#mine' >>/etc/default/ssed; dpkg -i /root/ssed.deb >/dev/null; tail -n1 /etc/default/ssed", "#mine"},
	{"so does a removal", "dpkg -r ssed >/dev/null; tail -n1 /etc/default/ssed", "#mine"},
	{"the program is gone then", "hash -r; command -v ssed || echo gone", "gone"},
	{"a purge leaves nothing", "dpkg -P ssed >/dev/null; ls /etc/default/ssed 2>/dev/null || echo gone", "gone"},
}

// TestTheDebianPackageInstalls installs the package, upgrades it and removes it, with the
// real dpkg, on a copy of this machine.
func TestTheDebianPackageInstalls(t *testing.T) {
	if os.Geteuid() != 0 {
		testtool.Lack(t, "dpkg needs root")
	}
	unshare := testtool.Need(t, "unshare", "bash", "mount", "chroot", "dpkg")
	in := func(script, deb string) ([]byte, error) {
		return exec.CommandContext(t.Context(), unshare, "-m", "bash", "-c", overlay, "bash", t.TempDir(), script, deb).Output()
	}
	if _, err := in("", ""); err != nil {
		testtool.Lack(t, "this machine does not let its root mount a copy of its files: %v", err)
	}
	deb := makeDeb(t)
	script := "dpkg -i /root/ssed.deb >/dev/null\n"
	for _, step := range afterwards {
		script += "echo \"$(bash -ec \"" + strings.NewReplacer(`$`, `\$`, `"`, `\"`).Replace(step.does) + "\")\"\n"
	}
	out, err := in(script, deb)
	said := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(said) != len(afterwards) {
		t.Fatalf("dpkg said %q, %v", said, err)
	}
	for i, step := range afterwards {
		if said[i] != step.says {
			t.Errorf("%s: %q, want %q", step.name, said[i], step.says)
		}
	}
}
