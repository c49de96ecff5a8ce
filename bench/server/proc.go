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

// group returns the processes that make up what was started as pid: a server leads a process group,
// which its children are born into. This process is asked about alone, whatever group it is in.
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

// sum adds up what a function says of each process of a server. A child that ended meanwhile counts
// nothing.
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

// ended says whether an error of /proc means that the process is no more.
func ended(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// WorkOf returns the time that a server has spent on a processor since its start, user and system,
// with that of its children who live. Asked about the caller's own process, it leaves the children
// out: they are the servers.
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

// workOfOne is WorkOf of one process.
//
// /proc/PID/stat counts in ticks of 10 ms, which is coarse for a server that is idle nine tenths of
// a short run. The scheduler's own sums, one per thread, are in nanoseconds, but a thread takes its
// own with it when it ends. So: the fine sum, unless the coarse one says that threads are missing
// from it.
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

// scheduled adds up schedstat over a process's threads.
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

// BoundTo returns the processor that a process is bound to, if it is one alone.
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

// Busy returns how long a processor has worked since the machine came up, for whomever, or all of
// them together if cpu is negative: user, nice, system, interrupts of both kinds, and what the
// hypervisor took away meanwhile, from /proc/stat. What grows by more than the server on that
// processor worked ([WorkOf]) was somebody else's. How long its threads waited for the processor
// does not tell that, since they wait for each other as well.
//
// The kernel counts in ticks of 10 ms (USER_HZ), and gives a whole one to whoever it finds at work:
// good for seconds, not for milliseconds. Where it keeps interrupts out of the processes' accounts,
// those of the server's own packets count as somebody else's.
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
		return 0, fmt.Errorf("/proc/stat has no processor %d", cpu)
	}
	// A guest's time is in user and nice already.
	seconds := of.User + of.Nice + of.System + of.IRQ + of.SoftIRQ + of.Steal
	return time.Duration(seconds * float64(time.Second)), nil
}

// RSS returns the resident memory in bytes. Of a server of several processes it is their
// proportional set size: a page that they share counts once.
func (p *Process) RSS() (int64, error) {
	members, err := group(p.PID)
	if err != nil {
		return 0, err
	}
	return sum(p.PID, func(proc procfs.Proc) (int64, error) { return residentOf(proc, len(members) > 1) })
}

// residentOf asks smaps_rollup, which counts pages; VmRSS in /proc/PID/status adds up per-processor
// counters that may be some hundred kilobytes off, too much for a server whose 18,500 subscribers
// fit into ten megabytes.
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

// ForgetPeak makes PeakRSS begin anew.
func (p *Process) ForgetPeak() error {
	const peak = "5" // proc(5), of clear_refs
	_, err := sum(p.PID, func(proc procfs.Proc) (int, error) {
		return 0, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", proc.PID), []byte(peak), 0)
	})
	return err
}

// PeakRSS returns the most that the resident memory ever was, in bytes; of a server of several
// processes, the sum of what each had at its time, with shared pages in all of them.
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
