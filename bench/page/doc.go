// Command page turns the JSON files of bench into a page with pictures, for those who want to judge the numbers.
//
//	go run ./bench all --server ssed,floor --json bench/results/all.json
//	go run -C bench/page . ../results
//
// It reads every *.json of the directory, which is seen from bench/page, and writes README.md and SVG files into it. It is a module
// of its own, so that what draws does not become a dependency of ssed.
//
// main.go reads and writes files, page.go has the order of the page, judged.go the goals and the losses, scenario.go and cells.go the
// tables, pictures.go says what is drawn, markdown.go how text gets there. results finds and judges numbers, figure draws.
//
// The invariants: the same files give the same bytes. Nothing on the page is there but for what the files say: no number and no
// verdict is written here.
package main
