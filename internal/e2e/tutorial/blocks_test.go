package tutorial

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// A block is the text between two fences of the tutorial.
type block struct {
	line      int    // its first line
	language  string // such as console
	about     string // the rest of the opening line: a terminal, a file or an address
	lines     []string
	continues bool // in a terminal: its last command continues in the terminal's next block
}

// A page is the parsed tutorial.
type page struct {
	blocks []block
	prose  []string
}

const tutorialPath = "../../../docs/tutorial.md"

// readTutorial parses the tutorial. It fails the test if a block would not be tested.
func readTutorial(t *testing.T) (p page) {
	t.Helper()
	text, err := os.ReadFile(tutorialPath)
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	for n, line := range strings.Split(string(text), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			language, about, _ := strings.Cut(fence, " ")
			if language == "" || about == "" {
				t.Fatalf("%s:%d: the block's opening line does not give its terminal, file or address", tutorialPath, n+1)
			}
			open = &block{line: n + 1, language: language, about: about}
		case isFence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		case strings.HasPrefix(line, "    "), strings.HasPrefix(line, "\t"), strings.HasPrefix(line, "~~~"):
			t.Errorf("%s:%d: this is shown as code, but no test runs it", tutorialPath, n+1)
		default:
			p.prose = append(p.prose, line)
		}
	}
	if open != nil {
		t.Fatalf("%s:%d: this block does not end", tutorialPath, open.line)
	}
	if len(p.blocks) < 10 {
		t.Fatalf("found only %d blocks: this test looks in the wrong place", len(p.blocks))
	}
	later := map[string]bool{} // terminals whose next block begins with no command
	for i := len(p.blocks) - 1; i >= 0; i-- {
		b := &p.blocks[i]
		if len(b.lines) == 0 {
			t.Fatalf("%s:%d: this block is empty", tutorialPath, b.line)
		}
		b.continues = later[b.about]
		later[b.about] = !strings.HasPrefix(b.lines[0], prompt)
	}
	return p
}

// typed returns the commands of all terminals, without continuation lines.
func (p page) typed() (commands []string) {
	for _, b := range p.blocks {
		for _, line := range b.lines {
			if command, ok := strings.CutPrefix(line, prompt); ok && b.language == "console" {
				commands = append(commands, command)
			}
		}
	}
	return commands
}

// TestCommandsInTextAreInBlocks verifies that every command within the tutorial's text is also a
// part of a command in a block, because only blocks are run.
func TestCommandsInTextAreInBlocks(t *testing.T) {
	p := readTutorial(t)
	programs := map[string]bool{}
	for _, command := range p.typed() {
		programs[strings.Fields(command)[0]] = true
	}
	for _, program := range []string{"./ssed", "curl", "printf"} {
		if !programs[program] {
			t.Errorf("the tutorial never runs %s: this test looks in the wrong place", program)
		}
	}
	for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(strings.Join(p.prose, "\n"), -1) {
		command := strings.Trim(span, "`")
		first, _, more := strings.Cut(command, " ")
		if !more || !programs[first] && first != "ssed" {
			continue
		}
		run := false
		for _, typed := range p.typed() {
			run = run || strings.HasPrefix(typed, command) || strings.Contains(typed, "./"+command)
		}
		if !run {
			t.Errorf("the tutorial mentions %q, but does not run it", command)
		}
	}
}
