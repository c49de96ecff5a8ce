// Package tutorial follows docs/tutorial.md as a newcomer does: it types each
// command into a real shell, saves each file, opens each page in a real browser, and
// compares what comes with what the page says will come.
//
// It holds tests only. The one invariant: nothing stands in the tutorial's blocks
// that was not run or seen. What a block means is told by the line that opens it:
//
//	```console terminal 1       typed and shown in this terminal
//	```html pets.html           saved under this name
//	```text http://...          shown by the browser at this address
//
// In a terminal "$ " is typed, and so is "> " behind it, which is the rest of a
// command; "^C" is pressed; the rest is what the terminal shows, line by line. A block
// that does not begin with a "$ " goes on with what was left running there; every
// other command ends by itself, with nothing shown that is not in its block. "..." stands for
// any number of lines. What is never twice the same (times, ids, versions) is in
// differs, and the tutorial says so at its beginning; commands get the ids that are real.
package tutorial
