package overload

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/ssed/ssed/sse"
)

// A script is what is published to one namespace: numbered messages of one
// length, of which no two are alike. Whoever knows the script can tell of every
// byte of the stream whether it is the right one.
type script struct {
	namespace string
	dataBytes int
}

const (
	numberBytes = len("000000000:")
	// paddings is how many different paddings there are. It is prime, so that
	// messages which a segment or a buffer apart stand do not have the same.
	paddings = 251
)

// padding is what all messages are filled up with, each from another place.
var padding = func() []byte {
	letters := make([]byte, 1<<20+paddings)
	for i := range letters {
		letters[i] = 'A' + byte(i*i%53%26)
	}
	return letters
}()

// message is the n-th message, counted from 0.
func (s script) message(n int) sse.Message {
	data := make([]byte, 0, s.dataBytes)
	data = fmt.Appendf(data, "%09d:", n)
	data = append(data, padding[n%paddings:][:s.dataBytes-numberBytes]...)
	return sse.Message{Namespace: s.namespace, Data: data}
}

// frameBytes is the length of each message's frame.
func (s script) frameBytes() int { return len("data:") + s.dataBytes + len("\n\n") }

// number tells which message a whole frame is, and that it is wholly that.
func (s script) number(frame []byte) (n int, err error) {
	rest, isData := bytes.CutPrefix(frame, []byte("data:"))
	rest, isWhole := bytes.CutSuffix(rest, []byte("\n\n"))
	if !isData || !isWhole || len(rest) != s.dataBytes || rest[numberBytes-1] != ':' {
		return 0, errors.New("this is no frame of the script: " + shown(frame))
	}
	if n, err = strconv.Atoi(string(rest[:numberBytes-1])); err != nil {
		return 0, err
	}
	if !bytes.Equal(rest[numberBytes:], padding[n%paddings:][:s.dataBytes-numberBytes]) {
		return 0, fmt.Errorf("message %d is not what was published: %s", n, shown(frame))
	}
	return n, nil
}

// shown is the beginning of something, for people.
func shown(b []byte) string { return fmt.Sprintf("%.80q", b) }

func TestScriptKnowsEveryByte(t *testing.T) {
	s := script{"/n", 100}
	for n := range 3 * paddings {
		frame := sse.AppendFrame(nil, nil, s.message(n).Data)
		if got, err := s.number(frame); got != n || err != nil || len(frame) != s.frameBytes() {
			t.Fatalf("frame %d of %d bytes is taken for %d, %v", n, len(frame), got, err)
		}
	}
	frame := sse.AppendFrame(nil, nil, s.message(7).Data)
	for i := range frame {
		wrong := bytes.Clone(frame)
		wrong[i] ^= 1
		if n, err := s.number(wrong); err == nil && n == 7 {
			t.Errorf("byte %d may be wrong", i)
		}
	}
}
