package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// refusals lists the reasons for which a line can be refused, and whether each ends "ssed pub". An
// unknown code, from a newer daemon, does not.
var refusals = []struct {
	code string // of the daemon's ERR reply
	is   error  // error of publish for a line that it refuses without sending it, or nil
	ends bool   // the command stops, because every other line would be refused too
}{
	{publish.CodeUTF8, sse.ErrUTF8, false},              // the line is not text
	{publish.CodeTooLong, sse.ErrTooLong, false},        // the line is longer than the daemon's --data-max
	{publish.CodeNamespace, nsindex.ErrNamespace, true}, // all lines have the same namespace
	{publish.CodeEvent, sse.ErrEvent, true},             // and the same event
	{publish.CodeAuth, nil, true},                       // and the same token
	{publish.CodeSyntax, nil, true},                     // the daemon does not know this protocol
	{publish.CodeBusy, publish.ErrBusy, false},          // not seen here: publish.RetryClient sends the line again
}

// endsFeed reports whether an error about one line concerns all lines. This includes every error
// that is not about a line, such as a closed client.
func endsFeed(err error) bool {
	reply, replied := errors.AsType[*publish.ReplyError](err)
	for _, r := range refusals {
		if replied && reply.Code == r.code || !replied && r.is != nil && errors.Is(err, r.is) {
			return r.ends
		}
	}
	return !replied
}

const (
	// reportedMax is how many refused lines are reported within reportEvery. Further lines are only
	// counted, because a gigabyte of junk must not fill a log.
	reportedMax = 5
	reportEvery = 10 * time.Second
)

// A refusedReport writes which lines were refused, and why.
type refusedReport struct {
	out io.Writer

	mu       sync.Mutex
	reported int // since period began
	period   *time.Timer
	more     int64 // lines that were only counted
	line     int64 // the last of them
	err      error // why it was refused
}

// add reports or counts a refused line.
func (r *refusedReport) add(line int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.period == nil {
		r.period = time.AfterFunc(reportEvery, r.flush)
	}
	if r.reported < reportedMax {
		r.reported++
		fmt.Fprintf(r.out, "ssed: line %d refused: %s\n", line, printable(err.Error()))
		return
	}
	r.more++
	r.line, r.err = line, err
}

// flush reports how many lines were only counted, and begins a new period.
func (r *refusedReport) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.period != nil {
		r.period.Stop()
	}
	if r.more > 0 {
		fmt.Fprintf(r.out, "ssed: %s refused, the last was line %d: %s\n", count(r.more, "more line"), r.line, printable(r.err.Error()))
	}
	r.reported, r.period, r.more = 0, nil, 0
}

// count returns a number and a noun, such as "2 lines".
func count[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
