package loop

import (
	"bytes"
	"sync/atomic"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/publish"
)

// A publishAuth lets the tokens in force speak for the line protocol.
type publishAuth struct{ tokens *atomic.Pointer[auth.Table] }

// Required tells whether publishing needs a token at the moment.
func (a publishAuth) Required() bool { return a.tokens.Load().Required(auth.Publish) }

// Authenticate knows a token. The grant outlives the table: it asks again once
// the tokens have changed, so a token that was taken away is good no longer.
func (a publishAuth) Authenticate(token []byte) (publish.Grant, bool) {
	table := a.tokens.Load()
	grant, ok := table.Grant(token, auth.Publish)
	return &publishGrant{tokens: a.tokens, token: bytes.Clone(token), table: table, grant: grant}, ok
}

type publishGrant struct {
	tokens *atomic.Pointer[auth.Table]
	token  []byte
	table  *auth.Table // whose grant it is
	grant  auth.Grant
}

// Allows tells whether the token covers a namespace now.
func (g *publishGrant) Allows(namespace []byte) bool {
	if table := g.tokens.Load(); table != g.table {
		g.table = table
		g.grant, _ = table.Grant(g.token, auth.Publish)
	}
	return g.grant.Allows(namespace)
}

// Tokens are those in force.
func (s *Server) Tokens() *auth.Table { return s.loop.tokens.Load() }

// SetTokens changes who may subscribe and publish from here on. Publishers that
// are connected are judged by the new tokens with their next message; streams
// that are open stay open.
func (s *Server) SetTokens(tokens *auth.Table) { s.loop.tokens.Store(tokens) }
