package store

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
)

// documentedAccounts returns the accounts block of the NATS configuration in docs/nats.md, and
// the JetStream rights in it.
func documentedAccounts(t *testing.T) (config string, rights []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "nats.md"))
	if err != nil {
		t.Fatal(err)
	}
	config = regexp.MustCompile(`(?s)\n    accounts \{\n.*?\n    \}\n`).FindString(string(text))
	for _, right := range regexp.MustCompile(`"\$JS\.API[^"]*"`).FindAllString(config, -1) {
		rights = append(rights, strings.Trim(right, `"`))
	}
	if len(rights) < 5 {
		t.Fatalf("found only %q in %q", rights, config)
	}
	return config, rights
}

// useEverything runs a Store at a server with the given configuration, and uses all its features.
// It returns the log. It stops early when the server has refused something.
func useEverything(t *testing.T, config string) (logged string) {
	t.Helper()
	natsServer, log := natstest.Start(t, config), &logBuffer{}
	r, err := New(Options{
		Servers: Servers{URLs: []string{strings.Replace(natsServer.URL, "://", "://ssed:a-long-secret@", 1)}},
		Stream:  Stream{PerNamespace: 1},
		Logger:  log.logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	server, err := ssed.New(ssed.Options{Store: r})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- r.Serve(server.StoreSink()) }()
	ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
	defer cancel()
	refused := func() bool { return strings.Contains(log.String(), "Permissions Violation") }
	await := func(so func() bool) {
		for !so() && !refused() && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}
	await(func() bool { return r.Status().Reached })
	for _, namespace := range []string{"/", "/pets/dogs", "/pets/dogs", "/pets/cats"} { // the second is deleted: PerNamespace is 1
		answer := make(answerOnce, 1)
		if refused() {
			break
		}
		r.Submit(ssed.PublishRequest{Namespace: []byte(namespace), Data: []byte("x")}, answer)
		await(func() bool { return len(answer) > 0 })
	}
	await(func() bool { return r.Status().Delivered == 4 })
	reading, stop := context.WithCancel(ctx)
	defer stop()
	go func() { await(func() bool { return reading.Err() != nil }); stop() }()
	for _, q := range []ssed.Query{
		{Set: []string{"/pets"}, Until: 4, BytesMax: 1 << 16},
		{Set: []string{"/"}, Until: 4, BytesMax: 1 << 16, Last: 1, Newest: 4},
		{Set: []string{"/"}, Until: 4, BytesMax: 1 << 16, Since: time.Now().Add(-time.Hour)},
	} {
		if part, err := r.Read(reading, q); err == nil && len(part.Ends) == 0 {
			t.Errorf("nothing was read for %+v", q)
		} else if err != nil && !refused() {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if err := r.Shutdown(context.WithoutCancel(ctx)); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := server.Shutdown(context.WithoutCancel(ctx)); err != nil {
		t.Error(err)
	}
	return log.String()
}

// TestDocumentedRightsAreEnough verifies that the rights in docs/nats.md are sufficient, and that
// each of them is necessary.
func TestDocumentedRightsAreEnough(t *testing.T) {
	testtool.Long(t, "a right that is missing takes seconds to be noticed")
	t.Parallel()
	config, rights := documentedAccounts(t)
	if logged := useEverything(t, config); strings.Contains(logged, "Violation") || strings.Contains(logged, "level=ERROR") {
		t.Errorf("with all of them:\n%s", logged)
	}
	for _, right := range rights {
		t.Run(strings.TrimPrefix(right, "$JS.API."), func(t *testing.T) {
			without := strings.Replace(config, `"`+right+`"`, "", 1)
			begin, _, _ := strings.Cut(right, ".ssed")
			if logged := useEverything(t, without); !strings.Contains(logged, "Permissions Violation") || !strings.Contains(logged, begin) {
				t.Errorf("without it nothing was refused:\n%s", logged)
			}
		})
	}
}
