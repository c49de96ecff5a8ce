package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// TestLineReader compares the reader with strings.Split, for lines around the size of its buffer
// that arrive in pieces of every size.
func TestLineReader(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var text strings.Builder
		var want []string
		for range 1 + random.IntN(8) {
			size := random.IntN(20)
			if random.IntN(3) == 0 {
				size = random.IntN(3) * (64<<10 - 10 + random.IntN(20))
			}
			line := strings.Repeat(string(rune('a'+random.IntN(26))), size)
			end := []string{"\n", "\r\n"}[random.IntN(2)]
			text.WriteString(line + end)
			want = append(want, line)
		}
		whole := text.String()
		if random.IntN(2) == 0 { // the last line has no line break
			whole = strings.TrimRight(whole, "\r\n")
			for len(want) > 0 && want[len(want)-1] == "" {
				want = want[:len(want)-1]
			}
		}
		var in io.Reader = strings.NewReader(whole)
		if random.IntN(2) == 0 {
			in = iotest.HalfReader(in)
		}
		lines := newLineReader(in)
		for i := 0; ; i++ {
			line, err := lines.next()
			if err == io.EOF && i == len(want) {
				break
			}
			if err != nil || i >= len(want) || string(line) != want[i] {
				t.Fatalf("line %d of %d: %d bytes, %v", i, len(want), len(line), err)
			}
		}
	}
}

// TestLineReaderFails checks that the reader returns the error of its input, even while it skips a
// line.
func TestLineReaderFails(t *testing.T) {
	mine := errors.New("mine")
	for _, before := range []string{"", "a\n", "a\nb", strings.Repeat("x", lineBytesMax+100)} {
		lines := newLineReader(io.MultiReader(strings.NewReader(before), iotest.ErrReader(mine)))
		var err error
		for err == nil || err == errLineTooLong {
			_, err = lines.next()
		}
		if err != mine {
			t.Errorf("after %d bytes: %v", len(before), err)
		}
	}
}

func TestErrorsThatEndTheFeed(t *testing.T) {
	reply := func(code string) error { return fmt.Errorf("wrapped: %w", &publish.ReplyError{Code: code}) }
	for _, tt := range []struct {
		err  error
		ends bool
	}{
		{reply(publish.CodeUTF8), false}, {reply(publish.CodeTooLong), false}, {reply("newer-than-this"), false},
		{reply(publish.CodeNamespace), true}, {reply(publish.CodeEvent), true}, {reply(publish.CodeAuth), true}, {reply(publish.CodeSyntax), true},
		{fmt.Errorf("%w: x", sse.ErrUTF8), false}, {fmt.Errorf("%w: x", sse.ErrTooLong), false},
		{fmt.Errorf("%w: x", nsindex.ErrNamespace), true}, {fmt.Errorf("%w: x", sse.ErrEvent), true},
		{publish.ErrClosed, true}, {io.ErrUnexpectedEOF, true},
	} {
		if got := endsFeed(tt.err); got != tt.ends {
			t.Errorf("%v ends the feed: %v", tt.err, got)
		}
	}
}

// TestRefusedReportIsBounded checks that the first lines are reported and the others counted, and
// that later lines are reported again.
func TestRefusedReportIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := refusedReport{out: &out}
		why := errors.New("bad\x1b[31m")
		for line := range int64(1000) {
			r.add(line+1, why)
		}
		time.Sleep(reportEvery + time.Second)
		synctest.Wait()
		r.add(2000, why)
		r.add(2001, why)
		r.flush()
		r.flush()
		want := ""
		for line := range reportedMax {
			want += fmt.Sprintf("ssed: line %d refused: bad\\x1b[31m\n", line+1)
		}
		want += "ssed: 995 more lines refused, the last was line 1000: bad\\x1b[31m\n" +
			"ssed: line 2000 refused: bad\\x1b[31m\nssed: line 2001 refused: bad\\x1b[31m\n"
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}
