package deploy

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// installed are the files that an installation consists of, below PREFIX.
var installed = []string{
	"bin/ssed",
	"lib/systemd/system/ssed.service",
	"lib/sysusers.d/ssed.conf",
	"share/bash-completion/completions/ssed",
	"share/doc/ssed/copyright",
	"share/fish/vendor_completions.d/ssed.fish",
	"share/zsh/vendor-completions/_ssed",
}

// wantDocuments wants all documents there, and the examples that they lead to.
func wantDocuments(t *testing.T, folder string) {
	t.Helper()
	documents := []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, err = filepath.Rel(root, name)
			documents = append(documents, name)
		}
		return err
	})
	if err != nil || !slices.Contains(documents, "docs/architecture.svg") || !slices.Contains(documents, "docs/decisions/001-one-loop.md") {
		t.Fatalf("found only %q, %v: this test looks in the wrong place", documents, err)
	}
	for _, link := range regexp.MustCompile(`\]\(\.\./(deploy/[^)]+)\)`).FindAllStringSubmatch(shipped(t, "docs", "deploy.md")+shipped(t, "docs", "proxies.md")+shipped(t, "docs", "cluster.md")+shipped(t, "docs", "configuration.md"), -1) {
		documents = append(documents, link[1])
	}
	if !slices.Contains(documents, "deploy/nginx.conf") {
		t.Fatalf("no document leads to the example for nginx: this test looks for other links")
	}
	wantFiles(t, folder, documents...)
}

// settings are the files that belong to the administrator.
func settings(t *testing.T) []string {
	t.Helper()
	files := []string{"/etc/default/ssed"}
	if _, err := os.Stat(filepath.Join(root, "deploy", "ssed.toml")); err == nil {
		files = append(files, "/etc/ssed/ssed.toml")
	}
	return files
}

// wantFiles wants these to be there, each with something in it.
func wantFiles(t *testing.T, folder string, names ...string) {
	t.Helper()
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		} else if info.Size() == 0 {
			t.Errorf("%s is empty", name)
		}
	}
}

// needMake looks for the programs that "make install" runs.
func needMake(t *testing.T) {
	t.Helper()
	testtool.Need(t, "make", "sh", "install", "sed", "find")
}

func TestMakeInstall(t *testing.T) {
	testtool.Long(t, "it builds the daemon")
	needMake(t)
	folder := t.TempDir()
	say(t, root, "make", "install", "BUILD="+t.TempDir(), "DESTDIR="+folder, "PREFIX=/opt/ssed")
	prefix := filepath.Join(folder, "opt", "ssed")
	wantFiles(t, prefix, append(installed, "share/man/man1/ssed.1", "share/man/man1/ssed-pub.1")...)
	wantDocuments(t, filepath.Join(prefix, "share/doc/ssed"))
	wantFiles(t, folder, settings(t)...)
	service, err := os.ReadFile(filepath.Join(prefix, "lib/systemd/system/ssed.service"))
	if err != nil || !bytes.Contains(service, []byte("\nExecStart=/opt/ssed/bin/ssed serve")) {
		t.Errorf("the service does not start what was installed, %v:\n%s", err, service)
	}
}

// deb is the package that "make deb" makes, once per test process. TestMain removes it.
var deb struct {
	once         sync.Once
	folder, path string
}

// makeDeb returns the path of the package.
func makeDeb(t *testing.T) string {
	t.Helper()
	needMake(t)
	testtool.Need(t, "dpkg-deb", "cp", "rm", "gzip", "tr")
	testtool.Long(t, "the first run fetches and compiles nfpm, which takes half a minute")
	deb.once.Do(func() {
		var err error
		if deb.folder, err = os.MkdirTemp("", "ssed-deb-"); err != nil {
			t.Fatal(err)
		}
		say(t, root, "make", "deb", "BUILD="+deb.folder)
		debs, err := filepath.Glob(filepath.Join(deb.folder, "ssed_*.deb"))
		if err != nil || len(debs) != 1 {
			t.Fatalf("make deb made %q, %v", debs, err)
		}
		deb.path = debs[0]
	})
	if deb.path == "" {
		t.Fatal("an earlier test could not make the package")
	}
	return deb.path
}

