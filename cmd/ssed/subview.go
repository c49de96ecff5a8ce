package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ssed/ssed/sse"
)

// A subView formats the events of a subscription.
type subView interface {
	event(at time.Time, e sse.Event)
	gap(at time.Time, e sse.Event, g sse.Gap)
	// lost reports that the stream was interrupted and that messages sent before the reconnect are
	// missed.
	lost(at time.Time, why string)
}

// readGap parses an event that reports missing messages. An application's own event with the same
// name is not a gap.
func readGap(e sse.Event, name string) (g sse.Gap, ok bool) {
	if e.Name != name || e.HasID || json.Unmarshal([]byte(e.Data), &g) != nil {
		return sse.Gap{}, false
	}
	return g, g.Reason != ""
}

// A jsonView writes one JSON object per line.
type jsonView struct {
	out        *bytes.Buffer
	namespaces []string
}

// A jsonLine is such an object. The stream does not contain the namespace of an event, so
// Subscription has the namespaces that were subscribed to.
type jsonLine struct {
	Time         time.Time `json:"time"`
	Type         string    `json:"type"` // event, gap or lost
	Subscription []string  `json:"subscription,omitempty"`
	ID           string    `json:"id,omitempty"`
	Event        string    `json:"event,omitempty"`
	Data         *string   `json:"data,omitempty"`
	Gap          *sse.Gap  `json:"gap,omitempty"`
	Reason       string    `json:"reason,omitempty"`
}

func (v *jsonView) event(at time.Time, e sse.Event) {
	v.write(jsonLine{Time: at, Type: "event", ID: e.ID, Event: e.Name, Data: &e.Data})
}

func (v *jsonView) gap(at time.Time, e sse.Event, g sse.Gap) {
	v.write(jsonLine{Time: at, Type: "gap", Event: e.Name, Data: &e.Data, Gap: &g})
}

func (v *jsonView) lost(at time.Time, why string) {
	v.write(jsonLine{Time: at, Type: "lost", Reason: why})
}

func (v *jsonView) write(line jsonLine) {
	line.Subscription = v.namespaces
	encoder := json.NewEncoder(v.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line); err != nil {
		panic(err) // cannot fail: it encodes strings and numbers into memory
	}
}

// A rawView adds nothing to the bytes of the stream.
type rawView struct{}

func (rawView) event(time.Time, sse.Event)        {}
func (rawView) gap(time.Time, sse.Event, sse.Gap) {}
func (rawView) lost(time.Time, string)            {}

// A textView writes events for people, with one line for each line of data.
type textView struct {
	out        *bytes.Buffer
	namespaces []string
	color      bool
}

// Colors (ECMA-48, "select graphic rendition"). They are from the 16 colors that every terminal
// theme makes readable on its background.
const (
	colorDim     = "2"
	colorPlace   = "36"
	colorName    = "1;32"
	colorTrouble = "1;31"
)

const textTime = "15:04:05.000"

func (v *textView) event(at time.Time, e sse.Event) {
	v.begin(at)
	v.put(colorDim, cmp.Or(e.ID, "-")+" ")
	v.put(colorName, e.Name+":")
	first := true
	for line := range strings.SplitSeq(e.Data, "\n") {
		if !first {
			v.put(colorDim, strings.Repeat(" ", len(textTime))+" |")
		}
		first = false
		v.put("", " "+line)
		v.out.WriteByte('\n')
	}
}

func (v *textView) gap(at time.Time, _ sse.Event, g sse.Gap) {
	v.begin(at)
	v.put(colorTrouble, "gap: messages are missing")
	v.put("", gapWords(g))
	v.out.WriteByte('\n')
}

func (v *textView) lost(at time.Time, why string) {
	v.begin(at)
	v.put(colorTrouble, "lost: "+why)
	v.put("", "; the stream has no ids, so messages are missed until it reconnects")
	v.out.WriteByte('\n')
}

func (v *textView) begin(at time.Time) {
	v.put(colorDim, at.Format(textTime)+" ")
	if len(v.namespaces) > 0 {
		v.put(colorPlace, strings.Join(v.namespaces, ",")+" ")
	}
}

// put writes text, which may come from an untrusted publisher or server.
func (v *textView) put(color, text string) {
	text = printable(text)
	if v.color && color != "" {
		text = "\x1b[" + color + "m" + text + "\x1b[m"
	}
	v.out.WriteString(text)
}

// gapWords describes a gap (docs/resume.md).
func gapWords(g sse.Gap) string {
	said := " (" + g.Reason + ")"
	if g.Missed > 0 {
		said += fmt.Sprintf(", %d of them", g.Missed)
	}
	if g.Asked != "" {
		said += ", after " + g.Asked
	}
	if g.CompleteAfter != "" {
		said += ", up to " + g.CompleteAfter
	}
	return said
}

// printable escapes, as in a Go string, all characters that are invisible or that control a
// terminal. These are control characters (C0 and C1), and characters that change the writing
// direction.
func printable(s string) string {
	odd := func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if odd(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
