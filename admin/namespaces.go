package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/ssed/ssed/loop"
)

// sets is the key of this page in a survey. It has no fields, because the page has no parameters.
type sets struct{}

type namespacesJSON struct {
	Namespaces []setJSON `json:"namespaces"`
}

// A setJSON is one subscription set with its subscribers.
type setJSON struct {
	Namespaces  []string `json:"namespaces"`
	Subscribers int      `json:"subscribers"`
	Messages    uint64   `json:"messages"` // published since the oldest current subscriber connected
	Stream      uint64   `json:"stream"`   // identifies the stream: if it changes, messages restarted from 0
}

// namespaces returns namespaces.json: the subscription sets with their subscribers and messages.
func (s *Server) namespaces(r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	all, err := s.surveys.get(ctx)
	if err != nil {
		return nil, err
	}
	return all.page(sets{}, func() any { return setsOf(all.conns) }), nil
}

// setsOf groups subscribers by their subscription sets.
func setsOf(conns []loop.SubscriberInfo) namespacesJSON {
	at := map[uint64]int{}
	answer := namespacesJSON{Namespaces: []setJSON{}}
	for i := range conns {
		c := &conns[i]
		place, ok := at[c.Stream]
		if !ok {
			place = len(answer.Namespaces)
			at[c.Stream] = place
			answer.Namespaces = append(answer.Namespaces, setJSON{Namespaces: c.Namespaces, Stream: c.Stream})
		}
		set := &answer.Namespaces[place]
		set.Subscribers++
		set.Messages = max(set.Messages, c.Published)
	}
	slices.SortFunc(answer.Namespaces, func(a, b setJSON) int {
		return strings.Compare(strings.Join(a.Namespaces, " "), strings.Join(b.Namespaces, " "))
	})
	return answer
}
