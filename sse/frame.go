package sse

import (
	"bytes"
	"strconv"
)

// Keepalive is the heartbeat: a comment line, which clients ignore (HTML section 9.2.6). It has the
// same bytes as the heartbeat of mroth/sseserver, and never has an id.
const Keepalive = ":keepalive\n"

// AppendFrame appends the frame of one message to dst: an "event:" line unless the name is empty,
// one "data:" line per line of data, and the empty line that dispatches the event. There is no
// space after the colon.
//
// Data is split at LF, CR and CRLF, which end a line for clients, so data can never add a field. A
// value that begins with a space gets one more, because a client removes one (HTML section 9.2.6,
// "if value starts with a U+0020 SPACE character, remove it").
//
// The event name must have passed CheckEvent.
func AppendFrame(dst, event, data []byte) []byte {
	if len(event) > 0 {
		dst = appendField(dst, "event:", event)
	}
	for !plain(data) {
		end := lineEnd(data)
		if end < 0 {
			break
		}
		dst = appendField(dst, "data:", data[:end])
		if data[end] == '\r' && end+1 < len(data) && data[end+1] == '\n' {
			end++
		}
		data = data[end+1:]
	}
	dst = appendField(dst, "data:", data)
	return append(dst, '\n')
}

// FrameBytesMax returns the length of the longest frame, including its id line, of a message with
// dataBytes bytes of data. The worst case is data that consists only of line breaks, because each
// becomes a line of six bytes. A backlog must have room for it. Otherwise one message would
// disconnect every subscriber.
func FrameBytesMax(dataBytes int) int {
	return IDLineBytesMax + len("event: \n\n") + EventBytesMax + len("data:\n")*(dataBytes+1)
}

// AppendRetry appends a "retry:" field to dst, which sets the client's reconnection time (HTML
// section 9.2.6). It is a separate block and dispatches no event. The time must not be negative.
func AppendRetry(dst []byte, milliseconds int64) []byte {
	dst = append(dst, "retry:"...)
	dst = strconv.AppendInt(dst, milliseconds, 10)
	return append(dst, "\n\n"...)
}

// A FrameEnd locates one frame in a slice of consecutive frames. The frame begins at the end of the
// frame before it, or at 0.
type FrameEnd struct {
	Offset int    // of the first byte after the frame
	Seq    uint64 // the number of the frame's message
}

// appendField appends one line. It adds a space to a value that begins with one, see AppendFrame.
func appendField(dst []byte, name string, value []byte) []byte {
	dst = append(dst, name...)
	if len(value) > 0 && value[0] == ' ' {
		dst = append(dst, ' ')
	}
	dst = append(dst, value...)
	return append(dst, '\n')
}

// lineWindow is the size of the parts in which lineEnd searches for an LF and then a CR.
const lineWindow = 1024

// lineEnd returns the offset of the first CR or LF, or -1. Two searches with the vector code of
// package bytes are faster than one loop over bytes. They search one window at a time. Otherwise a
// megabyte of CRs, for example, would be searched to its end for an LF at each call.
func lineEnd(data []byte) int {
	for at := 0; at < len(data); at += lineWindow {
		window := data[at:min(at+lineWindow, len(data))]
		lf := bytes.IndexByte(window, '\n')
		if lf >= 0 {
			window = window[:lf]
		}
		if cr := bytes.IndexByte(window, '\r'); cr >= 0 {
			return at + cr
		}
		if lf >= 0 {
			return at + lf
		}
	}
	return -1
}
