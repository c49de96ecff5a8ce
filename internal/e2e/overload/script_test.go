package overload

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/ssed/ssed/sse"
)

// A script is the sequence of messages of one namespace. They are numbered, of the same length, and
// all different, so that each byte of the stream can be checked.
type script struct {
	namespace string
	dataBytes int
}

const (
	numberBytes = len("000000000:")
	// paddings is the number of different paddings. It is prime, so that messages that are a
	// segment or a buffer apart have different paddings.
	paddings = 251
)

// padding fills all messages. Each message begins at a different offset in it.
var padding = func() []byte {
	letters := make([]byte, 1<<20+paddings)
	for i := range letters {
		letters[i] = 'A' + byte(i*i%53%26)
	}
	return letters
}()

// message returns the n-th message, counted from 0.
func (s script) message(n int) sse.Message {
	data := make([]byte, 0, s.dataBytes)
	data = fmt.Appendf(data, "%09d:", n)
	data = append(data, padding[n%paddings:][:s.dataBytes-numberBytes]...)
	return sse.Message{Namespace: s.namespace, Data: data}
}

// frameBytes returns the length of each message's frame.
func (s script) frameBytes() int { return len("data:") + s.dataBytes + len("\n\n") }

// number returns the number of the message in a frame, or an error if any byte of the frame is
// wrong.
func (s script) number(frame []byte) (n int, err error) {
	rest, isData := bytes.CutPrefix(frame, []byte("data:"))
	rest, isWhole := bytes.CutSuffix(rest, []byte("\n\n"))
	if !isData || !isWhole || len(rest) != s.dataBytes || rest[numberBytes-1] != ':' {
		return 0, errors.New("not a frame of the script: " + shown(frame))
	}
	if n, err = strconv.Atoi(string(rest[:numberBytes-1])); err != nil {
		return 0, err
	}
	if !bytes.Equal(rest[numberBytes:], padding[n%paddings:][:s.dataBytes-numberBytes]) {
		return 0, fmt.Errorf("message %d is not what was published: %s", n, shown(frame))
	}
	return n, nil
}

// shown returns the beginning of b for test output.
func shown(b []byte) string { return fmt.Sprintf("%.80q", b) }

func TestScriptPredictsEveryByte(t *testing.T) {
	s := script{"/n", 100}
	for n := range 3 * paddings {
		frame := sse.AppendFrame(nil, nil, s.message(n).Data)
		if got, err := s.number(frame); got != n || err != nil || len(frame) != s.frameBytes() {
			t.Fatalf("frame %d of %d bytes has the number %d, %v", n, len(frame), got, err)
		}
	}
	frame := sse.AppendFrame(nil, nil, s.message(7).Data)
	for i := range frame {
		wrong := bytes.Clone(frame)
		wrong[i] ^= 1
		if n, err := s.number(wrong); err == nil && n == 7 {
			t.Errorf("a wrong byte %d is not detected", i)
		}
	}
}
