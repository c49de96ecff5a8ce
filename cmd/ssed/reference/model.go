package reference

import (
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// commands are those that users see, in the order of --help.
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

// flags are those that a command takes and users see, --help first.
func flags(app *kong.Application, command *kong.Command) (seen []*kong.Flag) {
	for _, flag := range append(append([]*kong.Flag{}, app.Flags...), command.Flags...) {
		if !flag.Hidden {
			seen = append(seen, flag)
		}
	}
	return seen
}

// takesValue tells whether a word has to follow the flag.
func takesValue(flag *kong.Flag) bool { return !flag.IsBool() && !flag.IsCounter() }

// literal is a value that is typed as it stands: off, of "on|off|ADDR".
var literal = regexp.MustCompile(`^[a-z]+$`)

// choices are the values that can be listed, of a flag or an argument.
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

// argumentChoices are the values that can be listed for a command's first argument.
func argumentChoices(command *kong.Command) []string {
	if len(command.Positional) == 0 {
		return nil
	}
	return choices(command.Positional[0])
}

// takesFile tells whether a flag's value is a file of this machine.
func takesFile(flag *kong.Flag) bool { return flag.PlaceHolder == "FILE" }

// sentence is the first sentence of a help text, without its period: what fits
// beside a completion.
func sentence(help string) string {
	first, _, _ := strings.Cut(strings.Join(strings.Fields(help), " "), ". ")
	return strings.TrimSuffix(first, ".")
}
