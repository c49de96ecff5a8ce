package evioserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

func TestShutdown(t *testing.T) {
	t.Run("before Serve", func(t *testing.T) {
		s := New(Options{Listen: []string{tcp()}, Sink: &recorder{}})
		shutdown(t, s)
		if err := s.Serve(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Run("immediately, many times", func(t *testing.T) {
		for range 10 {
			s := New(Options{Listen: []string{tcp(), unix(t).String()}, Sink: &recorder{}})
			served := make(chan error, 1)
			go func() { served <- s.Serve() }()
			select {
			case <-s.Ready():
			case <-time.After(patience):
				t.Fatal("the server is not ready")
			}
			shutdown(t, s)
			if err := <-served; err != nil {
				t.Errorf("Serve: %v", err)
			}
		}
	})
	t.Run("closes publishers and removes the socket", func(t *testing.T) {
		e := unix(t)
		s := start(t, Options{Listen: []string{e.String()}, Sink: &recorder{}})
		conn := dial(t, s.Addrs()[0])
		ask(t, conn, "PUB / - x")
		shutdown(t, s)
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection ended with %v", err)
		}
		if _, err := os.Lstat(e.Address); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
	})
	t.Run("when the socket's path is gone", func(t *testing.T) {
		for publishers := range 2 {
			e := unix(t)
			s := start(t, Options{Listen: []string{e.String()}, Sink: &recorder{}})
			for range publishers {
				ask(t, dial(t, s.Addrs()[0]), "PING")
			}
			must(t, os.Remove(e.Address))
			shutdown(t, s)
		}
	})
}

// slow is a Sink that reports each call on called, and then waits for leave.
type slow struct{ called, leave chan struct{} }

func newSlow() slow { return slow{make(chan struct{}, 1), make(chan struct{})} }

func (s slow) Publish(_, _, _ []byte) (uint64, error) {
	s.called <- struct{}{}
	<-s.leave
	return 1, nil
}

func TestSinkBlocksPublishers(t *testing.T) {
	sink := newSlow()
	s := start(t, Options{Listen: []string{tcp()}, Sink: sink})
	conn := dial(t, s.Addrs()[0])
	go func() { <-sink.called; close(sink.leave) }()
	if got := ask(t, conn, "PUB / - x"); got != "OK 1" {
		t.Errorf("the reply is %q", got)
	}
}

func TestShutdownGivesUp(t *testing.T) {
	sink := newSlow()
	s := New(Options{Listen: []string{tcp()}, Sink: sink})
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	<-s.Ready()
	fmt.Fprint(dial(t, s.Addrs()[0]), "PUB / - x\n")
	<-sink.called
	defer close(sink.leave)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); err != context.Canceled {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
