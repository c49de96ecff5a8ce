package server

import (
	"slices"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestShareIn checks how the output of pprof is read.
func TestShareIn(t *testing.T) {
	const head = "File: ssed\nType: cpu\nDuration: 3s, Total samples = 2.90s (96.66%)\nActive filters:\n   focus=tidwall/evio\n"
	const rows = "      flat  flat%   sum%        cum   cum%\n     0.42s 14.48% 17.59%      0.42s 14.48%  runtime.memmove\n"
	for _, test := range []struct {
		top  string
		want float64 // negative for an error
	}{
		{head + "Showing nodes accounting for 1.13s, 38.97% of 2.90s total\n" + rows, 0.3897},
		{head + "Showing nodes accounting for 2900ms, 100% of 2900ms total\n" + rows, 1},
		{head + "Showing nodes accounting for 0, 0% of 2.90s total\n", -1},
		{head + "Showing nodes accounting for 0, 0% of 0 total\n", -1},
		{head + rows, -1},
	} {
		got, err := shareIn(test.top)
		if (err != nil) != (test.want < 0) || err == nil && got != test.want {
			t.Errorf("%q: %v, %v; want %v", test.top, got, err, test.want)
		}
	}
}

// TestLoopsAreObserved checks what the bench asks an ssed with two event loops: how many
// subscribers each loop has, and how much of the CPU time functions take.
func TestLoopsAreObserved(t *testing.T) {
	testtool.Long(t, "it profiles for a second")
	p, err := Start(known(t, "", "ssed")[0].WithProfiles().With("--loops=2"), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if loops, err := p.SubscribersByLoop(); err != nil || !slices.Equal(loops, []int{0, 0}) {
		t.Errorf("subscribers %v, %v", loops, err)
	}
	if _, err := p.admin("/admin/status.json?limit=none", 0); err == nil {
		t.Error("an error of the admin pages was ignored")
	}
	stop := make(chan struct{})
	publisher := dialTo(t, p.Publish)
	go func() {
		defer close(stop)
		lines := []byte("QUIET on\n")
		for err == nil {
			_, err = publisher.Write(lines)
			lines = slices.Repeat([]byte("PUB /bench tick Corgi\n"), 1000)
		}
	}()
	share, profileErr := p.Profile(t.TempDir(), PublishersLoop, time.Second)
	publisher.Close()
	<-stop
	if profileErr != nil || !(share > 0 && share < 1) {
		t.Errorf("the publishers' loop takes %v of the time, %v", share, profileErr)
	}
}
