package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBuildRefusesUnknownServers verifies that an unknown server is rejected with a list of
// servers.
func TestBuildRefusesUnknownServers(t *testing.T) {
	if _, err := Build(t.TempDir(), []string{"nginx"}); err == nil || !strings.Contains(err.Error(), "floor") {
		t.Fatalf("got %v, want an error that lists the servers", err)
	}
}

// TestSameServerTwiceHasTwoNames verifies that a repeated server gets a number.
func TestSameServerTwiceHasTwoNames(t *testing.T) {
	specs, err := Build(t.TempDir(), []string{"/opt/ssed", "/opt/ssed"})
	if err != nil || specs[0].Name != "ssed" || specs[1].Name != "ssed#2" || specs[0].Path != "/opt/ssed" {
		t.Fatalf("got %+v, %v", specs, err)
	}
}

// TestBuildWithoutServers verifies that Build fails without servers.
func TestBuildWithoutServers(t *testing.T) {
	if _, err := Build(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "ssed-own") {
		t.Fatalf("got %v, want an error that lists the servers", err)
	}
}

// script returns a server that runs a shell script.
func script(t *testing.T, text string) Spec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return Spec{Name: "script", Path: path, listenFlag: "--listen", publishFlag: "--publish"}
}

// TestErrorHasOutputOfServer verifies that the error of a server that exits during startup contains
// its output.
func TestErrorHasOutputOfServer(t *testing.T) {
	_, err := Start(script(t, "echo no such thing as $1 >&2; exit 3"), -1)
	if err == nil || !strings.Contains(err.Error(), "no such thing as --listen") {
		t.Fatalf("got %v", err)
	}
}

// TestServerThatCannotBeStarted verifies that Start fails if the program does not exist.
func TestServerThatCannotBeStarted(t *testing.T) {
	if _, err := Start(Spec{Name: "none", Path: "/nonexistent/server"}, -1); err == nil {
		t.Fatal("a program that does not exist was started")
	}
}

// TestProcessIsMeasuredAndStopped checks the measurements of a server, and that Stop ends it.
func TestProcessIsMeasuredAndStopped(t *testing.T) {
	floor, err := Build(t.TempDir(), []string{"floor"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(floor[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if usage, err := WorkOf(p.PID); err != nil || usage <= 0 {
		t.Errorf("usage %+v, %v", usage, err)
	}
	if rss, err := p.RSS(); err != nil || rss < 100<<10 || rss > 1<<30 {
		t.Errorf("%d bytes of RSS, %v", rss, err)
	}
	if err := p.ForgetPeak(); err != nil {
		t.Error(err)
	}
	if peak, err := p.PeakRSS(); err != nil || peak < 100<<10 || peak > 1<<30 {
		t.Errorf("peak RSS is %d bytes, %v", peak, err)
	}
	if n, err := p.Files(); err != nil || n < 6 {
		t.Errorf("%d descriptors, %v: want at least the standard three, two listeners and epoll", n, err)
	}
	if n, err := SocketMemory(); err != nil || n < 0 {
		t.Errorf("%d bytes of socket memory, %v", n, err)
	}
	if !p.Alive() {
		t.Error("the server has exited already")
	}
	p.Stop()
	for deadline := time.Now().Add(5 * time.Second); p.Alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server is still running after Stop")
		}
	}
}

// TestUsageGrowsWithWork verifies that WorkOf grows while a process works.
func TestUsageGrowsWithWork(t *testing.T) {
	before, err := WorkOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		for i := range 1 << 20 {
			_ = i * i
		}
		now, err := WorkOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("ten seconds of work, and the usage is still %v", now)
		}
	}
}
