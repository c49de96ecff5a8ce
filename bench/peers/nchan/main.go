// Command nchan runs nginx with the nchan module, from Debian's packages nginx and
// libnginx-mod-nchan. It writes a configuration and then executes nginx in its place, so that the
// measured process is nginx itself.
//
// Messages arrive as nchan's own requests and not as PUB lines: POST /publish/<namespace> with the
// data as the body.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"text/template"

	"github.com/ssed/ssed/bench/peers/peer"
)

// changed lists the settings in nginx.conf that differ from nginx's defaults, with the reasons.
var changed = []string{
	"nchan_subscriber_first_message newest: new subscribers would get buffered messages",
	"worker_processes 1: the server is measured on one processor",
	"worker_rlimit_nofile 20000 and worker_connections 22500: the default is 512 connections, and nginx closes waiting connections when the last sixteenth is in use",
	"keepalive_requests 1000000000: nginx would close a publisher's connection after 1000 messages",
	"access_log off: the log is not part of the measurement",
	"user root if root starts it: by default the worker runs as nobody, which cannot write long bodies to the temporary folder",
}

const name = "nchan"

// filesMax is the number of descriptors of the measured server, if the system allows as many. nginx
// allocates memory for all possible connections at startup, so a higher number would make its
// memory look worse.
const filesMax = 20_000

// A parent process may have requested that this process dies with it (PR_SET_PDEATHSIG), as the
// bench does. The kernel stores the request per thread, so nginx inherits it only if the first
// thread executes nginx.
func init() { runtime.LockOSThread() }

func main() {
	o := peer.Flags()
	prefix := flag.String("prefix", "", "`folder` for the configuration and nginx's other files (default: a temporary folder, which is not removed)")
	flag.Parse()
	nginx, err := find()
	if err != nil {
		peer.Fail(name, err)
	}
	if o.Version {
		fmt.Println(peer.Describe(name, nginx.version, changed))
		return
	}
	peer.Fail(name, nginx.become(o, *prefix))
}

// installed describes the installed packages.
type installed struct {
	program string // path of nginx
	module  string // path of nchan
	version string
}

// find looks for both packages and asks nginx for its version.
func find() (*installed, error) {
	// /usr/sbin is not always in PATH.
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return nil, fmt.Errorf("%w: install the package nginx", err)
		}
	}
	about, err := exec.Command(program, "-V").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("nginx -V: %w", err)
	}
	version := regexp.MustCompile(`nginx version: nginx/(\S+)`).FindSubmatch(about)
	modules := regexp.MustCompile(`--modules-path=(\S+)`).FindSubmatch(about)
	if version == nil || modules == nil {
		return nil, fmt.Errorf("nginx -V does not print the version and the path of modules: %s", about)
	}
	module := filepath.Join(string(modules[1]), "ngx_nchan_module.so")
	if _, err := os.Stat(module); err != nil {
		return nil, fmt.Errorf("%w: install the package libnginx-mod-nchan", err)
	}
	nchan, err := exec.Command("dpkg-query", "--show", "--showformat=${Version}", "libnginx-mod-nchan").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot find the version of nchan's package: dpkg-query: %w", err)
	}
	_, plain, epoch := strings.Cut(string(nchan), ":")
	if !epoch {
		plain = string(nchan)
	}
	return &installed{program, module, plain + " (nginx " + string(version[1]) + ")"}, nil
}

//go:embed nginx.conf
var configuration string

// become executes nginx. It returns only if that fails. Several servers can share a prefix, because
// their files are named after their port.
func (i *installed) become(o *peer.Options, prefix string) error {
	var err error
	if prefix == "" {
		prefix, err = os.MkdirTemp("", "ssed-nchan-")
	} else if err = os.MkdirAll(prefix, 0o755); err == nil {
		prefix, err = filepath.Abs(prefix)
	}
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	files := min(limit.Max, filesMax)
	_, port, _ := strings.Cut(o.Listen, ":")
	var text strings.Builder
	err = template.Must(template.New(name).Parse(configuration)).Execute(&text, map[string]any{
		"Module": i.module, "Prefix": prefix, "Name": name + "-" + port,
		"Files": files, "Connections": files + files/8, "Listen": o.Listen, "Publish": o.Publish, "Root": os.Geteuid() == 0,
	})
	if err != nil {
		return err
	}
	file := filepath.Join(prefix, name+"-"+port+".conf")
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		return err
	}
	return syscall.Exec(i.program, []string{i.program, "-p", prefix, "-c", file, "-e", "stderr"}, os.Environ())
}
