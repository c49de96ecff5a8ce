package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/ssed/ssed/loop"
)

// sets is what is asked of a survey here: everybody wants the same.
type sets struct{}

type namespacesJSON struct {
	Namespaces []setJSON `json:"namespaces"`
}

// A setJSON is one subscription set with all who share it.
type setJSON struct {
	Namespaces  []string `json:"namespaces"`
	Subscribers int      `json:"subscribers"`
	Messages    uint64   `json:"messages"` // since the first of those who are there now came
	Stream      uint64   `json:"stream"`   // another number: the messages were counted anew
}

// namespaces answers namespaces.json: who hears what, and how much comes there.
func (s *Server) namespaces(r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	all, err := s.surveys.get(ctx)
	if err != nil {
		return nil, err
	}
	return all.page(sets{}, func() any { return setsOf(all.conns) }), nil
}

// setsOf counts who shares which set.
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
