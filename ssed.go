package ssed

import (
	"time"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

// DefaultHandoverConnsMax is enough for a page and its resources, and below the number of reserved
// file descriptors.
const DefaultHandoverConnsMax = 64

// Messages and their history.
type (
	// A Message is a message that a program publishes.
	Message = sse.Message
	// A HistoryRule sets how much is kept of each namespace at and below a prefix.
	HistoryRule = loop.HistoryRule
)

// Statistics and subscribers.
type (
	// Stats are a server's counters since its start, and its current state.
	Stats = loop.Stats
	// A Histogram counts durations in buckets. HistogramBound returns the bound of a bucket.
	Histogram = loop.Histogram
	// SubscriberInfo describes one subscriber at one point in time.
	SubscriberInfo = loop.SubscriberInfo
	// A ConnID identifies a connection. It is never reused.
	ConnID = loop.ConnID
)

// HistogramBound returns the upper bound of a Histogram's bucket. The last bucket has no upper
// bound.
func HistogramBound(bucket int) time.Duration { return loop.HistogramBound(bucket) }

// Slow selects what happens to a subscriber that reads too slowly.
type Slow = loop.Slow

const (
	// SlowDisconnect disconnects the subscriber. It may reconnect.
	SlowDisconnect = loop.SlowDisconnect
	// SlowSkip moves the subscriber to the newest message. A gap event reports how many
	// messages it missed.
	SlowSkip = loop.SlowSkip
)

// Types of the functions in Options.
type (
	// A Request is a request to subscribe. Options.Authorize accepts or refuses it.
	Request = loop.Request
	// A Handover receives connections for paths other than the server's own.
	Handover = loop.Handover
	// A HandedConn is a connection that the server has passed to Handover.Take.
	HandedConn = loop.HandedConn
)

// Types for the implementation of a Store. Package store implements one.
type (
	// A Store numbers and keeps messages outside the server.
	Store = loop.Store
	// A StoreSink delivers a Store's messages to a Server.
	StoreSink = loop.StoreSink
	// A PublishRequest is one message on its way to a Store.
	PublishRequest = loop.PublishRequest
	// An Acker receives the result of one PublishRequest.
	Acker = loop.Acker
	// A Query requests a range of messages from a Store.
	Query = loop.Query
	// A Part is the result of a Query.
	Part = loop.Part
)

var (
	// ErrUnauthenticated is wrapped by errors of Options.Authorize to answer 401. Use it for a
	// request without valid credentials.
	ErrUnauthenticated = loop.ErrUnauthenticated
	// ErrRetryLater is wrapped by errors of Options.Authorize to make the client retry in a few
	// seconds. Use it if the request is valid but cannot be decided now.
	ErrRetryLater = loop.ErrRetryLater
	// ErrStopped is returned after a Server has stopped.
	ErrStopped = loop.ErrStopped
	// ErrBusy is returned when too many calls are waiting for the loop.
	ErrBusy = loop.ErrBusy
)
