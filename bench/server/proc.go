package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// group returns the processes of a server that was started as pid. A server leads a process group,
// and its children are born in it. For this process, group returns only its own pid.
func group(pid int) ([]int, error) {
	members := []int{pid}
	if pid == os.Getpid() {
		return members, nil
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		other, err := strconv.Atoi(name)
		if err != nil || other == pid {
			continue
		}
		if leader, err := unix.Getpgid(other); err == nil && leader == pid {
			members = append(members, other)
		}
	}
	return members, nil
}

// sum adds up a value over the processes of a server. A child that has exited in the meantime
// counts as 0.
func sum[N int | int64](pid int, of func(procfs.Proc) (N, error)) (total N, err error) {
	members, err := group(pid)
	if err != nil {
		return 0, err
	}
	for _, member := range members {
		var n N
		proc, err := procfs.NewProc(member)
		if err == nil {
			n, err = of(proc)
		}
		if err != nil && (member == pid || !ended(err)) {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// ended reports whether an error from /proc means that the process does not exist any more.
func ended(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// WorkOf returns the user and system time that a server has spent on processors since its start,
// including its living children. For the caller's own process, the children are not counted: they
// are the servers.
func WorkOf(pid int) (time.Duration, error) {
	members, err := group(pid)
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, member := range members {
		one, err := workOfOne(member)
		if err != nil && (member == pid || !ended(err)) {
			return 0, err
		}
		total += one
	}
	return total, nil
}

// workOfOne returns the time that one process has spent on processors.
//
// /proc/PID/stat counts in ticks of 10 ms. This is too coarse for a server that is idle for 90 % of
// a short run. The scheduler's sums per thread are in nanoseconds, but the sum of a thread is lost
// when it exits. So workOfOne uses the fine sum, unless the coarse sum shows that threads are
// missing from it.
func workOfOne(pid int) (time.Duration, error) {
	const ticks = 20 * time.Millisecond
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return 0, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return 0, err
	}
	coarse := time.Duration(stat.CPUTime() * float64(time.Second))
	fine, err := scheduled(pid)
	if err != nil || coarse > fine+ticks {
		return coarse, nil
	}
	return fine, nil
}

// scheduled adds up the schedstat of all threads of a process.
func scheduled(pid int) (sum time.Duration, err error) {
	threads, err := procfs.AllThreads(pid)
	if err != nil {
		return sum, err
	}
	for _, thread := range threads {
		sched, err := thread.Schedstat()
		if err != nil {
			return sum, err
		}
		sum += time.Duration(sched.RunningNanoseconds)
	}
	return sum, nil
}

// BoundTo returns the processor that a process is bound to, if it is bound to exactly one.
func BoundTo(pid int) (cpu int, bound bool) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(pid, &set) != nil || set.Count() != 1 {
		return 0, false
	}
	for !set.IsSet(cpu) {
		cpu++
	}
	return cpu, true
}

// Busy returns how long a processor has worked since the machine started, for all processes. If cpu
// is negative, it returns the sum for all processors. The value from /proc/stat includes user,
// nice, system, both kinds of interrupts, and time stolen by the hypervisor. If it grows by more
// than the work of the server on that processor ([WorkOf]), the difference is the work of other
// processes. The time that the server's threads wait for the processor does not show this, because
// they also wait for each other.
//
// The kernel counts in ticks of 10 ms (USER_HZ) and assigns a whole tick to the process that it
// finds running. This is precise enough for seconds, not for milliseconds. If the kernel does not
// account interrupts to processes, the interrupts for the server's own packets count as the work of
// others.
func Busy(cpu int) (time.Duration, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, err
	}
	stat, err := fs.Stat()
	if err != nil {
		return 0, err
	}
	of, ok := stat.CPUTotal, true
	if cpu >= 0 {
		of, ok = stat.CPU[int64(cpu)]
	}
	if !ok {
		return 0, fmt.Errorf("/proc/stat does not list processor %d", cpu)
	}
	// User and nice already include the time of guests.
	seconds := of.User + of.Nice + of.System + of.IRQ + of.SoftIRQ + of.Steal
	return time.Duration(seconds * float64(time.Second)), nil
}

// RSS returns the resident memory in bytes. For a server of several processes, it is their
// proportional set size, in which a shared page counts once.
func (p *Process) RSS() (int64, error) {
	members, err := group(p.PID)
	if err != nil {
		return 0, err
	}
	return sum(p.PID, func(proc procfs.Proc) (int64, error) { return residentOf(proc, len(members) > 1) })
}

// residentOf reads smaps_rollup, which counts pages. VmRSS in /proc/PID/status adds up
// per-processor counters and can be off by some hundred kilobytes. This is too much for a server
// with 18,500 subscribers in 10 MB.
func residentOf(proc procfs.Proc, proportional bool) (int64, error) {
	if maps, err := proc.ProcSMapsRollup(); err == nil && maps.Rss > 0 {
		if proportional {
			return int64(maps.Pss), nil
		}
		return int64(maps.Rss), nil
	}
	status, err := proc.NewStatus()
	return int64(status.VmRSS), err
}

// ForgetPeak resets the value of PeakRSS.
func (p *Process) ForgetPeak() error {
	const peak = "5" // see clear_refs in proc(5)
	_, err := sum(p.PID, func(proc procfs.Proc) (int, error) {
		return 0, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", proc.PID), []byte(peak), 0)
	})
	return err
}

// PeakRSS returns the peak of the resident memory in bytes. For a server of several processes, it
// is the sum of their peaks, which may have been at different times. Shared pages count in each
// process.
func (p *Process) PeakRSS() (int64, error) {
	return sum(p.PID, func(proc procfs.Proc) (int64, error) {
		status, err := proc.NewStatus()
		return int64(status.VmHWM), err
	})
}

// Files returns how many descriptors the server has open.
func (p *Process) Files() (int, error) { return sum(p.PID, procfs.Proc.FileDescriptorsLen) }

// SocketMemory returns the bytes that the kernel holds in TCP buffers on the whole machine, from
// /proc/net/sockstat.
func SocketMemory() (int64, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, err
	}
	stat, err := fs.NetSockstat()
	if err != nil {
		return 0, err
	}
	for _, protocol := range stat.Protocols {
		if protocol.Protocol == "TCP" && protocol.Mem != nil {
			return int64(*protocol.Mem) * int64(os.Getpagesize()), nil
		}
	}
	return 0, nil
}
