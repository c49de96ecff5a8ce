package main

import (
	"log/slog"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// typoDistanceMax limits how many letters a variable may differ from a flag's variable and still be
// reported as a typo. Variables that differ more belong to other programs: for a service named
// ssed, Kubernetes sets SSED_PORT and SSED_SERVICE_HOST.
const typoDistanceMax = 2

// warnEnvTypos warns about variables that are similar to the variable of a flag. They are ignored,
// so the default applies: with SSED_TOKENS instead of SSED_TOKEN, the daemon would be open to
// everyone.
func (s *settings) warnEnvTypos(log *slog.Logger) {
	known := map[string]bool{}
	var names []string
	kong.Visit(s.ctx.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			for _, variable := range flag.Envs {
				known[variable] = true
			}
		}
		return next(nil)
	})
	for _, flag := range s.ctx.Flags() {
		names = append(names, flag.Name)
	}
	for _, variable := range os.Environ() {
		variable, _, _ = strings.Cut(variable, "=")
		name, ours := strings.CutPrefix(variable, "SSED_")
		if !ours || known[variable] {
			continue
		}
		name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if near := nearest(name, names); distance(name, near) <= typoDistanceMax {
			log.Warn("unknown environment variable ignored", "variable", variable, "nearest", "SSED_"+upper(near))
		}
	}
}

// upper returns the name of a flag as it appears in environment variables.
func upper(flag string) string { return strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }
