// Command page turns the JSON files of bench into a page with pictures.
//
//	go run -C bench . all --server ssed,floor --results bench/results
//
// makes a folder DATE-COMMIT in bench/results and runs this command on it. After a change of
// remarks.md, run it by hand:
//
//	go run -C bench ./page bench/results/DATE-COMMIT
//
// It reads all *.json files of the folder. If the folder has a remarks.md, which explains goals
// that are not reached, its text is included unchanged. The command writes README.md and SVG files.
// It is a separate program, so that the process that measures does not load the fonts and tables of
// the drawing library.
//
// main.go reads and writes files, and page.go sets the order of the page. command.go prints the
// commands to repeat the measurements. judged.go prints goals and losses, scenario.go and cells.go
// the tables. pictures.go lists the pictures, and markdown.go writes Markdown. results finds and
// judges numbers, and figure draws.
//
// Invariants: the same files give the same bytes. Every number and verdict on the page comes from
// the files. The page contains no path of the machine that it was measured on.
package main
