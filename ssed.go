package ssed

import (
	"time"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

// DefaultHandoverConnsMax is enough for a page and its parts, and below the descriptors
// that are kept in reserve.
const DefaultHandoverConnsMax = 64

// What a program publishes and subscribers get.
type (
	// A Message is what a publisher sends.
	Message = sse.Message
	// A HistoryRule says how much is kept of each namespace at and below a prefix.
	HistoryRule = loop.HistoryRule
)

// What a Server reports.
type (
	// Stats are a server's figures since its start, and what it holds now.
	Stats = loop.Stats
	// A Histogram counts durations, in the buckets of HistogramBound.
	Histogram = loop.Histogram
	// SubscriberInfo describes one subscriber at one moment.
	SubscriberInfo = loop.SubscriberInfo
	// A ConnID names a connection for as long as it lasts, and no other afterwards.
	ConnID = loop.ConnID
)

// HistogramBound returns the upper bound of a Histogram's bucket, except for the last,
// which has none.
func HistogramBound(bucket int) time.Duration { return loop.HistogramBound(bucket) }

// Slow says what happens to a subscriber that reads too slowly.
type Slow = loop.Slow

const (
	SlowDisconnect = loop.SlowDisconnect // it is disconnected, and reconnects
	SlowSkip       = loop.SlowSkip       // it is told how many messages it missed, and goes on with the newest
)

// What a program's functions get.
type (
	// A Request is a request to subscribe that Options.Authorize decides about.
	Request = loop.Request
	// A Handover takes connections whose request is not for the server.
	Handover = loop.Handover
	// A HandedConn is a connection that was handed over.
	HandedConn = loop.HandedConn
)

// What a Store is made of. Package store has one.
type (
	// A Store numbers and keeps messages outside the server.
	Store = loop.Store
	// A StoreSink brings a Store's messages into a Server.
	StoreSink = loop.StoreSink
	// A PublishRequest is one message on its way to a Store.
	PublishRequest = loop.PublishRequest
	// An Acker receives the result of one PublishRequest.
	Acker = loop.Acker
	// A Query asks a Store for a part of what it has kept.
	Query = loop.Query
	// A Part answers a Query.
	Part = loop.Part
)

var (
	// ErrUnauthenticated is for an error of Options.Authorize to wrap. The answer is 401:
	// the request does not say who asks, or not in a way that can be believed.
	ErrUnauthenticated = loop.ErrUnauthenticated
	// ErrRetryLater is for an error of Options.Authorize to wrap. The client asks again in
	// some seconds: nothing is wrong with the request, but it cannot be decided now.
	ErrRetryLater = loop.ErrRetryLater
	// ErrStopped is returned once a Server has ended.
	ErrStopped = loop.ErrStopped
	// ErrBusy is returned when too many calls wait for the loop.
	ErrBusy = loop.ErrBusy
)
