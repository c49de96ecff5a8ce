package top

import (
	"io"

	"github.com/ssed/ssed/sse"
)

const (
	// eventBytesMax bounds an event: the history of ten minutes has some 300 KB.
	eventBytesMax = 8 << 20
	// pieceBytes is how much is read at once.
	pieceBytes = 32 << 10
)

// readEvents gives each event of a stream, until the stream ends (io.EOF) or each
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
