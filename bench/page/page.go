package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssed/ssed/bench/page/results"
)

// page is the whole of it. drawn has the pictures that there are, remarks what people say to the
// goals.
func page(set *results.Set, drawn map[string][]byte, remarks string) string {
	var t text
	t.say("# %s, measured", plain(set.Subject()))
	summary(&t, set)
	glance(&t, set)
	measuredOn(&t, set)
	howToRead(&t, set)
	goals(&t, set)
	inTheWay(&t, remarks)
	losses(&t, set)
	t.say("## What was measured")
	var links []string
	for _, scenario := range set.Scenarios {
		links = append(links, fmt.Sprintf("[%s](#%s)", plain(scenario.Name), anchor(scenario.Name)))
	}
	t.say("%s", strings.Join(links, " · "))
	for _, scenario := range set.Scenarios {
		section(&t, set, scenario, drawn)
	}
	return strings.TrimRight(t.String(), "\n") + "\n"
}

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, strings.ToLower(heading))
}

func summary(t *text, set *results.Set) {
	all, failed := set.Ran("", "", "")
	t.say("%s on one machine, in %s: %s, %s.", plural(len(set.Servers), "server"), plural(len(set.Scenarios), "scenario"),
		plural(all, "run"), when(set))
	verdicts, limited := map[results.State]int{}, 0
	for _, v := range set.Verdicts() {
		verdicts[v.State]++
		if v.State == results.Reached && v.LoadWasLimit {
			limited++
		}
	}
	lost, of := set.Losses(set.Peers()...)
	var lines []string
	if n := verdicts[results.Reached] + verdicts[results.NotReached] + verdicts[results.NotMeasured]; n > 0 {
		line := fmt.Sprintf("- [Goals](#goals): %d of %d reached", verdicts[results.Reached], n)
		if limited > 0 {
			line += fmt.Sprintf(" (%d of them with the load as the limit)", limited)
		}
		line += fmt.Sprintf(", %d not reached", verdicts[results.NotReached])
		if verdicts[results.NotMeasured] > 0 {
			line += fmt.Sprintf(", %d not measured", verdicts[results.NotMeasured])
		}
		lines = append(lines, line)
	}
	if of > 0 {
		lines = append(lines, fmt.Sprintf("- [Where %s loses](#%s): to peers in %d of %s, and in %d more by what may be chance",
			plain(set.Subject()), anchor(losesTitle(set)), len(results.Clear(lost)), plural(of, "comparison"), len(results.Doubtful(lost))))
	}
	disturbed, ran := set.Disturbed("", "", "")
	lines = append(lines,
		fmt.Sprintf("- Failed: %s", ofRuns(failed, all)),
		fmt.Sprintf("- Disturbed, for something else had the processor of server or load for more than %.0f %% of the time: %s",
			100*results.DisturbedAbove, ofRuns(disturbed, ran)))
	t.say("%s", strings.Join(lines, "\n"))
}

func ofRuns(n, of int) string { return fmt.Sprintf("%d of %s", n, plural(of, "run")) }