func TestTheDebianPackage(t *testing.T) {
	testtool.Need(t, "dpkg")
	deb, folder := makeDeb(t), t.TempDir()
	say(t, ".", "dpkg-deb", "-R", deb, folder) // -x, and what dpkg is told in DEBIAN/
	prefix := filepath.Join(folder, "usr")
	wantFiles(t, prefix, append(installed, "share/man/man1/ssed.1.gz", "share/man/man1/ssed-pub.1.gz")...)
	wantDocuments(t, filepath.Join(prefix, "share/doc/ssed"))

	conffiles, err := os.ReadFile(filepath.Join(folder, "DEBIAN", "conffiles"))
	got := strings.Fields(string(conffiles))
	slices.Sort(got)
	if want := settings(t); err != nil || !slices.Equal(got, want) {
		t.Errorf("dpkg keeps what is changed of %q, %v, want %q", got, err, want)
	}
	wantFiles(t, folder, settings(t)...)
	for _, script := range []string{"postinst", "prerm"} {
		say(t, ".", "sh", "-n", filepath.Join(folder, "DEBIAN", script))
	}

	binary := filepath.Join(prefix, "bin", "ssed")
	version, err := exec.Command(binary, "version").Output()
	if err != nil || !bytes.HasPrefix(version, []byte("ssed ")) {
		t.Errorf("ssed version: %q, %v", version, err)
	}
	// The version of the package is one that dpkg can compare.
	say(t, ".", "dpkg", "--compare-versions", strings.TrimSpace(say(t, ".", "dpkg-deb", "-f", deb, "Version")), "gt", "0~")
	wantService(t, testtool.StartBy(t, binary, "serve"))
}

// TestATagIsTheVersion builds a clone with a tag, as RELEASING.md says. What was changed
// since the last commit is not in the clone, except for the Makefile.
func TestATagIsTheVersion(t *testing.T) {
	needMake(t)
	git := testtool.Need(t, "git", "cp", "rm", "gzip", "tr", "printenv")
	testtool.Long(t, "it builds the daemon in a clone")
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(git, "-C", here, "rev-parse", "HEAD").CombinedOutput(); err != nil {
		testtool.Lack(t, "the source is not in a git repository: %v\n%s", err, out)
	}
	t.Setenv("GOFLAGS", "-buildvcs=true")
	clone := filepath.Join(t.TempDir(), "ssed")
	say(t, here, git, "clone", "--quiet", "--no-tags", here, clone)
	commit := strings.TrimSpace(say(t, clone, git, "rev-parse", "--short=12", "HEAD"))
	const tag, debian = "v1.8.9-rc.1", "1.8.9~rc.1"
	say(t, clone, git, "tag", tag)
	// In place of nfpm, print the version that it would get.
	made := say(t, clone, "make", "-f", filepath.Join(here, "Makefile"), "deb", "NFPM=printenv VERSION; true")
	if !strings.HasSuffix(made, "\n"+debian+"\n") {
		t.Errorf("make deb prints %q, want the version %s at the end", made, debian)
	}
	version, err := exec.Command(filepath.Join(clone, "build", "ssed"), "version").Output()
	if want := "ssed " + tag + " (commit " + commit + ") "; err != nil || !strings.HasPrefix(string(version), want) {
		t.Errorf("ssed version prints %q, %v, want %q", version, err, want)
	}
}

// TestTheUserExists after the package was installed: sysusers makes it.
func TestTheUserExists(t *testing.T) {
	if os.Geteuid() != 0 {
		testtool.Lack(t, "systemd-sysusers needs root")
	}
	testtool.Need(t, "install", "systemd-sysusers")
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	say(t, root, "install", "-D", "deploy/ssed.sysusers", filepath.Join(folder, "usr/lib/sysusers.d/ssed.conf"))
	say(t, ".", "systemd-sysusers", "--root="+folder, "ssed.conf")
	users, err := os.ReadFile(filepath.Join(folder, "etc/passwd"))
	if err != nil || !strings.Contains(string(users), "ssed:x:") || !strings.Contains(string(users), "nologin") {
		t.Errorf("%v, /etc/passwd:\n%s", err, users)
	}
}
