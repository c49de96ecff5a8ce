package sse

import "encoding/json"

// DefaultGapEvent is the default name of the event that reports a Gap to a subscriber.
const DefaultGapEvent = "gap"

// The reasons of a Gap.
const (
	GapExpired   = "expired"   // messages that the subscriber asked for are not kept any more
	GapEpoch     = "epoch"     // the id is from another epoch: an earlier life of the server, or another server
	GapMalformed = "malformed" // the subscriber asked with text that is not an id
	GapSlow      = "slow"      // the subscriber read too slowly
)

// A Gap reports to a subscriber that messages are missing from its stream. Empty fields
// are left out of the JSON. Each id has the form of ID.String.
type Gap struct {
	Reason string `json:"reason"`           // GapExpired, GapEpoch, GapMalformed or GapSlow
	Asked  string `json:"asked,omitempty"`  // the id that the subscriber asked with, perhaps malformed and shortened
	Oldest string `json:"oldest,omitempty"` // id of the first message that it gets now
	Newest string `json:"newest,omitempty"` // id of the newest message of the server
	// CompleteAfter is the id after which no message is missing. All missing messages lie
	// after Asked and not after CompleteAfter.
	CompleteAfter string `json:"complete_after,omitempty"`
	Missed        uint64 `json:"missed,omitempty"` // how many messages are missing; 0 if that is not known
}

// AppendGap appends the event that reports g to dst. Its data is one line of JSON. event is
// the event's name, such as DefaultGapEvent, and must have passed CheckEvent.
func AppendGap(dst []byte, event string, g Gap) []byte {
	data, err := json.Marshal(g)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return AppendFrame(dst, []byte(event), data)
}
