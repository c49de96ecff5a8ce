package reference

import (
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// commands returns the commands that are not hidden, in the order of --help.
func commands(app *kong.Application) (seen []*kong.Command) {
	for _, command := range app.Children {
		if !command.Hidden {
			seen = append(seen, command)
		}
	}
	return seen
}

// names joins the names of commands.
func names(commands []*kong.Command, separator string) string {
	names := make([]string, len(commands))
	for i, command := range commands {
		names[i] = command.Name
	}
	return strings.Join(names, separator)
}

// flags returns the flags of a command that are not hidden, with --help first.
func flags(app *kong.Application, command *kong.Command) (seen []*kong.Flag) {
	for _, flag := range append(append([]*kong.Flag{}, app.Flags...), command.Flags...) {
		if !flag.Hidden {
			seen = append(seen, flag)
		}
	}
	return seen
}

// takesValue reports whether a value must follow the flag.
func takesValue(flag *kong.Flag) bool { return !flag.IsBool() && !flag.IsCounter() }

// literal matches values that users type literally: on and off, of "on|off|ADDR".
var literal = regexp.MustCompile(`^[a-z]+$`)

// choices returns the possible values of a flag or an argument, as far as they can be listed.
func choices(value *kong.Value) (words []string) {
	if value.Enum != "" {
		return value.EnumSlice()
	}
	if value.Flag == nil {
		return nil
	}
	for word := range strings.SplitSeq(value.Flag.PlaceHolder, "|") {
		if literal.MatchString(word) {
			words = append(words, word)
		}
	}
	return words
}

// argumentChoices returns the possible values of a command's first argument.
func argumentChoices(command *kong.Command) []string {
	if len(command.Positional) == 0 {
		return nil
	}
	return choices(command.Positional[0])
}

// takesFile reports whether the value of a flag is the name of a file.
func takesFile(flag *kong.Flag) bool { return flag.PlaceHolder == "FILE" }

// sentence returns the first sentence of a help text, without its period. It is short enough for a
// list of completions.
func sentence(help string) string {
	first, _, _ := strings.Cut(strings.Join(strings.Fields(help), " "), ". ")
	return strings.TrimSuffix(first, ".")
}
