package sse

import "encoding/json"

// DefaultGapEvent is the default name of the event that reports a Gap to a subscriber.
const DefaultGapEvent = "gap"

// Reasons of a Gap.
const (
	GapExpired   = "expired"   // messages that the subscriber asked for have been dropped
	GapEpoch     = "epoch"     // the id is from another server, or an earlier life of this one
	GapMalformed = "malformed" // the subscriber sent text that is not an id
	GapSlow      = "slow"      // the subscriber read too slowly
)

// A Gap informs a subscriber that messages are missing from its stream. Empty fields are omitted
// from the JSON. Each id has the form of ID.String.
type Gap struct {
	Reason string `json:"reason"`           // GapExpired, GapEpoch, GapMalformed or GapSlow
	Asked  string `json:"asked,omitempty"`  // the id that the subscriber sent; a malformed one is shortened
	Oldest string `json:"oldest,omitempty"` // id of the next message in the stream
	Newest string `json:"newest,omitempty"` // id of the newest message of the server
	// CompleteAfter is the id after which no message is missing. All missing messages are after
	// Asked and not after CompleteAfter.
	CompleteAfter string `json:"complete_after,omitempty"`
	Missed        uint64 `json:"missed,omitempty"` // how many messages are missing; 0 if unknown
}

// AppendGap appends an event with g to dst. The data is one line of JSON. event is the event's
// name, such as DefaultGapEvent, and must have passed CheckEvent.
func AppendGap(dst []byte, event string, g Gap) []byte {
	data, err := json.Marshal(g)
	if err != nil {
		panic(err) // cannot fail: g has only strings and numbers
	}
	return AppendFrame(dst, []byte(event), data)
}
