package publish

import "bytes"

// familiar is how the last PUB that was accepted begins, up to its data, such as
// "PUB /pets/dogs new-dog ". Most publishers repeat that line after line. A line
// that begins with the same bytes has the same namespace and event, which need
// no parsing and no checking again: that is half the price of a short message.
type familiar struct {
	begin     []byte
	namespace []byte // a part of begin, canonical
	event     []byte // a part of begin; empty means none
}

// remember keeps the beginning of a PUB line, whose command was taken apart and
// whose namespace and event are good.
func (f *familiar) remember(line []byte, c *command, canonical []byte) {
	f.begin = append(f.begin[:0], line[:len(line)-len(c.data)]...)
	f.namespace = f.begin[len("PUB "):][:len(canonical)]
	f.event = f.begin[len(f.begin)-1-len(c.event):][:len(c.event)]
}

// data returns a line's data if the line is familiar.
func (f *familiar) data(line []byte) (data []byte, ok bool) {
	n := len(f.begin)
	if n == 0 || len(line) < n || !bytes.Equal(line[:n], f.begin) {
		return nil, false
	}
	return line[n:], true
}
