package server

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// The environment variable parentOf makes this process start a server instead of running tests. Its
// value is the server's name. parentDir is the directory that the server is built in.
const (
	parentOf  = "SSED_TEST_PARENT_OF"
	parentDir = "SSED_TEST_PARENT_DIR"
)

func TestMain(m *testing.M) {
	name := os.Getenv(parentOf)
	if name == "" {
		os.Exit(m.Run())
	}
	specs, err := Build(os.Getenv(parentDir), []string{name})
	if err == nil {
		var p *Process
		if p, err = Start(specs[0], -1); err == nil {
			fmt.Println(p.PID)
			select {} // until it is killed
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestServersDieWithTheirParent kills a process that has started a server, so that it cannot stop
// the server. It verifies that the server exits.
func TestServersDieWithTheirParent(t *testing.T) {
	for name, needs := range map[string]string{"floor": "", "nchan": "nginx"} {
		t.Run(name, func(t *testing.T) {
			if needs != "" {
				testtool.Need(t, needs)
			}
			dir := t.TempDir()
			parent := exec.Command(os.Args[0])
			parent.Env = append(os.Environ(), parentOf+"="+name, parentDir+"="+dir, "TMPDIR="+dir)
			parent.Stderr = os.Stderr
			out, err := parent.StdoutPipe()
			if err == nil {
				err = parent.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			var pid int
			line, err := bufio.NewReader(out).ReadString('\n')
			if _, scanned := fmt.Sscan(line, &pid); err != nil || scanned != nil {
				parent.Process.Kill()
				t.Fatalf("the process printed %q: %v, %v", line, err, parent.Wait())
			}
			t.Cleanup(func() { unix.Kill(-pid, unix.SIGKILL) }) // in case the test fails
			members, err := group(pid)
			parent.Process.Kill()
			parent.Wait()
			if err != nil {
				t.Fatal(err)
			}
			testtool.WaitFor(t, fmt.Sprintf("the exit of %d", members), func() bool {
				return !slices.ContainsFunc(members, func(pid int) bool { return stateOf(pid) != "" && stateOf(pid) != "Z" })
			})
		})
	}
}

// TestServersStayOnTheirProcessor reads from /proc on which processors each thread of a server may
// run. ssed starts several threads immediately.
func TestServersStayOnTheirProcessor(t *testing.T) {
	ssed := known(t, "", "ssed")[0]
	wants := map[int]string{-1: allowed(t, "/proc/self/status")}
	for _, cpu := range processors(t) {
		wants[cpu] = fmt.Sprint(cpu)
	}
	for cpu, want := range wants {
		p, err := Start(ssed, cpu)
		if err != nil {
			t.Fatal(err)
		}
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.PID))
		if err != nil || len(threads) < 2 {
			t.Errorf("threads %q, %v", threads, err)
		}
		for _, thread := range threads {
			if got := allowed(t, thread); got != want {
				t.Errorf("%s may run on processors %s, want %s", thread, got, want)
			}
		}
		p.Stop()
	}
}

// TestAnyProcessor verifies that a server may use all processors although the thread that starts it
// is bound to one, as the threads of the load are.
func TestAnyProcessor(t *testing.T) {
	want := allowed(t, "/proc/self/status")
	cmd := exec.Command(testtool.Need(t, "sleep"), "60")
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so the thread exits
		var one unix.CPUSet
		one.Set(processors(t)[0])
		err := unix.SchedSetaffinity(0, &one)
		if err == nil {
			err = startOn(cmd, -1)
		}
		started <- err
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if got := allowed(t, fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)); got != want {
		t.Errorf("the server may use processors %s, want %s", got, want)
	}
}

// processors returns at most two processors that this process may run on.
func processors(t *testing.T) (all []int) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; len(all) < min(set.Count(), 2); cpu++ {
		if set.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	return all
}

// allowed returns the list of processors in the status of a thread, for example "0-1".
func allowed(t *testing.T, status string) string {
	t.Helper()
	text, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "Cpus_allowed_list:")
	if !found {
		t.Fatalf("%s lists no processors", status)
	}
	list, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(list)
}
