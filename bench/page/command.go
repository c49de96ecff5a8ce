package main

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/ssed/ssed/bench/page/results"
)

// home is where results of this project are kept, seen from its root.
const home = "bench/results"

// commands is what to type, a line for each file.
func commands(set *results.Set) string {
	var lines []string
	for _, f := range set.Files {
		about := "# " + f.Name
		if at, err := time.Parse(time.RFC3339, f.Started); err == nil {
			about += at.Format(", begun 2006-01-02 15:04 MST")
		}
		lines = append(lines, about, command(f.Command))
	}
	return strings.Join(lines, "\n")
}

// command is one that makes the same measurements wherever the project is. Where the values were
// written to was the writer's choice, and binaries of ssed lay in a directory of his: those who
// repeat it have their own in the root.
func command(args []string) string {
	line := "go run -C bench ."
	for i := 0; i < len(args); i++ {
		flag, value, joined := strings.Cut(args[i], "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		switch flag {
		case "--json", "--results", "--store-dir":
		case "--server":
			line += " --server " + shell(binariesHere(value))
		default:
			line += " " + shell(args[i])
			continue
		}
		if !joined {
			i++
		}
	}
	return line + " --results " + home
}

// binariesHere takes the directories from a list of servers, of which some may be binaries.
func binariesHere(servers string) string {
	all := strings.Split(servers, ",")
	for i, server := range all {
		if strings.Contains(server, "/") {
			all[i] = "./" + filepath.Base(server)
		}
	}
	return strings.Join(all, ",")
}

// shell quotes an argument if a shell would read more into it.
func shell(arg string) string {
	special := func(r rune) bool { return strings.ContainsRune(" \t\n\"'`$&|;<>()*?[]{}~#!\\", r) }
	if arg != "" && !strings.ContainsFunc(arg, special) {
		return arg
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(arg, "\n", " "), "'", `'\''`) + "'"
}
