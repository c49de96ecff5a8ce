package admin

import (
	"strings"
	"time"

	"github.com/ssed/ssed/internal/storestatus"
)

// Store is the state of a store and its counters, as [github.com/ssed/ssed/store.Store.Status]
// returns them.
type Store = storestatus.Status

// storeJSON is a Store in status.json.
type storeJSON struct {
	Store
	TroubleSince int64  `json:"trouble_since"` // seconds since 1970; 0: no trouble
	Unfit        string `json:"unfit"`         // why healthz answers 503; empty: the store is fit
}

// store returns the state of the store for status.json, or nil if there is no store.
func (s *Server) store(now time.Time) *storeJSON {
	if s.opts.Store == nil {
		return nil
	}
	state := &storeJSON{Store: s.opts.Store()}
	if !state.Since.IsZero() {
		state.TroubleSince = state.Since.Unix()
	}
	state.Unfit, _ = state.Store.Unfit(now)
	return state
}

// unfit returns why the store makes the daemon unfit, in one line, or "" if the daemon is fit. The
// cause may contain names of servers and addresses, so only clients that may see the pages get it.
func (s *Server) unfit(now time.Time, mayKnow bool) string {
	if s.opts.Store == nil {
		return ""
	}
	is := s.opts.Store()
	why, cause := is.Unfit(now)
	if cause != "" && mayKnow {
		why += ": " + strings.Join(strings.Fields(cause), " ")
	}
	return why
}
