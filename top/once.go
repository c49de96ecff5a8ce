package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// onceShown limits the number of connections and of namespaces in a snapshot.
const onceShown = 100

// rateTime is the shortest time over which Once measures rates.
const rateTime = time.Second

// errEnough ends the stream of samples after its first event.
var errEnough = errors.New("enough")

// Once writes the daemon's state to w as plain text, with the slowest connections first. If the
// daemon has several event loops, it measures their rates for a second.
func Once(ctx context.Context, c *Client, w io.Writer) error {
	s, err := c.status(ctx, query{slowest: true, limit: onceShown})
	if err != nil {
		return err
	}
	at := time.Now()
	sets, err := c.namespaces(ctx)
	if err != nil {
		return err
	}
	samples, err := c.history(ctx)
	if err != nil {
		return err
	}
	loops, err := c.loops(ctx, s, at)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, snapshot(c.where, s, loops, sets, samples))
	return err
}

// loops returns the event loops of a daemon with their rates since the first answer, which arrived
// at a time. It returns nothing if there is only one loop.
func (c *Client) loops(ctx context.Context, first *status, at time.Time) ([]loopRow, error) {
	if len(first.Loops) < 2 {
		return nil, nil
	}
	select {
	case <-time.After(time.Until(at.Add(rateTime))):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now, err := c.status(ctx, query{limit: 0})
	return loopRows(first.Loops, now.Loops, time.Since(at).Seconds()), err
}

// history returns the samples of the last ten minutes.
func (c *Client) history(ctx context.Context) (history []sample, err error) {
	ctx, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	err = c.live(ctx, func(samples []sample, _ bool) {
		history = samples
		enough(errEnough)
	})
	if errors.Is(err, errEnough) {
		return history, nil
	}
	return nil, err
}

func snapshot(where string, s *status, loops []loopRow, sets []set, samples []sample) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "daemon\t%s\nnode\t%s\nversion\t%s\nup\t%s\n", where, s.Node, s.Version, age(s.UptimeSeconds))
	for i := range figures {
		fmt.Fprintf(w, "%s\t%s\n", figures[i].name, figures[i].write(figures[i].latest(samples)))
	}
	fmt.Fprintf(w, "others\t%s\ndisconnects\t%s\n", s.others(), s.endings())
	if s.Store != nil {
		fmt.Fprintf(w, "store\t%s\n", s.Store.line())
	}
	w.Flush()
	if len(loops) > 1 {
		columns, lines := loopTable(loops, math.MaxInt)
		section(w, fmt.Sprintf("event loops: %d", len(loops)), columns, lines)
	}

	lines := make([][]string, len(s.Connections))
	for i := range s.Connections {
		lines[i] = s.Connections[i].cells()
	}
	section(w, fmt.Sprintf("connections, slowest first: %d of %d", len(lines), s.Subscribers), connectionColumns(0, nil), lines)

	lines = nil
	for _, one := range sets[:min(len(sets), onceShown)] {
		lines = append(lines, (&row{one, math.NaN()}).cells()[:2]) // a single poll gives no rates
	}
	section(w, fmt.Sprintf("namespaces, by name: %d of %d", len(lines), len(sets)), namespaceColumns[:2], lines)
	return b.String()
}

// section writes a heading and a table.
func section(w *tabwriter.Writer, heading string, columns []column, lines [][]string) {
	fmt.Fprintf(w, "\n%s\n", heading)
	for _, cells := range append([][]string{titles(columns)}, lines...) {
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	w.Flush()
}