// when says on which days files were begun.
func when(set *results.Set) string {
	var days []string
	for _, f := range set.Files {
		day := f.Started
		if at, err := time.Parse(time.RFC3339, f.Started); err == nil {
			day = at.Format("2 January 2006")
		}
		if day != "" && !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	return cmp.Or(strings.Join(days, ", "), "on a day that the files do not tell")
}

// headlines are the numbers that one looks for first: of a scenario's first case.
var headlines = []struct{ scenario, metric, title string }{
	{"fanout", "deliveries/s", "deliveries/s, fan-out"},
	{"steady", "server CPU ns/delivery", "server CPU per delivery, steady"},
	{"steady", "p99 latency us", "p99 latency, steady"},
	{"idle", "RSS bytes/subscriber", "RSS per idle subscriber"},
	{"accept", "connections/s", "connections accepted/s"},
}

func glance(t *text, set *results.Set) {
	g := grid{set: set, base: set.Subject()}
	for _, h := range headlines {
		if scenario, ok := set.Scenario(h.scenario); ok {
			m := results.Lookup(h.metric)
			m.Title = fmt.Sprintf("[%s](#%s)", h.title, anchor(h.scenario))
			g.columns = append(g.columns, column{scenario, scenario.Cases[0].Name, m, m.Title})
		}
	}
	if len(g.columns) == 0 {
		return
	}
	t.say("## At a glance")
	g.write(t, "server")
	g.remarks(t)
}

func measuredOn(t *text, set *results.Set) {
	m := set.Files[0].Machine
	t.say("## Machine, servers, command")
	rows := [][]string{
		{"processor", fmt.Sprintf("%s, %s", plain(cmp.Or(m.CPU, "unknown")), plural(m.CPUs, "processor"))},
		{"kernel", plain(m.Kernel)},
	}
	for _, row := range []struct {
		name string
		of   func(results.File) string
	}{
		{"Go", func(f results.File) string { return f.Machine.Go }},
		{"revision", func(f results.File) string { return f.Machine.Revision }},
	} {
		var all []string
		for _, f := range set.Files {
			if said := plain(row.of(f)); said != "" && !slices.Contains(all, said) {
				all = append(all, said)
			}
		}
		if len(all) > 0 {
			rows = append(rows, []string{row.name, strings.Join(all, ", ")})
		}
	}
	t.table([]string{"machine", ""}, rows, true)

	rows = nil
	for _, server := range set.Servers {
		rows = append(rows, []string{name(set, server.Name), quoted(cmp.Or(server.Version, "–")), quoted(server.Notes)})
	}
	t.table([]string{"server", "version", "notes"}, rows, true)
	t.say("To repeat it, from the root of the project; each makes a page like this:")
	t.say("```sh\n%s\n```", commands(set))
}

func howToRead(t *text, set *results.Set) {
	t.say("## How to read it")
	lines := []string{
		"- Every number is the **median** of its runs. The lines over bars and points in the pictures go from the least to " +
			"the greatest run. The **spread** is that distance as a part of the median.",
		fmt.Sprintf("- Servers took turns (A B A B). A **ratio** is the median of the ratios of runs that followed each other, "+
			"to %s: when the machine slows down for a minute, both sides of it slow down. It need not be the quotient of the "+
			"medians beside it.", reference(set)),
	}
	if set.Reference() == results.Floor {
		lines = append(lines, "- The **floor** is the least that one thread can do for the work: it has no namespaces, no request "+
			"parser and no limits. It is a measure, and no server that one could run instead.")
	}
	lines = append(lines,
		"- Server and load have a processor each. CPU per delivery counts user and system time of the server; over loopback, "+
			"the kernel does much of the receiver's work on the sender's account, for every server alike.",
		"- **bold**: the best number of a column, the floor aside. Where messages are due at a rate (open loop), all deliver "+
			"what is due, and more per second is not better.",
		fmt.Sprintf("- **†**: the load was busy for more than %.0f %% of the time. It was the limit, and the server could perhaps "+
			"do more; its CPU per delivery stands.", 100*results.LimitAbove),
		"- **✗ failed**: no run came through; the reason is told below the table. Runs that failed are in no median. "+
			"**–**: not asked, or no such number.")
	t.say("%s", strings.Join(lines, "\n"))
}

// reference is what ratios are to, in a sentence.
func reference(set *results.Set) string { return called(set.Reference()) }

// called is a server's name in a sentence.
func called(server string) string {
	if server == results.Floor {
		return "the floor"
	}
	return plain(server)
}

// name is a server's in a table: the subject stands out.
func name(set *results.Set, server string) string {
	if server == set.Subject() {
		return "**" + plain(server) + "**"
	}
	return plain(server)
}
