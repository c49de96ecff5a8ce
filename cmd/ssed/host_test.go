package main

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

func TestHostPublishesEveryNamespaceAsJSON(t *testing.T) {
	h, err := newHost()
	if err != nil {
		t.Fatal(err)
	}
	messages, err := h.messages()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]any{}
	for _, m := range messages {
		var fields map[string]any
		if err := json.Unmarshal(m.Data, &fields); err != nil {
			t.Fatalf("%s: %v: %s", m.Namespace, err, m.Data)
		}
		got[m.Namespace] = fields
	}
	for _, namespace := range []string{"/host/load", "/host/cpu", "/host/memory", "/host/network"} {
		if len(got[namespace]) == 0 {
			t.Errorf("%s: nothing in %v", namespace, got)
		}
	}
	if total := got["/host/memory"]["total_bytes"].(float64); total < 1<<20 {
		t.Errorf("/host/memory: total_bytes = %v", total)
	}
	if cpus := got["/host/cpu"]["cpus"].(float64); cpus < 1 {
		t.Errorf("/host/cpu: cpus = %v", cpus)
	}
}

func TestCPUSince(t *testing.T) {
	tests := []struct {
		name      string
		last, now procfs.CPUStat
		want      hostCPU
	}{
		{"no time passed", procfs.CPUStat{User: 5}, procfs.CPUStat{User: 5}, hostCPU{}},
		{"idle", procfs.CPUStat{Idle: 10}, procfs.CPUStat{Idle: 12}, hostCPU{}},
		{
			"all kinds",
			procfs.CPUStat{User: 10, Nice: 10, System: 10, IRQ: 10, SoftIRQ: 10, Iowait: 10, Idle: 10, Steal: 10},
			procfs.CPUStat{User: 11, Nice: 11, System: 11, IRQ: 10.5, SoftIRQ: 10.5, Iowait: 11, Idle: 14, Steal: 11},
			hostCPU{BusyPercent: 50, UserPercent: 20, SystemPercent: 20, IOWaitPercent: 10},
		},
		{
			"guest time is part of user time already (proc_stat(5))",
			procfs.CPUStat{}, procfs.CPUStat{User: 1, Guest: 1, Idle: 1},
			hostCPU{BusyPercent: 50, UserPercent: 50},
		},
		{
			"iowait runs back",
			procfs.CPUStat{Iowait: 2}, procfs.CPUStat{Iowait: 1, User: 2, Idle: 1},
			hostCPU{BusyPercent: 100, UserPercent: 100},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (sample{cpu: tt.now}).cpuSince(sample{cpu: tt.last}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestNetworkSince(t *testing.T) {
	start := time.Unix(1000, 0)
	last := sample{taken: start, network: procfs.NetDev{
		"eth0": {RxBytes: 1000, TxBytes: 500},
		"wlan": {RxBytes: 9000, TxBytes: 9000},
		"gone": {RxBytes: 1},
	}}
	now := sample{taken: start.Add(2 * time.Second), network: procfs.NetDev{
		"eth0": {RxBytes: 3000, TxBytes: 501},
		"wlan": {RxBytes: 10, TxBytes: 9000}, // its counters were reset
		"new0": {RxBytes: 5000},
	}}
	want := hostNetwork{
		"eth0": {ReceivedBytesPerSec: 1000, SentBytesPerSec: 0},
		"wlan": {ReceivedBytesPerSec: 0, SentBytesPerSec: 0},
	}
	if got := now.networkSince(last); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
