// Package reference generates documentation from kong's model of the command line: a man page for
// each command, and completion scripts for bash, zsh and fish. It returns text; it parses no flags
// and writes no files.
//
// Invariant: all content comes from the model, so --help, the man pages and the completions cannot
// differ. The libraries that generate these for kong no longer exist or were last released in 2022,
// and ssed needs only the little that is in this package.
package reference
