package reference

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// Bash returns the completion for bash 4 or newer. It needs nothing of the package
// bash-completion.
func Bash(app *kong.Application) string {
	var b strings.Builder
	seen := commands(app)
	fmt.Fprintf(&b, `# bash completion for %[1]s: made by "%[1]s completion bash".
_%[1]s() {
    local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD-1]} command=%[2]s words=
    # To bash, "=" is a word.
    if [ "$cur" = = ]; then
        cur=
    elif [ "$flag" = = ]; then
        flag=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if ((COMP_CWORD > 1)); then
        case ${COMP_WORDS[1]} in
            %[3]s) command=${COMP_WORDS[1]} ;;
        esac
    fi
    case "$command $flag" in
`, app.Name, defaultName(app), names(seen, "|"))
	for _, command := range seen {
		bashValues(&b, app, command)
	}
	b.WriteString("        *)\n            case \"$command $cur\" in\n")
	for _, command := range seen {
		fmt.Fprintf(&b, "                %q*) words=%q ;;\n", command.Name+" -", strings.Join(flagWords(app, command), " "))
		if words := argumentChoices(command); words != nil {
			fmt.Fprintf(&b, "                %q*) words=%q ;;\n", command.Name+" ", strings.Join(words, " "))
		}
	}
	fmt.Fprintf(&b, `            esac
            if ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then words=%[2]q; fi ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _%[1]s %[1]s
`, app.Name, names(seen, " "))
	return b.String()
}

// bashValues writes what may follow each of a command's flags that wants a value.
func bashValues(b *strings.Builder, app *kong.Application, command *kong.Command) {
	for _, flag := range flags(app, command) {
		if !takesValue(flag) {
			continue
		}
		fmt.Fprintf(b, "        %q)", command.Name+" --"+flag.Name)
		switch words := choices(flag.Value); {
		case words != nil:
			fmt.Fprintf(b, " words=%q ;;\n", strings.Join(words, " "))
		case takesFile(flag):
			b.WriteString(" compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n")
		default:
			b.WriteString(" ;; # anything\n")
		}
	}
}

// Zsh returns the completion for zsh: to be sourced, or as a file _ssed in fpath.
func Zsh(app *kong.Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, `#compdef %[1]s
# zsh completion for %[1]s: made by "%[1]s completion zsh".
compdef _%[1]s %[1]s
_%[1]s() {
    local -a commands
    commands=(
`, app.Name)
	for _, command := range commands(app) {
		fmt.Fprintf(&b, "        %s\n", quote(command.Name+":"+sentence(command.Help)))
	}
	fmt.Fprintf(&b, `    )
    if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
        _describe command commands
        return
    fi
    local command=%s
    if ((CURRENT > 2)) && [[ $words[2] == (%s) ]]; then
        command=$words[2]
        shift words
        ((CURRENT--))
    fi
    case $command in
`, defaultName(app), names(commands(app), "|"))
	for _, command := range commands(app) {
		fmt.Fprintf(&b, "        %s) _arguments", command.Name)
		for _, flag := range flags(app, command) {
			fmt.Fprintf(&b, " \\\n            %s", quote(zshFlag(flag)))
		}
		if words := argumentChoices(command); words != nil {
			fmt.Fprintf(&b, " \\\n            %s", quote("1:"+command.Positional[0].Name+":("+strings.Join(words, " ")+")"))
		}
		b.WriteString(" ;;\n")
	}
	// zsh runs the whole file at the first completion, if it found it in fpath.
	fmt.Fprintf(&b, "    esac\n}\nif [ \"$funcstack[1]\" = _%[1]s ]; then _%[1]s; fi\n", app.Name)
	return b.String()
}

// zshFlag is how _arguments is told of a flag: "--name=[what it is]:value:(choices)".
func zshFlag(flag *kong.Flag) string {
	escape := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `:`, `\:`)
	spec := "--" + flag.Name
	if flag.IsSlice() {
		spec = "*" + spec // more than once
	}
	if !takesValue(flag) {
		return spec + "[" + escape.Replace(sentence(flag.Help)) + "]"
	}
	spec += "=[" + escape.Replace(sentence(flag.Help)) + "]:" + escape.Replace(flag.Name) + ":"
	switch words := choices(flag.Value); {
	case words != nil:
		spec += "(" + strings.Join(words, " ") + ")"
	case takesFile(flag):
		spec += "_files"
	}
	return spec
}

// Fish returns the completion for fish.
func Fish(app *kong.Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %[1]s: made by \"%[1]s completion fish\".\ncomplete -c %[1]s -f\n", app.Name)
	seen := commands(app)
	for _, command := range seen {
		fmt.Fprintf(&b, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", app.Name, command.Name, quote(sentence(command.Help)))
	}
	for _, command := range seen {
		when := "__fish_seen_subcommand_from " + command.Name
		if command == app.DefaultCmd {
			when = "not __fish_seen_subcommand_from " + names(others(seen, command), " ")
		}
		line := fmt.Sprintf("complete -c %s -n %s", app.Name, quote(when))
		for _, flag := range flags(app, command) {
			fmt.Fprintf(&b, "%s -l %s", line, flag.Name)
			switch words := choices(flag.Value); {
			case words != nil:
				fmt.Fprintf(&b, " -x -a %s", quote(strings.Join(words, " ")))
			case takesFile(flag):
				b.WriteString(" -r -F")
			case takesValue(flag):
				b.WriteString(" -x")
			}
			fmt.Fprintf(&b, " -d %s\n", quote(sentence(flag.Help)))
		}
		if words := argumentChoices(command); words != nil {
			fmt.Fprintf(&b, "%s -a %s\n", line, quote(strings.Join(words, " ")))
		}
	}
	return b.String()
}

// others are all commands but one.
func others(all []*kong.Command, but *kong.Command) (rest []*kong.Command) {
	for _, command := range all {
		if command != but {
			rest = append(rest, command)
		}
	}
	return rest
}

func flagWords(app *kong.Application, command *kong.Command) (words []string) {
	for _, flag := range flags(app, command) {
		words = append(words, "--"+flag.Name)
	}
	return words
}

// defaultName is the command whose flags need no name before them.
func defaultName(app *kong.Application) string {
	if app.DefaultCmd == nil {
		return `""`
	}
	return app.DefaultCmd.Name
}

// quote makes text one word of any shell. An apostrophe becomes a typographic one:
// inside quotes the shells escape it each in its own way.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "’") + "'" }
