// Package reference writes what users read and what shells complete, from the
// model of the command line: a man page for each command, and a completion for
// bash, zsh and fish. The model comes in and text goes out; it reads no flag and
// writes no file.
//
// The one invariant: nothing is told here that the model does not tell. So
// --help, the man pages and the completions cannot differ. The libraries that do
// this for kong had no release since 2022 or are gone, and what ssed needs of them
// is these few pages.
package reference
