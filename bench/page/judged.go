package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ssed/ssed/bench/page/results"
)

// goals adds the table of goals and whether they were reached.
func goals(t *text, set *results.Set) {
	verdicts := set.Verdicts()
	if len(verdicts) == 0 {
		return
	}
	t.say("## Goals")
	t.say("The goals of %s. A goal “of %s” or of another server is a bound on a ratio.", plain(set.Subject()), reference(set))
	var rows [][]string
	for _, v := range verdicts {
		what := v.Metric.Title
		rows = append(rows, []string{fmt.Sprintf("[%s](#%s), %s", plain(v.Scenario), anchor(v.Scenario), plain(v.Case)),
			plain(what), bound(v), measured(v, v.Measured), state(v), disturbedRuns(v)})
	}
	t.table([]string{"scenario", "metric", "goal", "measured", "", "disturbed"}, rows, true)
	if slices.ContainsFunc(verdicts, func(v results.Verdict) bool { return v.LoadWasLimit }) {
		t.say("† The load was busy for more than %.0f %% of the time on both sides. Then a ratio tends to 1 for any server, "+
			"and an absolute value is only a lower bound of what the server can do.", 100*results.LimitAbove)
	}
}

// goalRemarks adds the remarks on goals that are not reached, unchanged.
func goalRemarks(t *text, remarks string) {
	if remarks = strings.TrimSpace(remarks); remarks != "" {
		t.say("## Remarks on the goals")
		t.say("%s", remarks)
	}
}

func bound(v results.Verdict) string {
	words, x := "at most", v.Most
	if v.Least != 0 {
		words, x = "at least", v.Least
	}
	words += " " + measured(v, x)
	if v.Ratio {
		if v.Over != "" {
			words += " of " + called(v.Over)
		}
	}
	return words
}

func measured(v results.Verdict, x float64) string {
	if v.Ratio {
		return results.Three(x)
	}
	return v.Metric.Format(x)
}

func state(v results.Verdict) string {
	words := map[results.State]string{
		results.Reached: "✓ reached", results.NotReached: "✗ **not reached**", results.NotMeasured: "not measured",
	}[v.State]
	if v.Why != "" {
		words += ": " + v.Why
	}
	if v.LoadWasLimit {
		words += " † the load was the limit"
		if v.Instead != "" {
			words += ": see " + plain(v.Instead)
		}
	}
	return words
}

func disturbedRuns(v results.Verdict) string {
	if v.Disturbed == 0 {
		return ""
	}
	return ofRuns(v.Disturbed, v.Of)
}

func losesTitle(set *results.Set) string { return fmt.Sprintf("Where %s loses", set.Subject()) }

// losses adds every number in which another server is better. Clear losses come first.
func losses(t *text, set *results.Set) {
	subject := plain(set.Subject())
	t.say("## %s", plain(losesTitle(set)))
	lost, of := set.Losses(set.Peers()...)
	if of == 0 && len(lost) == 0 {
		t.say("No peer was measured.")
	} else {
		clear, doubtful := results.Clear(lost), results.Doubtful(lost)
		t.say("%s is compared with its peers run by run, in all metrics that the tables below show: %s.", subject, plural(of, "comparison"))
		if len(clear) == 0 {
			t.say("In none of them was every run of a peer better than every run of %s.", subject)
		} else {
			t.say("In %d of them every run of a peer was better than every run of %s:", len(clear), subject)
			lossTable(t, set, clear)
		}
		if len(doubtful) > 0 {
			t.folded(fmt.Sprintf("In %d more the peer is ahead, but the runs overlap or there is only one, so it may be chance", len(doubtful)),
				func() { lossTable(t, set, doubtful) })
		}
	}
	if set.Subject() != results.Floor {
		ahead, of := set.Losses(results.Floor)
		if len(ahead) > 0 {
			t.folded(fmt.Sprintf("The floor is ahead in %d of %d", len(ahead), of), func() { lossTable(t, set, ahead) })
		}
	}
}

func lossTable(t *text, set *results.Set, lost []results.Loss) {
	var rows [][]string
	for _, l := range lost {
		where := fmt.Sprintf("[%s](#%s), %s", plain(l.Scenario), anchor(l.Scenario), plain(l.Case))
		row := []string{where, plain(l.Metric.Title), plain(l.Server)}
		switch {
		case l.SubjectFailed:
			row[1] = "success of the runs"
			row = append(row, "yes", "✗ failed", "")
		case l.Quotient:
			row = append(row, results.Three(l.Other), results.Three(l.Subject), factor(l.Ratio))
		default:
			row = append(row, l.Metric.Format(l.Other), l.Metric.Format(l.Subject), factor(l.Ratio))
		}
		rows = append(rows, row)
	}
	t.table([]string{"scenario", "metric", "server", "its value", "value of " + plain(set.Subject()), "ratio"}, rows, true)
}

func factor(ratio float64) string {
	if math.IsNaN(ratio) || ratio <= 0 {
		return "–"
	}
	return "×" + results.Three(ratio)
}
