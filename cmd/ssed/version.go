package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints one line, such as "ssed v1.2.0 (commit 0123456789ab) go1.26.0 linux/amd64".
func (versionCommand) Run(stdout *output) error {
	info, _ := debug.ReadBuildInfo()
	_, err := fmt.Fprintf(stdout, "ssed %s %s/%s\n", describeBuild(info), runtime.GOOS, runtime.GOARCH)
	return err
}

// describeBuild tells what the binary was built from. The go command records the
// commit where it builds in a repository; "go run" and "go install" of a
// release do not, and a binary may hold no record at all (info is nil).
func describeBuild(info *debug.BuildInfo) string {
	if info == nil {
		return "(unknown version) " + runtime.Version()
	}
	version, commit, modified := cmp.Or(info.Main.Version, "(devel)"), "unknown", ""
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			commit = setting.Value[:min(12, len(setting.Value))]
		case "vcs.modified":
			if setting.Value == "true" {
				modified = ", modified"
			}
		}
	}
	return fmt.Sprintf("%s (commit %s%s) %s", version, commit, modified, info.GoVersion)
}
