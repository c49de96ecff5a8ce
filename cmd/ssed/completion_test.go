package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// completions are the expected offers of each shell. The last word of a line is the one to
// complete.
var completions = []struct {
	name  string
	words []string
	want  []string
}{
	{"a command", []string{"pu"}, []string{"pub"}},
	{"another", []string{"ser"}, []string{"serve"}},
	{"a flag of a command", []string{"pub", "--ev"}, []string{"--event"}},
	{"a flag of the default command", []string{"--sl"}, []string{"--slow"}},
	{"a flag after another", []string{"serve", "--debug", "--backlog"}, []string{"--backlog", "--backlog-total"}},
	{"not the flags of others", []string{"pub", "--sl"}, nil},
	{"a value", []string{"--slow", ""}, []string{"disconnect", "skip"}},
	{"a value of several kinds", []string{"serve", "--admin", "o"}, []string{"off", "on"}},
	{"an argument", []string{"completion", ""}, []string{"bash", "fish", "zsh"}},
	{"not what is hidden", []string{"ma"}, nil},
}

// bashAsk loads the completion script in file $1 and prints its offers for the remaining words.
const bashAsk = `source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_ssed
printf '%s\n' "${COMPREPLY[@]}"`

func TestBashCompletes(t *testing.T) {
	bash := testtool.Need(t, "bash")
	file := completionFile(t, "bash")
	ask := func(t *testing.T, words ...string) []string {
		return offered(t, exec.Command(bash, append([]string{"--norc", "-c", bashAsk, "bash", file, "ssed"}, words...)...))
	}
	for _, tt := range completions {
		t.Run(tt.name, func(t *testing.T) {
			if got := ask(t, tt.words...); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	// bash splits "--slow=s" into three words.
	if got := ask(t, "--slow", "=", "s"); !slices.Equal(got, []string{"skip"}) {
		t.Errorf("--slow=s: got %q", got)
	}
	if got := ask(t, "--slow", "="); !slices.Equal(got, []string{"disconnect", "skip"}) {
		t.Errorf("--slow=: got %q", got)
	}
}

func TestFishCompletes(t *testing.T) {
	fish := testtool.Need(t, "fish")
	file := completionFile(t, "fish")
	for _, tt := range completions {
		t.Run(tt.name, func(t *testing.T) {
			line := "ssed " + strings.Join(tt.words, " ")
			cmd := exec.Command(fish, "--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string split -f1 \t`, file, line)
			if got := offered(t, cmd); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// zshAsk loads the completion script in file $1 into a separate zsh, types line $2, and prints each
// offer in brackets. It replaces compadd, through which all offers pass. The words that it waits
// for are written in two parts, so that it does not mistake its own typing for the output.
const zshAsk = `zmodload zsh/zpty
zpty -b shell zsh -f -i
hear() { zpty -r shell said "*$1*"; print -r -- $said }
type() { zpty -w shell "$1" }
type 'PROMPT= RPS1=; stty -echo; autoload -Uz compinit && compinit -D -u; source '$1
type 'compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    local -a hits; builtin compadd -O hits "$@"; print -rl -- "<"$^hits">"
}'
type 'show() { zle list-choices; print -n en; print d }; zle -N show; bindkey "^T" show; print -n rea; print dy'
hear ready >/dev/null
zpty -w -n shell "$2"$'\x14'
hear end
zpty -d shell`

func TestZshCompletes(t *testing.T) {
	testtool.Long(t, "zsh takes seconds to load its completions")
	t.Parallel()
	zsh := testtool.Need(t, "zsh")
	file := completionFile(t, "zsh")
	for _, tt := range completions {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
			defer cancel()
			line := "ssed " + strings.Join(tt.words, " ")
			out, err := exec.CommandContext(ctx, zsh, "-f", "-c", zshAsk, "zsh", file, line).Output()
			var got []string
			for _, found := range regexp.MustCompile(`<([^>]+)>`).FindAllStringSubmatch(string(out), -1) {
				got = append(got, found[1])
			}
			slices.Sort(got)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// completionFile writes a shell's completion script to a file and returns its name.
func completionFile(t *testing.T, shell string) string {
	t.Helper()
	r := run(t, nil, nil, "completion", shell)
	r.wantSuccess(t)
	file := filepath.Join(t.TempDir(), "_ssed")
	if err := os.WriteFile(file, []byte(r.stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// offered runs a shell that prints one offer per line, and returns them sorted.
func offered(t *testing.T, cmd *exec.Cmd) (offers []string) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Env = append(testtool.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if said.Len() > 0 {
		t.Errorf("%v: it said %q", err, said.String())
	}
	offers = strings.Fields(string(out))
	slices.Sort(offers)
	return slices.Compact(offers)
}

func TestCompletionOfUnknownShell(t *testing.T) {
	run(t, nil, nil, "completion", "csh").wantFailure(t, exitUsage, "bash", "csh")
}
