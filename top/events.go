package top

import (
	"io"

	"github.com/ssed/ssed/sse"
)

const (
	// eventBytesMax limits the size of an event. The history of ten minutes has about 300 KB.
	eventBytesMax = 8 << 20
	// pieceBytes is the size of one read.
	pieceBytes = 32 << 10
)

// readEvents calls each with every event of a stream, until the stream ends (io.EOF) or each
// returns an error.
func readEvents(stream io.Reader, each func(sse.Event) error) error {
	decoder := sse.Decoder{BytesMax: eventBytesMax}
	piece := make([]byte, pieceBytes)
	for {
		n, ended := stream.Read(piece)
		if _, err := decoder.Feed(piece[:n], each); err != nil {
			return err
		}
		if ended != nil {
			return ended
		}
	}
}
