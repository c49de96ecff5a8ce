package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// startCurl subscribes with curl, and returns when the head of the response has arrived.
func startCurl(t *testing.T, url string) *testtool.Command {
	t.Helper()
	c := testtool.StartCommand(t, testtool.Need(t, "curl"), "-sS", "-N", "-D", "/dev/stderr", url)
	testtool.WaitFor(t, "curl's answer from "+url, func() bool { return strings.Contains(c.Errors(), "\r\n\r\n") })
	if !strings.HasPrefix(c.Errors(), "HTTP/1.1 200 ") {
		t.Fatalf("curl %s: %s", url, c.Errors())
	}
	return c
}

// wantOutput waits until curl has printed as many bytes as want has, and compares them.
func wantOutput(t *testing.T, c *testtool.Command, want string) {
	t.Helper()
	testtool.WaitFor(t, "curl's output", func() bool { return len(c.Output()) >= len(want) })
	if got := c.Output(); got != want {
		t.Errorf("curl printed %q, want %q", got, want)
	}
}

// TestSSEServerExample runs the example in the README of mroth/sseserver: a clock without an event
// name on /time, dogs and cats on /pets. It checks what curl prints.
func TestSSEServerExample(t *testing.T) {
	testtool.Need(t, "curl")
	d := testtool.Start(t)
	clock := startCurl(t, d.Subscribe[0]+"/subscribe/time")
	pets := startCurl(t, d.Subscribe[0]+"/subscribe/pets")

	client, err := publish.Dial(t.Context(), d.Publish[0])
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	say := func(event, data, namespace string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
		defer cancel()
		if _, err := client.Publish(ctx, sse.Message{Namespace: namespace, Event: event, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Date(2014, 6, 1, 18, 7, 17, 0, time.FixedZone("EDT", -4*60*60))
	tick := func(second int) {
		t.Helper()
		say("", start.Add(time.Duration(second)*time.Second).Format("3:04:05 pm (MST)"), "/time")
	}
	tick(0)
	tick(1)
	say("new-dog", "Corgi", "/pets")
	say("new-cat", "Persian", "/pets")
	tick(2)
	say("new-dog", "Terrier", "/pets")
	say("new-dog", "Dauchsand", "/pets")
	tick(3)
	say("new-cat", "LOLcat", "/pets")

	wantOutput(t, clock, "data:6:07:17 pm (EDT)\n\ndata:6:07:18 pm (EDT)\n\ndata:6:07:19 pm (EDT)\n\ndata:6:07:20 pm (EDT)\n\n")
	wantOutput(t, pets, `event:new-dog
data:Corgi

event:new-cat
data:Persian

event:new-dog
data:Terrier

event:new-dog
data:Dauchsand

event:new-cat
data:LOLcat

`)
}

// TestFirstSteps runs the first commands of a new user on either loop, with curl and nc.
func TestFirstSteps(t *testing.T) {
	t.Parallel()
	nc := testtool.Need(t, "nc", "curl")
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		d := testtool.Start(t, flag)
		pets := startCurl(t, d.Subscribe[0]+"/subscribe/pets")
		host, port, _ := strings.Cut(strings.TrimPrefix(d.Publish[0], "tcp://"), ":")
		publisher := exec.Command(nc, "-q1", host, port)
		publisher.Stdin = strings.NewReader("PUB /pets/dogs new-dog Corgi\n")
		reply, err := publisher.Output()
		if err != nil || string(reply) != "OK 1\n" {
			t.Errorf("nc printed %q, %v", reply, err)
		}
		wantOutput(t, pets, "event:new-dog\ndata:Corgi\n\n")
	})
}
