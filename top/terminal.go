package top

import (
	"bytes"
	"io"

	"github.com/charmbracelet/x/ansi"
)

// A terminal is a file that Bubble Tea recognizes as a terminal.
type terminal interface {
	io.ReadWriteCloser
	Fd() uintptr
}

// requests are the escape sequences that query the terminal or change its keyboard mode. Bubble Tea
// writes them at the start, and has no option to disable them.
//
// The model does not need the answers to the queries. On a slow connection they arrive after the
// user has pressed q, and the shell reads them as input. In the changed keyboard mode, Ctrl-I is no
// longer Tab, and if the process is killed, the shell inherits this mode.
var requests = [][]byte{
	[]byte(ansi.RequestModeSynchronizedOutput),
	[]byte(ansi.RequestModeUnicodeCore),
	[]byte(ansi.RequestKittyKeyboard),
	[]byte(ansi.PushKittyKeyboard(ansi.KittyDisambiguateEscapeCodes)),
	[]byte(ansi.PopKittyKeyboard(1)),
	[]byte(ansi.SetModifyOtherKeys2),
	[]byte(ansi.ResetModifyOtherKeys),
}

// A quietTerminal is a terminal that drops requests.
type quietTerminal struct{ terminal }

// unasked returns a writer to w that drops requests if w can be a terminal.
func unasked(w io.Writer) io.Writer {
	if t, ok := w.(terminal); ok {
		return quietTerminal{t}
	}
	return w
}

// Write writes p without the requests. Bubble Tea never splits a sequence over two
// writes.
func (t quietTerminal) Write(p []byte) (int, error) {
	rest := p
	for _, r := range requests {
		rest = bytes.ReplaceAll(rest, r, nil)
	}
	if len(rest) == 0 {
		return len(p), nil
	}
	if _, err := t.terminal.Write(rest); err != nil {
		return 0, err
	}
	return len(p), nil
}
