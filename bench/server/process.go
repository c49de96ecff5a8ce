package server

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Time limits. A server that takes longer to start or stop is broken, not slow.
const (
	startTimeout = 10 * time.Second
	stopTimeout  = 3 * time.Second
)

// Process is one running server.
type Process struct {
	Subscribe string // address for subscribers
	Publish   string // address for publishers
	PID       int

	name   string
	cmd    *exec.Cmd
	stderr *os.File
	gone   chan struct{} // closed when the process has exited
	why    error         // the result of Wait, valid after gone is closed
}

// ports are the addresses that a server will listen on.
type ports struct {
	subscribe, publish string
	release            func() // makes the ports available to other processes
}

// Start runs the server on two free loopback ports and on the given processor, or on any processor
// if cpu is negative. It waits until the server accepts connections, and until it has reached its
// store if it has one. The server dies with this process.
func Start(spec Spec, cpu int) (*Process, error) { return StartBeside(nil, spec, cpu) }

// StartBeside is like Start, but measures the server as a part of first, if first is not nil. Its
// work and memory are counted with first. It must be stopped before first.
func StartBeside(first *Process, spec Spec, cpu int) (*Process, error) {
	at, err := freePorts()
	if err != nil {
		return nil, err
	}
	defer at.release()
	return startAt(spec, cpu, at, first)
}

// startAt is StartBeside at known addresses.
func startAt(spec Spec, cpu int, at ports, first *Process) (*Process, error) {
	stderr, err := os.CreateTemp("", "ssed-bench-*.log")
	if err != nil {
		return nil, err
	}
	args := append([]string{}, spec.Args...)
	args = append(args, spec.listenFlag, at.subscribe, spec.publishFlag, spec.publishPrefix+at.publish)
	cmd := exec.Command(spec.Path, args...)
	cmd.Stdout, cmd.Stderr = stderr, stderr
	cmd.Env = append(os.Environ(), spec.env...)
	// The server gets its own process group, so that its children can be found and stopped with it.
	// A server that is a part of first gets the group of first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: cmp.Or(spec.deathSignal, syscall.SIGKILL)}
	if first != nil {
		cmd.SysProcAttr.Pgid = first.PID
	}
	p := &Process{Subscribe: at.subscribe, Publish: at.publish, name: spec.Name, cmd: cmd, stderr: stderr, gone: make(chan struct{})}
	if err := p.launch(cpu); err != nil {
		stderr.Close()
		os.Remove(stderr.Name())
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	if err = p.waitFor(at.subscribe); err == nil {
		err = p.waitFor(at.publish)
	}
	if err == nil && spec.stored {
		err = p.waitForStore()
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// live runs the server until it exits. The child dies with the thread that started it (Pdeathsig),
// so live locks that thread for the whole time: otherwise Go may end it.
func (p *Process) live(cpu int, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := startOn(p.cmd, cpu)
	started <- err
	if err != nil {
		return
	}
	p.why = p.cmd.Wait()
	endOrphans(p.cmd.Process.Pid)
	p.left()
}

// freePorts returns two free loopback addresses. It holds them with sockets, so that the kernel
// does not give them to other processes before they are released. The sockets do not listen, so a
// server that sets SO_REUSEADDR can use the addresses.
func freePorts() (at ports, err error) {
	var held []int
	at.release = func() {
		for _, fd := range held {
			unix.Close(fd)
		}
	}
	for _, address := range []*string{&at.subscribe, &at.publish} {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			at.release()
			return at, err
		}
		held = append(held, fd)
		if *address, err = bindAnywhere(fd); err != nil {
			at.release()
			return at, err
		}
	}
	return at, nil
}

func bindAnywhere(fd int) (address string, err error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return "", err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*unix.SockaddrInet4).Port), nil
}

// atStart are the processors that this process could use at its start, before PinSelf.
var atStart = func() (set unix.CPUSet) {
	_ = unix.SchedGetaffinity(0, &set) // if it fails, set is empty, and startOn fails
	return set
}()

// startOn starts cmd on one processor, or on all processors of atStart if cpu is negative. It sets
// the affinity before the start, because a child inherits the affinity of the thread that forks it.
// If it was set later, it would miss the threads that the child's runtime creates immediately, and
// the child would see the wrong number of processors.
func startOn(cmd *exec.Cmd, cpu int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var own unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		return err
	}
	child := atStart
	if cpu >= 0 {
		child = unix.CPUSet{}
		child.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &child); err != nil {
		return fmt.Errorf("processor %d: %w", cpu, err)
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &own); err == nil {
		err = back
	}
	return err
}

// PinSelf binds every thread of this process to one processor. New threads inherit it.
func PinSelf(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		var tid int
		if _, err := fmt.Sscan(task.Name(), &tid); err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
			return fmt.Errorf("processor %d: %w", cpu, err)
		}
	}
	return nil
}

func (p *Process) waitFor(address string) error {
	deadline := time.Now().Add(startTimeout)
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.gone:
			return fmt.Errorf("%s exited during startup (%v): %s", p.name, p.why, p.Stderr())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s accepts no connection on %s: %w: %s", p.name, address, err, p.Stderr())
		}
	}
}

// Pause stops the server, so that connections and requests pile up in the kernel. Continue resumes
// it.
func (p *Process) Pause() error { return p.signalAll(unix.SIGSTOP) }

// Continue resumes the server after Pause.
func (p *Process) Continue() error { return p.signalAll(unix.SIGCONT) }

// signalAll sends a signal to the server and all its children. It does not send one to a server
// that has exited, because the group's number may belong to another process then.
func (p *Process) signalAll(signal unix.Signal) error {
	if !p.Alive() {
		return os.ErrProcessDone
	}
	return unix.Kill(-p.PID, signal)
}

// Alive reports whether the server is running.
func (p *Process) Alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// Stderr returns the end of the server's output, for error messages.
func (p *Process) Stderr() string {
	const tail = 2000
	text, err := os.ReadFile(p.stderr.Name())
	if err != nil {
		return err.Error()
	}
	if len(text) > tail {
		text = text[len(text)-tail:]
	}
	return strings.TrimSpace(string(text))
}

// Stop stops the server, first with SIGTERM, then with SIGKILL. It returns when the server and all
// its children have exited. A second Stop does nothing.
func (p *Process) Stop() {
	p.Continue() // it may have been paused
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(stopTimeout):
		p.cmd.Process.Kill()
		<-p.gone
	}
	p.stderr.Close()
	os.Remove(p.stderr.Name())
}

// endOrphans kills the members of a group that are still running after their leader has exited.
// While a member is running, no other group gets the group's number.
func endOrphans(leader int) {
	for deadline := time.Now().Add(stopTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		orphans := orphansOf(leader)
		if len(orphans) == 0 {
			return
		}
		for _, pid := range orphans {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// orphansOf returns the members of a group that are still running after their leader has exited.
// Zombies, which only wait for their new parent, are excluded.
func orphansOf(leader int) (living []int) {
	members, err := group(leader)
	if err != nil {
		return nil
	}
	for _, pid := range members[1:] {
		proc, err := procfs.NewProc(pid)
		if err != nil {
			continue
		}
		if stat, err := proc.Stat(); err == nil && stat.State != "Z" && stat.State != "X" {
			living = append(living, pid)
		}
	}
	return living
}
