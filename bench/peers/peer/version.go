package peer

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Describe returns the line that -version prints: name and version, then the changes with their
// reasons, separated by "; ".
func Describe(name, version string, changed []string) string {
	return strings.Join(append([]string{name + " " + version}, changed...), "; ")
}

// Version returns the version of a module in this program, and the version of Go.
func Version(module string) string {
	version := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == module {
				version = m.Version
			}
		}
	}
	return version + " (" + module + ", " + runtime.Version() + ")"
}
