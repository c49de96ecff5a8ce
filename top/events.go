package top

import (
	"bufio"
	"bytes"
	"io"
)

// eventBytesMax bounds a line of an event: the history of ten minutes has some
// 300 KB.
const eventBytesMax = 8 << 20

// readEvents gives each event of a stream (HTML 9.2.6; retry and id are of no use
// here), until the stream ends or each returns an error. data is good until each
// returns.
func readEvents(stream io.Reader, each func(event string, data []byte) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, eventBytesMax)
	event, data := "", []byte(nil)
	for lines.Scan() {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(lines.Bytes()) == 0:
			if len(data) > 0 {
				if err := each(event, bytes.TrimSuffix(data, []byte("\n"))); err != nil {
					return err
				}
			}
			event, data = "", data[:0]
		case string(name) == "event":
			event = string(value)
		case string(name) == "data" && len(data)+len(value) < eventBytesMax:
			data = append(append(data, value...), '\n')
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}
