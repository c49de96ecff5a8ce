package sse

import "encoding/json"

// DefaultGapEvent is the name of the event that tells a subscriber what it does
// not get.
const DefaultGapEvent = "gap"

// The reasons of a Gap.
const (
	GapExpired   = "expired"   // what was asked for is not kept any more
	GapEpoch     = "epoch"     // the id is of another life of the server, or of another server
	GapMalformed = "malformed" // it is no id
	GapSlow      = "slow"      // the subscriber read too slowly
)

// A Gap tells a subscriber of messages that it does not get. Fields that mean
// nothing for a reason are left out.
type Gap struct {
	Reason string `json:"reason"`
	Asked  string `json:"asked,omitempty"`  // the id that the subscriber came with
	Oldest string `json:"oldest,omitempty"` // id of the first message that it gets now
	Newest string `json:"newest,omitempty"` // id of the newest message of all
	// CompleteAfter is the id behind which nothing is missing. All that is missing
	// lies between Asked and this.
	CompleteAfter string `json:"complete_after,omitempty"`
	Missed        uint64 `json:"missed,omitempty"` // how many messages, where that is known
}

// AppendGap appends the event that tells of a gap. Its data is one line of JSON.
func AppendGap(dst []byte, event string, g Gap) []byte {
	data, err := json.Marshal(g)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return AppendFrame(dst, []byte(event), data)
}
