package sse_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/ssed/ssed/sse"
)

// A message is encoded as a frame, the bytes that every subscriber gets. Each line of its data
// becomes a "data:" line, so data cannot add a field.
func ExampleAppendFrame() {
	m := sse.Message{Namespace: "/pets/dogs", Event: "new-dog", Data: []byte("Corgi\nid: 7")}
	if err := sse.CheckEvent(m.Event); err != nil {
		fmt.Println(err)
	}
	if err := sse.CheckData(m.Data, sse.DataBytesMax); err != nil {
		fmt.Println(err)
	}
	frame := sse.AppendIDLine(nil, sse.ID{Epoch: "k3x9", Seq: 41})
	frame = sse.AppendFrame(frame, []byte(m.Event), m.Data)
	fmt.Printf("%s", frame)
	// Output:
	// id:k3x9-41
	// event:new-dog
	// data:Corgi
	// data:id: 7
}

// A message that consists only of line breaks has the longest frame.
func ExampleFrameBytesMax() {
	data := bytes.Repeat([]byte("\n"), 100)
	fmt.Println(len(sse.AppendFrame(nil, nil, data)) <= sse.FrameBytesMax(len(data)))
	fmt.Println(sse.FrameBytesMax(100) - sse.FrameBytesMax(0))
	// Output:
	// true
	// 600
}

// Several frames share one slice. The ends locate each of them.
func ExampleFrameEnd() {
	var frames []byte
	var ends []sse.FrameEnd
	for i, data := range []string{"Corgi", "Pug"} {
		frames = sse.AppendFrame(frames, nil, []byte(data))
		ends = append(ends, sse.FrameEnd{Offset: len(frames), Seq: uint64(41 + i)})
	}
	begin := 0
	for _, end := range ends {
		fmt.Printf("%d %q\n", end.Seq, frames[begin:end.Offset])
		begin = end.Offset
	}
	// Output:
	// 41 "data:Corgi\n\n"
	// 42 "data:Pug\n\n"
}

// The checks refuse invalid messages with one of three errors.
func ExampleCheckEvent() {
	for _, event := range []string{"new-dog", "new\ndog", strings.Repeat("x", sse.EventBytesMax+1)} {
		fmt.Println(sse.CheckEvent(event) == nil, errors.Is(sse.CheckEvent(event), sse.ErrEvent))
	}
	fmt.Println(errors.Is(sse.CheckData([]byte("\xff"), 10), sse.ErrUTF8), errors.Is(sse.CheckData(make([]byte, 11), 10), sse.ErrTooLong))
	// Output:
	// true false
	// false true
	// false true
	// true true
}

// An id identifies a message permanently, because the epoch is different in each life of the
// server.
func ExampleParseID() {
	epoch := sse.NewEpoch(123456)
	id := sse.ID{Epoch: epoch, Seq: 7}
	fmt.Println(id, len(sse.AppendIDLine(nil, id)) <= sse.IDLineBytesMax)

	again, err := sse.ParseID(id.Append(nil))
	fmt.Println(again == id, again.Seq, err)
	_, err = sse.ParseID([]byte("7"))
	fmt.Println(errors.Is(err, sse.ErrID))
	// Output:
	// 2n9c-7 true
	// true 7 <nil>
	// true
}

// A stream also contains the reconnection time, heartbeats, and reports of missing messages.
func ExampleAppendGap() {
	stream := sse.AppendRetry(nil, 2500)
	stream = append(stream, sse.Keepalive...)
	stream = sse.AppendGap(stream, sse.DefaultGapEvent, sse.Gap{
		Reason: sse.GapExpired, Asked: "k3x9-7", Oldest: "k3x9-20", Newest: "k3x9-41", CompleteAfter: "k3x9-19",
	})
	stream = sse.AppendGap(stream, "gap", sse.Gap{Reason: sse.GapSlow, Missed: 12})
	stream = sse.AppendGap(stream, "gap", sse.Gap{Reason: sse.GapEpoch, Asked: "old1-7"})
	stream = sse.AppendGap(stream, "gap", sse.Gap{Reason: sse.GapMalformed, Asked: "yesterday"})
	fmt.Printf("%s", stream)
	// Output:
	// retry:2500
	//
	// :keepalive
	// event:gap
	// data:{"reason":"expired","asked":"k3x9-7","oldest":"k3x9-20","newest":"k3x9-41","complete_after":"k3x9-19"}
	//
	// event:gap
	// data:{"reason":"slow","missed":12}
	//
	// event:gap
	// data:{"reason":"epoch","asked":"old1-7"}
	//
	// event:gap
	// data:{"reason":"malformed","asked":"yesterday"}
}
