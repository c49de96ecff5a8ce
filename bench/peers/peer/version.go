package peer

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Describe is the line that -version prints: name and version, then what was changed and why, with
// "; " between.
func Describe(name, version string, changed []string) string {
	return strings.Join(append([]string{name + " " + version}, changed...), "; ")
}

// Version tells which version of a module was built into this program, and with which Go.
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
