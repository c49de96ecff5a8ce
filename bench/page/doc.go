// Command page turns the JSON files of bench into a page with pictures, for those who want to judge
// the numbers.
//
//	go run -C bench . all --server ssed,floor --results bench/results
//
// makes a folder DATE-COMMIT there and calls this command on it. By hand, after remarks.md was
// written:
//
//	go run -C bench ./page bench/results/DATE-COMMIT
//
// It reads every *.json of the folder, and remarks.md if it is there: what people found out about
// goals that were not reached, which stands on the page as it is. It writes README.md and SVG
// files. It is a program of its own, so that the process that measures does not hold the fonts and
// tables of the library that draws.
//
// main.go reads and writes files, page.go has the order of the page, command.go what to type to
// repeat it, judged.go the goals and the losses, scenario.go and cells.go the tables, pictures.go
// says what is drawn, markdown.go how text gets there. results finds and judges numbers, figure
// draws.
//
// The invariants: the same files give the same bytes. Nothing on the page is there but for what the
// files say: no number and no verdict is written here. It names no path of the machine that it was
// measured on.
package main
