package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ssed/ssed/bench/page/results"
)

// goals adds what was to be reached, and whether it was.
func goals(t *text, set *results.Set) {
	verdicts := set.Verdicts()
	if len(verdicts) == 0 {
		return
	}
	t.say("## Goals")
	t.say("What %s asks of itself, as a ratio to %s where it says so.", plain(set.Subject()), reference(set))
	var rows [][]string
	for _, v := range verdicts {
		what := v.Metric.Title
		rows = append(rows, []string{fmt.Sprintf("[%s](#%s), %s", plain(v.Scenario), anchor(v.Scenario), plain(v.Case)),
			plain(what), bound(v), measured(v, v.Measured), state(v), disturbedRuns(v)})
	}
	t.table([]string{"scenario", "metric", "goal", "measured", "", "disturbed"}, rows, true)
	if slices.ContainsFunc(verdicts, func(v results.Verdict) bool { return v.LoadWasLimit }) {
		t.say("† The load was busy for more than %.0f %% of the time on both sides. Then a ratio tends to 1 whatever the server does, "+
			"and a value of its own is the least that it can do.", 100*results.LimitAbove)
	}
}

// inTheWay adds what people have found out about goals that are not reached, as they wrote it.
func inTheWay(t *text, remarks string) {
	if remarks = strings.TrimSpace(remarks); remarks != "" {
		t.say("## What stands in the way")
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

// losses adds every number in which somebody is better: first what chance does not explain.
func losses(t *text, set *results.Set) {
	subject := plain(set.Subject())
	t.say("## %s", plain(losesTitle(set)))
	lost, of := set.Losses(set.Peers()...)
	if of == 0 && len(lost) == 0 {
		t.say("No peer was measured beside it.")
	} else {
		clear, doubtful := results.Clear(lost), results.Doubtful(lost)
		t.say("Run against run with its peers, in all that the tables below show: %s.", plural(of, "comparison"))
		if len(clear) == 0 {
			t.say("In none of them every run of a peer was better than every run of %s.", subject)
		} else {
			t.say("In %d of them every run of a peer was better than every run of %s:", len(clear), subject)
			lossTable(t, set, clear)
		}
		if len(doubtful) > 0 {
			t.folded(fmt.Sprintf("In %d more the peer is ahead, but the runs overlap, or there is only one: it may be chance", len(doubtful)),
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
			row[1] = "coming through at all"
			row = append(row, "yes", "✗ failed", "")
		case l.Quotient:
			row = append(row, results.Three(l.Other), results.Three(l.Subject), factor(l.Ratio))
		default:
			row = append(row, l.Metric.Format(l.Other), l.Metric.Format(l.Subject), factor(l.Ratio))
		}
		rows = append(rows, row)
	}
	t.table([]string{"scenario", "metric", "who", "theirs", "of " + plain(set.Subject()), "ratio"}, rows, true)
}

func factor(ratio float64) string {
	if math.IsNaN(ratio) || ratio <= 0 {
		return "–"
	}
	return "×" + results.Three(ratio)
}
