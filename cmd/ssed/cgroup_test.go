package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A tree is a control group file system as a process sees it: the contents of /proc/self/mountinfo
// and /proc/self/cgroup, in which ROOT means the tree's directory, and its files.
type tree struct {
	name      string
	mountinfo string
	cgroup    string
	files     map[string]string
	want      string // origin of backlog-total
}

const (
	mountV1     = "35 31 0:32 / ROOT/memory rw,nosuid - cgroup cgroup rw,memory\n"
	mountV2     = "30 23 0:26 / ROOT rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	mountHybrid = "41 31 0:38 / ROOT/unified rw - cgroup2 cgroup2 rw\n"
	unlimitedV1 = "9223372036854771712\n"
)

var trees = []tree{
	{name: "none", mountinfo: "23 1 0:20 / /proc rw - proc proc rw\n", want: "default"},
	{
		name: "v2", mountinfo: mountV2, cgroup: "0::/system.slice/ssed.service\n",
		files: map[string]string{"system.slice/ssed.service/memory.max": "268435456\n", "system.slice/memory.max": "max\n"},
		want:  "from the memory limit of 256MiB",
	},
	{
		name: "v2, unlimited", mountinfo: mountV2, cgroup: "0::/a\n",
		files: map[string]string{"a/memory.max": "max\n"},
		want:  "default",
	},
	{
		name: "v2, a group above has less", mountinfo: mountV2, cgroup: "0::/a/b/c\n",
		files: map[string]string{"a/memory.max": "134217728\n", "a/b/memory.max": "max\n", "a/b/c/memory.max": "268435456\n"},
		want:  "from the memory limit of 128MiB",
	},
	{
		name: "v2, a group above has more", mountinfo: mountV2, cgroup: "0::/a/b\n",
		files: map[string]string{"a/memory.max": "268435456\n", "a/b/memory.max": "134217728\n"},
		want:  "from the memory limit of 128MiB",
	},
	{
		name: "v2, in a container", mountinfo: mountV2, cgroup: "0::/\n",
		files: map[string]string{"memory.max": "134217728\n"},
		want:  "from the memory limit of 128MiB",
	},
	{
		name: "v2, bound from a part of the tree", mountinfo: strings.Replace(mountV2, " / ROOT", " /docker/0123 ROOT", 1), cgroup: "0::/docker/0123\n",
		files: map[string]string{"memory.max": "134217728\n"},
		want:  "from the memory limit of 128MiB",
	},
	{
		name: "v1", mountinfo: mountV1, cgroup: "4:memory:/docker/0123\n3:cpu:/\n",
		files: map[string]string{"memory/docker/0123/memory.limit_in_bytes": "134217728\n", "memory/docker/0123/memory.stat": "cache 1\nhierarchical_memory_limit 134217728\n"},
		want:  "from the memory limit of 128MiB",
	},
	{
		name: "v1, unlimited", mountinfo: mountV1, cgroup: "4:memory:/a\n",
		files: map[string]string{"memory/a/memory.limit_in_bytes": unlimitedV1, "memory/a/memory.stat": "hierarchical_memory_limit " + unlimitedV1},
		want:  "default",
	},
	{
		name: "v1, a group above has less", mountinfo: mountV1, cgroup: "4:memory:/a/b\n",
		files: map[string]string{"memory/a/b/memory.limit_in_bytes": unlimitedV1, "memory/a/b/memory.stat": "hierarchical_memory_limit 134217728\n"},
		want:  "from the memory limit of 128MiB",
	},
	{
		name: "hybrid, memory in v1", mountinfo: mountV1 + mountHybrid, cgroup: "4:memory:/a\n0::/a\n",
		files: map[string]string{"memory/a/memory.limit_in_bytes": "134217728\n", "unified/a/cgroup.procs": "1\n"},
		want:  "from the memory limit of 128MiB",
	},
	{
		name: "hybrid, memory in v2", mountinfo: mountHybrid, cgroup: "3:cpu:/a\n0::/a\n",
		files: map[string]string{"unified/a/memory.max": "134217728\n"},
		want:  "from the memory limit of 128MiB",
	},
}

// needTrees looks for the programs that within uses, and skips the test without them. A test must
// call it before within.
func needTrees(t *testing.T) (unshare string) {
	t.Helper()
	return testtool.Need(t, "unshare", "mount", "sh", "env", "true")
}

