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

// describeBuild returns the version and commit that the binary was built from. The go command
// records the commit if it builds in a repository. "go run" and "go install" of a release do not
// record it. info is nil for a binary without any record.
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
