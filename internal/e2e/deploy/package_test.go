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

// installed lists the files of an installation, relative to PREFIX.
var installed = []string{
	"bin/ssed",
	"lib/systemd/system/ssed.service",
	"lib/sysusers.d/ssed.conf",
	"share/bash-completion/completions/ssed",
	"share/doc/ssed/copyright",
	"share/fish/vendor_completions.d/ssed.fish",
	"share/zsh/vendor-completions/_ssed",
}

// wantDocuments checks that all documents are in a folder, and the examples that they link to.
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
		t.Fatalf("no document links to the example for nginx: this test looks for the wrong links")
	}
	wantFiles(t, folder, documents...)
}

// settings returns the configuration files that the administrator may change.
func settings(t *testing.T) []string {
	t.Helper()
	files := []string{"/etc/default/ssed"}
	if _, err := os.Stat(filepath.Join(root, "deploy", "ssed.toml")); err == nil {
		files = append(files, "/etc/ssed/ssed.toml")
	}
	return files
}

// wantFiles checks that the files exist and are not empty.
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

// needMake skips the test if a program that "make install" runs is missing.
func needMake(t *testing.T) {
	t.Helper()
	testtool.Need(t, "make", "sh", "install", "sed", "find")
}

func TestMakeInstall(t *testing.T) {
	testtool.Long(t, "it builds the daemon")
	needMake(t)
	folder := t.TempDir()
	run(t, root, "make", "install", "BUILD="+t.TempDir(), "DESTDIR="+folder, "PREFIX=/opt/ssed")
	prefix := filepath.Join(folder, "opt", "ssed")
	wantFiles(t, prefix, append(installed, "share/man/man1/ssed.1", "share/man/man1/ssed-pub.1")...)
	wantDocuments(t, filepath.Join(prefix, "share/doc/ssed"))
	wantFiles(t, folder, settings(t)...)
	service, err := os.ReadFile(filepath.Join(prefix, "lib/systemd/system/ssed.service"))
	if err != nil || !bytes.Contains(service, []byte("\nExecStart=/opt/ssed/bin/ssed serve")) {
		t.Errorf("the service does not start what was installed, %v:\n%s", err, service)
	}
}

// deb is the package that "make deb" builds once per test process. TestMain removes it.
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
		run(t, root, "make", "deb", "BUILD="+deb.folder)
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

func TestDebianPackage(t *testing.T) {
	testtool.Need(t, "dpkg")
	deb, folder := makeDeb(t), t.TempDir()
	run(t, ".", "dpkg-deb", "-R", deb, folder) // -R extracts the files like -x, and dpkg's own into DEBIAN/
	prefix := filepath.Join(folder, "usr")
	wantFiles(t, prefix, append(installed, "share/man/man1/ssed.1.gz", "share/man/man1/ssed-pub.1.gz")...)
	wantDocuments(t, filepath.Join(prefix, "share/doc/ssed"))

	conffiles, err := os.ReadFile(filepath.Join(folder, "DEBIAN", "conffiles"))
	got := strings.Fields(string(conffiles))
	slices.Sort(got)
	if want := settings(t); err != nil || !slices.Equal(got, want) {
		t.Errorf("the conffiles are %q, %v, want %q", got, err, want)
	}
	wantFiles(t, folder, settings(t)...)
	for _, script := range []string{"postinst", "prerm"} {
		run(t, ".", "sh", "-n", filepath.Join(folder, "DEBIAN", script))
	}

	binary := filepath.Join(prefix, "bin", "ssed")
	version, err := exec.Command(binary, "version").Output()
	if err != nil || !bytes.HasPrefix(version, []byte("ssed ")) {
		t.Errorf("ssed version: %q, %v", version, err)
	}
	// dpkg must be able to compare the package's version.
	run(t, ".", "dpkg", "--compare-versions", strings.TrimSpace(run(t, ".", "dpkg-deb", "-f", deb, "Version")), "gt", "0~")
	wantService(t, testtool.StartBy(t, binary, "serve"))
}

// TestVersionIsTheTag verifies that a build of a tagged commit has the tag as its version, as
// RELEASING.md describes. It builds a clone, without uncommitted changes, except for the
// Makefile's.
func TestVersionIsTheTag(t *testing.T) {
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
	run(t, here, git, "clone", "--quiet", "--no-tags", here, clone)
	commit := strings.TrimSpace(run(t, clone, git, "rev-parse", "--short=12", "HEAD"))
	const tag, debian = "v1.8.9-rc.1", "1.8.9~rc.1"
	run(t, clone, git, "tag", tag)
	// In place of nfpm, print the version that it would get.
	made := run(t, clone, "make", "-f", filepath.Join(here, "Makefile"), "deb", "NFPM=printenv VERSION; true")
	if !strings.HasSuffix(made, "\n"+debian+"\n") {
		t.Errorf("make deb prints %q, want the version %s at the end", made, debian)
	}
	version, err := exec.Command(filepath.Join(clone, "build", "ssed"), "version").Output()
	if want := "ssed " + tag + " (commit " + commit + ") "; err != nil || !strings.HasPrefix(string(version), want) {
		t.Errorf("ssed version prints %q, %v, want %q", version, err, want)
	}
}

// TestSysusersCreatesTheUser verifies that systemd-sysusers creates the user of the package.
func TestSysusersCreatesTheUser(t *testing.T) {
	if os.Geteuid() != 0 {
		testtool.Lack(t, "systemd-sysusers needs root")
	}
	testtool.Need(t, "install", "systemd-sysusers")
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, root, "install", "-D", "deploy/ssed.sysusers", filepath.Join(folder, "usr/lib/sysusers.d/ssed.conf"))
	run(t, ".", "systemd-sysusers", "--root="+folder, "ssed.conf")
	users, err := os.ReadFile(filepath.Join(folder, "etc/passwd"))
	if err != nil || !strings.Contains(string(users), "ssed:x:") || !strings.Contains(string(users), "nologin") {
		t.Errorf("%v, /etc/passwd:\n%s", err, users)
	}
}