// within returns a command line that runs the command appended to it with the tree as its control
// groups. It requires the right to mount in a separate mount namespace.
func (tr tree) within(t *testing.T) []string {
	t.Helper()
	root := t.TempDir()
	for name, text := range tr.files {
		write(t, filepath.Join(root, name), text)
	}
	proc := t.TempDir()
	for name, text := range map[string]string{"mountinfo": tr.mountinfo, "cgroup": tr.cgroup} {
		write(t, filepath.Join(proc, name), strings.ReplaceAll(text, "ROOT", root))
	}
	unshare := []string{needTrees(t), "--mount"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--map-root-user")
	}
	const script = `mount --bind "$0/mountinfo" /proc/$$/mountinfo && mount --bind "$0/cgroup" /proc/$$/cgroup && exec "$@"`
	inside := append(unshare, "sh", "-c", script, proc)
	if out, err := exec.Command(inside[0], append(inside[1:], "true")...).CombinedOutput(); err != nil {
		testtool.Lack(t, "control groups cannot be faked without the right to mount: %v: %s", err, out)
	}
	return inside
}

// TestMemoryLimitOfTrees runs the real "ssed config" in trees of both cgroup versions.
func TestMemoryLimitOfTrees(t *testing.T) {
	needTrees(t)
	for _, tr := range trees {
		t.Run(tr.name, func(t *testing.T) {
			line := append(tr.within(t), testtool.Build(t), "config")
			cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
			cmd.Env = testtool.Environ()
			printed, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got := lineOf(t, string(printed), "backlog-total"); !strings.HasSuffix(got, " # "+tr.want) {
				t.Errorf("got %q, want the origin %s", got, tr.want)
			}
		})
	}
}

// TestUnreadableMemoryLimit checks that a limit that cannot be read causes a warning, because the
// process may have a limit.
func TestUnreadableMemoryLimit(t *testing.T) {
	needTrees(t)
	tr := tree{mountinfo: mountV2, cgroup: "0::/a\n", files: map[string]string{"a/memory.max": "much\n"}}
	line := append(tr.within(t), testtool.Build(t), "check")
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = testtool.Environ()
	said, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(said), `level=WARN msg="cannot read the memory limit; set GOMEMLIMIT if there is one" err=`) {
		t.Errorf("check: %v, and it said %s", err, said)
	}
}

// TestMemoryLimitIsSet runs the daemon in a small tree and checks the effective limits. They depend
// on the number of event loops: see TestFitMemory.
func TestMemoryLimitIsSet(t *testing.T) {
	needTrees(t)
	small := tree{mountinfo: mountV2, cgroup: "0::/\n", files: map[string]string{"memory.max": "134217728\n"}}
	const byHand = `level=WARN msg="flags allow more memory than the memory limit" flags="--backlog-total --history-bytes" limit_mib=128 allowed_mib=553 over_mib=441`
	for _, tt := range []struct {
		name    string
		env     []string
		args    []string
		goLimit string // expected GOMEMLIMIT
		says    []string
		silent  string
	}{
		{"the limit's", nil, nil, "1.00663296e+08", []string{`level=INFO msg="memory limit found" limit=128MiB gomemlimit=96MiB backlog=16MiB backlog_total=47MiB`}, "level=WARN"},
		{"the limit's, with an empty variable", []string{"GOMEMLIMIT="}, nil, "1.00663296e+08", []string{`limit=128MiB gomemlimit=96MiB`}, "level=WARN"},
		{"the environment's", []string{"GOMEMLIMIT=77MiB"}, nil, "8.0740352e+07", []string{`limit=128MiB gomemlimit=77MiB`}, "level=WARN"},
		{"flags that exceed it", nil, []string{"--history=1", "--backlog-total=200MiB", "--history-bytes=200MiB"}, "1.00663296e+08", []string{byHand}, "backlog_total=47MiB"},
		{"a store that it has no room for", nil, []string{"--store=" + t.TempDir()}, "1.00663296e+08",
			[]string{`level=WARN msg="memory limit is too small for the defaults" limit_mib=128`, " history_bytes=7MiB mailbox=2MiB"}, "flags="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := append(append(small.within(t), "env"), tt.env...)
			line = append(append(line, testtool.Build(t), "--loops=1"), tt.args...)
			d := testtool.StartBy(t, line...)
			for _, words := range tt.says {
				if !strings.Contains(d.Log(), words) {
					t.Errorf("the log does not say %s", words)
				}
			}
			if strings.Contains(d.Log(), tt.silent) {
				t.Errorf("the log says %s", tt.silent)
			}
			_, metrics := get(t, d.Subscribe[0]+"/metrics")
			if got := regexp.MustCompile(`(?m)^go_gc_gomemlimit_bytes (\S+)$`).FindStringSubmatch(metrics); got == nil || got[1] != tt.goLimit {
				t.Errorf("effective GOMEMLIMIT: %q, want %s", got, tt.goLimit)
			}
		})
	}
}

// write writes a file and creates its directory.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
