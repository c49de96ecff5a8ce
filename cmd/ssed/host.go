package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/procfs"

	"github.com/ssed/ssed/sse"
)

// A host reads the state of this machine from /proc. CPU and network values are counters there, so
// host keeps the last sample and reports the rates since then.
type host struct {
	proc procfs.FS
	last sample
}

// A sample is one reading of all values at one time.
type sample struct {
	taken   time.Time
	load    procfs.LoadAvg
	cpu     procfs.CPUStat // seconds since the machine started, the sum of all CPUs
	cpus    int
	memory  procfs.Meminfo
	network procfs.NetDev
}

// These types are published as JSON, each in its own namespace. The names of the fields contain the
// units.
type (
	hostLoad struct {
		Load1  float64 `json:"load1"`
		Load5  float64 `json:"load5"`
		Load15 float64 `json:"load15"`
	}
	hostCPU struct {
		CPUs          int     `json:"cpus"`
		BusyPercent   float64 `json:"busy_percent"` // 100 means that every CPU is busy
		UserPercent   float64 `json:"user_percent"`
		SystemPercent float64 `json:"system_percent"`
		IOWaitPercent float64 `json:"iowait_percent"`
	}
	hostMemory struct {
		TotalBytes     uint64 `json:"total_bytes"`
		AvailableBytes uint64 `json:"available_bytes"`
		FreeBytes      uint64 `json:"free_bytes"`
		SwapTotalBytes uint64 `json:"swap_total_bytes"`
		SwapFreeBytes  uint64 `json:"swap_free_bytes"`
	}
	// hostNetwork maps the name of an interface, such as "eth0", to its traffic.
	hostNetwork      map[string]interfaceTraffic
	interfaceTraffic struct {
		ReceivedBytesPerSec int64 `json:"rx_bytes_per_sec"`
		SentBytesPerSec     int64 `json:"tx_bytes_per_sec"`
	}
)

// newHost takes the first sample. The first rates are relative to it.
func newHost() (*host, error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, err
	}
	h := &host{proc: proc}
	h.last, err = h.sample()
	return h, err
}

// messages takes a sample and returns its values, one message per namespace.
func (h *host) messages() ([]sse.Message, error) {
	now, err := h.sample()
	if err != nil {
		return nil, err
	}
	messages := []sse.Message{
		hostMessage("/host/load", hostLoad(now.load)),
		hostMessage("/host/cpu", now.cpuSince(h.last)),
		hostMessage("/host/memory", now.memoryNow()),
		hostMessage("/host/network", now.networkSince(h.last)),
	}
	h.last = now
	return messages, nil
}

func hostMessage(namespace string, value any) sse.Message {
	data, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", namespace, err)) // cannot fail: all values are numbers, and percent makes them finite
	}
	return sse.Message{Namespace: namespace, Data: data}
}

func (h *host) sample() (sample, error) {
	taken := time.Now()
	load, loadErr := h.proc.LoadAvg()
	stat, statErr := h.proc.Stat()
	memory, memoryErr := h.proc.Meminfo()
	network, networkErr := h.proc.NetDev()
	if err := errors.Join(loadErr, statErr, memoryErr, networkErr); err != nil {
		return sample{}, err
	}
	return sample{taken, *load, stat.CPUTotal, len(stat.CPU), memory, network}, nil
}

func (s sample) cpuSince(last sample) hostCPU {
	user := s.cpu.User + s.cpu.Nice - last.cpu.User - last.cpu.Nice
	system := s.cpu.System + s.cpu.IRQ + s.cpu.SoftIRQ - last.cpu.System - last.cpu.IRQ - last.cpu.SoftIRQ
	iowait := s.cpu.Iowait - last.cpu.Iowait
	idle := s.cpu.Idle - last.cpu.Idle
	steal := s.cpu.Steal - last.cpu.Steal
	total := user + system + iowait + idle + steal
	return hostCPU{
		CPUs:          s.cpus,
		BusyPercent:   percent(user+system+steal, total),
		UserPercent:   percent(user, total),
		SystemPercent: percent(system, total),
		IOWaitPercent: percent(iowait, total),
	}
}

// memoryNow returns the memory values. Values that this kernel does not provide are 0.
func (s sample) memoryNow() hostMemory {
	return hostMemory{
		TotalBytes:     valueOf(s.memory.MemTotalBytes),
		AvailableBytes: valueOf(s.memory.MemAvailableBytes),
		FreeBytes:      valueOf(s.memory.MemFreeBytes),
		SwapTotalBytes: valueOf(s.memory.SwapTotalBytes),
		SwapFreeBytes:  valueOf(s.memory.SwapFreeBytes),
	}
}

// networkSince omits interfaces that the last sample does not have, because they have no rate yet.
func (s sample) networkSince(last sample) hostNetwork {
	seconds := s.taken.Sub(last.taken).Seconds()
	traffic := make(hostNetwork, len(s.network))
	for name, now := range s.network {
		before, known := last.network[name]
		if !known {
			continue
		}
		traffic[name] = interfaceTraffic{
			ReceivedBytesPerSec: perSecond(before.RxBytes, now.RxBytes, seconds),
			SentBytesPerSec:     perSecond(before.TxBytes, now.TxBytes, seconds),
		}
	}
	return traffic
}

// percent returns part of total with one decimal, between 0 and 100. The limits are necessary
// because the kernel's idle and iowait counters can decrease slightly (proc_stat(5)).
func percent(part, total float64) float64 {
	if total <= 0 {
		return 0
	}
	return math.Round(10*min(max(100*part/total, 0), 100)) / 10
}

// perSecond returns the rate of a counter, or 0 if the counter was reset in between.
func perSecond(before, now uint64, seconds float64) int64 {
	if now < before || seconds <= 0 {
		return 0
	}
	return int64(float64(now-before) / seconds)
}

func valueOf(counter *uint64) uint64 {
	if counter == nil {
		return 0
	}
	return *counter
}
