package main

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/ssed/ssed/bench/page/results"
)

// home is the directory for results of this project, relative to its root.
const home = "bench/results"

// commands returns the shell commands that repeat the measurements, one for each file.
func commands(set *results.Set) string {
	var lines []string
	for _, f := range set.Files {
		about := "# " + f.Name
		if at, err := time.Parse(time.RFC3339, f.Started); err == nil {
			about += at.Format(", started 2006-01-02 15:04 MST")
		}
		lines = append(lines, about, command(f.Command))
	}
	return strings.Join(lines, "\n")
}

// command returns a shell command that repeats the measurements in any copy of the project. It
// omits the paths that the values were written to. It replaces the directories of ssed binaries,
// because the binaries of another user will be in the root of the project.
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

// binariesHere replaces the directories in a list of servers, some of which may be paths of
// binaries.
func binariesHere(servers string) string {
	all := strings.Split(servers, ",")
	for i, server := range all {
		if strings.Contains(server, "/") {
			all[i] = "./" + filepath.Base(server)
		}
	}
	return strings.Join(all, ",")
}

// shell quotes an argument if it contains characters that are special to a shell.
func shell(arg string) string {
	special := func(r rune) bool { return strings.ContainsRune(" \t\n\"'`$&|;<>()*?[]{}~#!\\", r) }
	if arg != "" && !strings.ContainsFunc(arg, special) {
		return arg
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(arg, "\n", " "), "'", `'\''`) + "'"
}
