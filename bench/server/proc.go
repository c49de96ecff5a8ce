package server

import (
	"fmt"
	"os"
	"time"

	"github.com/prometheus/procfs"
)

// Usage is what the scheduler says of a process: time on a processor, user and system, and time in line for one, which tells
// a quiet machine from a disturbed measurement.
type Usage struct {
	CPU    time.Duration
	Waited time.Duration
}

// UsageOf returns the usage of a process since its start.
//
// /proc/PID/stat counts in ticks of 10 ms, which is coarse for a server that is idle nine tenths of a short run. The
// scheduler's own sums, one per thread, are in nanoseconds, but a thread takes its own with it when it ends. So: the fine sum,
// unless the coarse one says that threads are missing from it.
func UsageOf(pid int) (Usage, error) {
	const ticks = 20 * time.Millisecond
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return Usage{}, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return Usage{}, err
	}
	coarse := time.Duration(stat.CPUTime() * float64(time.Second))
	fine, err := scheduled(pid)
	if err != nil || coarse > fine.CPU+ticks {
		fine.CPU = coarse
	}
	return fine, nil
}

// scheduled adds up schedstat over a process's threads.
func scheduled(pid int) (Usage, error) {
	var sum Usage
	threads, err := procfs.AllThreads(pid)
	if err != nil {
		return sum, err
	}
	for _, thread := range threads {
		sched, err := thread.Schedstat()
		if err != nil {
			return sum, err
		}
		sum.CPU += time.Duration(sched.RunningNanoseconds)
		sum.Waited += time.Duration(sched.WaitingNanoseconds)
	}
	return sum, nil
}

// RSS returns the resident memory in bytes. smaps_rollup counts pages; VmRSS in /proc/PID/status adds up per-processor
// counters that may be some hundred kilobytes off, too much for a server whose 18,500 subscribers fit into ten megabytes.
func (p *Process) RSS() (int64, error) {
	proc, err := procfs.NewProc(p.PID)
	if err != nil {
		return 0, err
	}
	if maps, err := proc.ProcSMapsRollup(); err == nil && maps.Rss > 0 {
		return int64(maps.Rss), nil
	}
	status, err := proc.NewStatus()
	return int64(status.VmRSS), err
}

// ForgetPeak makes PeakRSS begin anew.
func (p *Process) ForgetPeak() error {
	const peak = "5" // proc(5), of clear_refs
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID), []byte(peak), 0)
}

// PeakRSS returns the most that RSS ever was, in bytes.
func (p *Process) PeakRSS() (int64, error) {
	proc, err := procfs.NewProc(p.PID)
	if err != nil {
		return 0, err
	}
	status, err := proc.NewStatus()
	return int64(status.VmHWM), err
}

// Files returns how many descriptors the process has open.
func (p *Process) Files() (int, error) {
	proc, err := procfs.NewProc(p.PID)
	if err != nil {
		return 0, err
	}
	return proc.FileDescriptorsLen()
}

// SocketMemory returns the bytes that the kernel holds in TCP buffers on the whole machine, from /proc/net/sockstat.
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
