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
	Unfit        string `json:"unfit"`         // why healthz says 503; empty: it does not
}

// store returns the store as status.json shows it, or nil if there is none.
func (s *Server) store(now time.Time) *storeJSON {
	if s.opts.Store == nil {
		return nil
	}
	told := &storeJSON{Store: s.opts.Store()}
	if !told.Since.IsZero() {
		told.TroubleSince = told.Since.Unix()
	}
	told.Unfit, _ = told.Store.Unfit(now)
	return told
}

// unfit returns what healthz says against the store, in one line, or "". The cause may
// name servers and addresses, so only clients that may see the pages get it.
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
