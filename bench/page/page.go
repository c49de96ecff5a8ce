package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssed/ssed/bench/page/results"
)

// page returns the whole page. drawn contains the pictures that exist, and remarks the remarks on
// the goals.
func page(set *results.Set, drawn map[string][]byte, remarks string) string {
	var t text
	t.say("# Measurements of %s", plain(set.Subject()))
	summary(&t, set)
	glance(&t, set)
	measuredOn(&t, set)
	howToRead(&t, set)
	goals(&t, set)
	goalRemarks(&t, remarks)
	losses(&t, set)
	t.say("## Scenarios")
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

// anchor returns GitHub's anchor for a heading.
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
		fmt.Sprintf("- Disturbed, because other processes had the processor of server or load for more than %.0f %% of the time: %s",
			100*results.DisturbedAbove, ofRuns(disturbed, ran)))
	t.say("%s", strings.Join(lines, "\n"))
}

func ofRuns(n, of int) string { return fmt.Sprintf("%d of %s", n, plural(of, "run")) }

// when returns the days on which the measurements were started.
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
	return cmp.Or(strings.Join(days, ", "), "date unknown")
}

// headlines are the most important numbers. Each is of a scenario's first case.
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
	t.say("To repeat the measurements, run these commands in the root of the project. Each makes a page like this one:")
	t.say("```sh\n%s\n```", commands(set))
}

func howToRead(t *text, set *results.Set) {
	t.say("## How to read it")
	lines := []string{
		"- Every number is the **median** of its runs. The lines over bars and points in the pictures show the range " +
			"of the runs. The **spread** is the length of that range divided by the median.",
		fmt.Sprintf("- Servers took turns (A B A B). A **ratio** is the median of the ratios between consecutive runs "+
			"of a server and %s. When the machine slows down for a minute, both runs slow down. A ratio may differ from the quotient "+
			"of the medians.", reference(set)),
	}
	if set.Reference() == results.Floor {
		lines = append(lines, "- The **floor** is the minimum that one thread must do for the work. It has no namespaces, no request "+
			"parser and no limits. It is a reference for measurements and not a usable server.")
	}
	lines = append(lines,
		"- The server and the load have one processor each. In the scenario loops, the server may use all of them. "+
			"CPU per delivery is user and system time of the server. Over loopback, "+
			"the kernel charges much of the receiver's work to the sender, for every server alike.",
		"- **bold**: the best number of a column, without the floor. In an open loop messages are due at a fixed rate. All servers deliver "+
			"them, and more per second is not better.",
		fmt.Sprintf("- **†**: the load was busy for more than %.0f %% of the time. The load was the limit, and the server can perhaps "+
			"do more. Its CPU per delivery is valid.", 100*results.LimitAbove),
		"- **✗ failed**: all runs failed. The reason is below the table. Medians do not include failed runs. "+
			"**–**: not measured, or not reported.")
	t.say("%s", strings.Join(lines, "\n"))
}

// reference returns the name of the server that ratios are to, for a sentence.
func reference(set *results.Set) string { return called(set.Reference()) }

// called returns a server's name for a sentence.
func called(server string) string {
	if server == results.Floor {
		return "the floor"
	}
	return plain(server)
}

// name returns a server's name for a table. The subject is bold.
func name(set *results.Set, server string) string {
	if server == set.Subject() {
		return "**" + plain(server) + "**"
	}
	return plain(server)
}
