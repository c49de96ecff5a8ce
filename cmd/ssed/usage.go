package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// parseArgs parses a command line. Its error is in the words of ssed, and ends with the command
// whose help explains the command line.
func parseArgs(parser *kong.Kong, args []string) (*kong.Context, error) {
	if slices.Equal(args, []string{"--version"}) {
		args = []string{"version"}
	}
	ctx, err := parser.Parse(joinNegative(parser.Model, args))
	if err == nil {
		return ctx, nil
	}
	command := ""
	if failed, ok := errors.AsType[*kong.ParseError](err); ok && failed.Context != nil {
		if selected := failed.Context.Selected(); selected != nil && slices.Contains(args, selected.Name) {
			command = selected.Name
		}
	}
	if many, ok := errors.AsType[*settingsError](err); ok && len(many.lines) > 1 {
		return nil, many
	}
	return nil, fmt.Errorf("%s (see %s --help)", usageText(parser.Model, command, err), strings.TrimSpace("ssed "+command))
}

// negative matches a negative number or duration.
var negative = regexp.MustCompile(`^-[0-9.]`)

// joinNegative turns "--flag -1" into "--flag=-1". Otherwise kong would parse the number as a flag,
// and the error would not be about the value.
func joinNegative(app *kong.Application, args []string) []string {
	needsValue := map[string]bool{}
	for _, command := range app.Children {
		for _, flag := range command.Flags {
			needsValue["--"+flag.Name] = !flag.IsBool()
		}
	}
	var joined []string
	for i, arg := range args {
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		if last := len(joined) - 1; last >= 0 && negative.MatchString(arg) && needsValue[joined[last]] {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}

// valueErrors are the errors of kong about a value, with the words of ssed for them. The same words
// are used for values from the environment and from a file.
var valueErrors = []struct {
	kong  *regexp.Regexp
	words string
}{
	{regexp.MustCompile(`expected duration but got (".*?"): .*$`), `invalid value $1: ` + expectedDuration},
	{regexp.MustCompile(`expected a valid \d+ bit int but got (".*")$`), `invalid value $1: ` + expectedNumber},
	{regexp.MustCompile(`bool value must be .* but got (".*")$`), `invalid value $1: ` + expectedBool},
	{regexp.MustCompile(`(expected \S* ?value but got "EOL" .*|missing value, expecting .*)$`), `a value is missing`},
	{regexp.MustCompile(`expected \S* ?value but got (".*") \(.*flag\); perhaps try (.*)="(.*)"\?$`), `a value is missing; if $1 is the value, write $2=$3`},
}

// The expected values of flags.
const (
	expectedDuration = "expected a duration with a unit, such as 30s"
	expectedNumber   = "expected a whole number, such as 100"
	expectedBool     = "expected true or false"
)

// valueText returns the words of ssed for an error of kong about a value, and other errors
// unchanged.
func valueText(said string) string {
	for _, e := range valueErrors {
		said = e.kong.ReplaceAllString(said, e.words)
	}
	return said
}

// alternatives lists words, as in "bash, zsh or fish".
func alternatives(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// The errors of kong about the command line as a whole.
var (
	kongEnum       = regexp.MustCompile(`^(\S+) must be one of (.*) but got (".*")$`)
	kongUnexpected = regexp.MustCompile(`(?s)^unexpected argument (.*)$`)
	kongUnknown    = regexp.MustCompile(`^unknown flag (\S+?)(?:, did you mean (.*)\?)?$`)
	kongTogether   = regexp.MustCompile(`^(--\S+ and --\S+) can't be used together$`)
	kongMissing    = regexp.MustCompile(`^expected "(.*)"$`)
	kongDefaults   = regexp.MustCompile(`^flag (--\S+) applies to the default command "(.*)", not "(.*)"$`)
)

// usageText returns the words of ssed for an error of kong about a command line. command is empty
// if the command line names none.
func usageText(app *kong.Application, command string, err error) string {
	said := strings.TrimPrefix(err.Error(), command+": ") // kong adds the command to errors of Validate
	if found := kongEnum.FindStringSubmatch(said); found != nil {
		words := alternatives(strings.Split(strings.ReplaceAll(found[2], `"`, ""), ","))
		if found[1] == "<shell>" {
			return fmt.Sprintf("unknown shell %s: expected %s", found[3], words)
		}
		return fmt.Sprintf("%s: invalid value %s: expected %s", found[1], found[3], words)
	}
	if found := kongUnexpected.FindStringSubmatch(said); found != nil {
		return unexpectedText(app, command, found[1])
	}
	if found := kongUnknown.FindStringSubmatch(said); found != nil {
		return unknownFlagText(command, found[1], found[2])
	}
	if found := kongMissing.FindStringSubmatch(said); found != nil {
		if command == "completion" {
			return "a shell is missing: expected bash, zsh or fish"
		}
		return "an argument is missing: " + found[1]
	}
	said = kongTogether.ReplaceAllString(said, "$1 cannot be used together")
	said = kongDefaults.ReplaceAllString(said, "$1 must follow the name of the command: ssed $3 $1")
	return valueText(said)
}

// unexpectedText returns the error for an argument that the command does not accept. Without a
// command, the argument is a mistyped command.
func unexpectedText(app *kong.Application, command, argument string) string {
	switch {
	case command == "pub":
		return fmt.Sprintf("unexpected argument %q: put data with spaces into quotes", argument)
	case command != "":
		return fmt.Sprintf("unexpected argument %q", argument)
	}
	var names []string
	for _, c := range app.Children {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	if near := nearest(argument, names); distance(argument, near) <= typoDistanceMax {
		return fmt.Sprintf("unknown command %q; did you mean %q?", argument, near)
	}
	return fmt.Sprintf("unknown command %q", argument)
}

// unknownFlagText returns the error for a flag that the command does not have. nearest are the
// similar flags, or empty.
func unknownFlagText(command, flag, nearest string) string {
	said := fmt.Sprintf("unknown flag %q", flag)
	switch isShort := !strings.HasPrefix(flag, "--"); {
	case isShort && command == "pub":
		said += "; put -- before data that begins with a dash"
	case !isShort && nearest != "": // every short flag is similar to every other
		said += fmt.Sprintf("; did you mean %s?", nearest)
	}
	return said
}
