package reference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Pages returns the man pages of section 1 by file name: ssed.1, and one for each command, such as
// ssed-pub.1. They use the macros of man(7). They contain no date and no version, so that the same
// source produces the same bytes.
func Pages(app *kong.Application) map[string]string {
	pages := map[string]string{app.Name + ".1": overview(app)}
	for _, command := range commands(app) {
		pages[app.Name+"-"+command.Name+".1"] = page(app, command)
	}
	return pages
}

// overview returns the page of the program.
func overview(app *kong.Application) string {
	var b strings.Builder
	what, rest, _ := strings.Cut(app.Help, "\n\n")
	title(&b, app.Name, what)
	b.WriteString(".SH SYNOPSIS\n")
	fmt.Fprintf(&b, ".B %s\n.RI [ command ]\n.RI [ flags ]\n", app.Name)
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(what))
	b.WriteString(".SH COMMANDS\n")
	for _, command := range commands(app) {
		fmt.Fprintf(&b, ".TP\n.BR %s\\-%s (1)\n%s\n", app.Name, roff(command.Name), roff(command.Help))
	}
	if app.DefaultCmd != nil {
		b.WriteString(".SH FLAGS\n")
		fmt.Fprintf(&b, "These flags belong to %s\\-%s(1), the default command, so its name can be omitted.\n", app.Name, app.DefaultCmd.Name)
		options(&b, flags(app, app.DefaultCmd))
	}
	ending(&b, nil)
	if rest != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.EX\n%s\n.EE\n", roff(rest))
	}
	seeAlso(&b, app, nil)
	return b.String()
}

// page returns the page of one command.
func page(app *kong.Application, command *kong.Command) string {
	var b strings.Builder
	title(&b, app.Name+"-"+command.Name, sentence(command.Help))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s %s\n.RI [ flags ]\n", app.Name, command.Name)
	for _, argument := range command.Positional {
		fmt.Fprintf(&b, ".I %s\n", roff(argument.Summary()))
	}
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(command.Help))
	if len(command.Positional) > 0 {
		b.WriteString(".SH ARGUMENTS\n")
	}
	for _, argument := range command.Positional {
		fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(argument.Summary()), roff(argument.Help))
	}
	b.WriteString(".SH FLAGS\n")
	options(&b, flags(app, command))
	ending(&b, command)
	if command.Detail != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.EX\n%s\n.EE\n", roff(strings.TrimPrefix(command.Detail, "Examples:\n\n")))
	}
	seeAlso(&b, app, command)
	return b.String()
}

func title(b *strings.Builder, name, what string) {
	fmt.Fprintf(b, ".TH %s 1 \"\" ssed \"ssed manual\"\n", strings.ToUpper(roff(name)))
	fmt.Fprintf(b, ".SH NAME\n%s \\- %s\n", roff(name), roff(strings.TrimSuffix(what, ".")))
}

// options writes a paragraph for each flag, and a heading before each group.
func options(b *strings.Builder, flags []*kong.Flag) {
	group := ""
	for _, flag := range flags {
		if flag.Group != nil && flag.Group.Title != group {
			group = flag.Group.Title
			fmt.Fprintf(b, ".SS %s\n", roff(strings.TrimSuffix(group, ":")))
		}
		b.WriteString(".TP\n")
		if flag.Short != 0 {
			fmt.Fprintf(b, "\\fB\\-%c\\fR, ", flag.Short)
		}
		fmt.Fprintf(b, "\\fB%s\\fR", roff("--"+flag.Name))
		if takesValue(flag) {
			fmt.Fprintf(b, "=\\fI%s\\fR", roff(flag.FormatPlaceHolder()))
		}
		fmt.Fprintf(b, "\n%s\n", roff(flag.Help))
		if len(flag.Envs) > 0 {
			fmt.Fprintf(b, "Environment variable: \\fB%s\\fR.\n", roff(strings.Join(flag.Envs, ", ")))
		}
	}
}

// endsOnSignal contains the commands that exit with 128 plus the number of a signal.
var endsOnSignal = []string{"pub", "sub", "doctor"}

// ending writes the exit codes of a command, or of all commands if command is nil.
func ending(b *strings.Builder, command *kong.Command) {
	b.WriteString(".SH EXIT STATUS\n")
	switch {
	case command != nil && command.Name == "healthcheck":
		b.WriteString("0 if the daemon is healthy, otherwise 1.\n")
		return
	case command != nil && !slices.Contains(endsOnSignal, command.Name):
		b.WriteString("0 on success, 1 if the command failed, 2 if the command line is invalid.\n")
		return
	}
	b.WriteString("0 on success, 1 if the command failed, 2 if the command line is invalid, 130 after Ctrl\\-C (SIGINT), 143 after SIGTERM.\n")
	if command == nil {
		fmt.Fprintf(b, "The last two apply to %s.\n", strings.Join(endsOnSignal, ", "))
	}
}

// seeAlso writes references to all other pages. command is nil for the page of the program.
func seeAlso(b *strings.Builder, app *kong.Application, command *kong.Command) {
	var pages []string
	if command != nil {
		pages = append(pages, fmt.Sprintf(".BR %s (1)", app.Name))
	}
	for _, other := range commands(app) {
		if other != command {
			pages = append(pages, fmt.Sprintf(".BR %s\\-%s (1)", app.Name, roff(other.Name)))
		}
	}
	fmt.Fprintf(b, ".SH SEE ALSO\n%s\n", strings.Join(pages, ",\n"))
}

// roff escapes text so that the formatter does not interpret it. A hyphen remains a hyphen that
// users can copy and paste, and no line begins with a control character.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`, "\t", "    ").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
