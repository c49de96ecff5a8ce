// Command nchan becomes nginx with the nchan module, as Debian has them (packages nginx and
// libnginx-mod-nchan): it writes a configuration and executes nginx in its own place, so that the
// process that is measured is nginx and nothing else.
//
// Messages come in by nchan's own way, POST /publish/<namespace> with the data as the body, and not
// as lines.
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

// changed is what nginx.conf has otherwise than by default.
var changed = []string{
	"nchan_subscriber_first_message newest: newcomers would get what is still buffered",
	"worker_processes 1: it is measured on one processor",
	"worker_rlimit_nofile 20000 and worker_connections 22500: 512 connections would be all, and with the last sixteenth in use nginx closes waiting ones",
	"keepalive_requests 1000000000: a publisher's connection would be closed after 1000 messages",
	"access_log off: the log is not what is measured",
	"user root where root starts it: nobody, who nginx would make its worker, may not enter the temporary folder that long bodies are written to",
}

const name = "nchan"

// filesMax is how many descriptors a server has while it is measured, if the machine gives so many.
// nginx takes memory for as many connections at once, so more would be held against it.
const filesMax = 20_000

// Whoever starts this may have asked to have it end with them (PR_SET_PDEATHSIG), as the bench
// does. The kernel keeps that for a thread: only if the first one executes nginx does nginx inherit
// it.
func init() { runtime.LockOSThread() }

func main() {
	o := peer.Flags()
	prefix := flag.String("prefix", "", "`folder` for the configuration and nginx's other files (default a temporary one, which stays)")
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

// installed is what Debian's packages brought.
type installed struct {
	program string // path of nginx
	module  string // path of nchan
	version string
}

// find looks for both packages, and asks nginx what it is.
func find() (*installed, error) {
	// /usr/sbin is not in everybody's PATH.
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
		return nil, fmt.Errorf("nginx -V tells no version and path of modules: %s", about)
	}
	module := filepath.Join(string(modules[1]), "ngx_nchan_module.so")
	if _, err := os.Stat(module); err != nil {
		return nil, fmt.Errorf("%w: install the package libnginx-mod-nchan", err)
	}
	nchan, err := exec.Command("dpkg-query", "--show", "--showformat=${Version}", "libnginx-mod-nchan").Output()
	if err != nil {
		return nil, fmt.Errorf("dpkg-query: %w: which version nchan has, only its package tells", err)
	}
	_, plain, epoch := strings.Cut(string(nchan), ":")
	if !epoch {
		plain = string(nchan)
	}
	return &installed{program, module, plain + " (nginx " + string(version[1]) + ")"}, nil
}

//go:embed nginx.conf
var configuration string

// become executes nginx; it only returns if that fails. Several may have one prefix: their files
// are named by their port.
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
