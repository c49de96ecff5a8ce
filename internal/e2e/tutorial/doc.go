// Package tutorial follows docs/tutorial.md as a newcomer does. It types each command into a real
// shell, saves each file, opens each page in a real browser, and compares the output with the
// tutorial.
//
// It holds tests only. The one invariant: everything in the tutorial's blocks was run or seen by
// the test. The opening line of a block gives its meaning:
//
//	```console terminal 1       typed and shown in this terminal
//	```html pets.html           saved under this name
//	```text http://...          shown by the browser at this address
//
// In a terminal, text after "$ " is typed, and so is text after "> ", which continues a command.
// "^C" presses Ctrl-C. The other lines are the terminal's output, line by line. A block that does
// not begin with "$ " continues the command that was left running in that terminal. Every other
// command must exit on its own, with only the output that its block shows. "..." matches any number
// of lines.
//
// The list differs in differs_test.go contains everything that changes from run to run (times, ids,
// versions). The beginning of the tutorial mentions it. Ids in commands are replaced with the real
// ones.
package tutorial
