package hub

import (
	"bytes"
	"sync/atomic"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/publish"
)

// publishAuth authenticates publishers with the current tokens.
type publishAuth struct{ tokens *atomic.Pointer[auth.Table] }

// Required reports whether publishing requires a token.
func (a publishAuth) Required() bool { return a.tokens.Load().Required(auth.Publish) }

// Authenticate returns the grant of a token, and reports whether the token is valid. If the tokens
// change later, the grant looks its token up again, so removing a token also affects connected
// publishers.
func (a publishAuth) Authenticate(token []byte) (publish.Grant, bool) {
	table := a.tokens.Load()
	grant, ok := table.Grant(token, auth.Publish)
	return &publishGrant{tokens: a.tokens, token: bytes.Clone(token), table: table, grant: grant}, ok
}

// A publishGrant is the grant of one publisher's token.
type publishGrant struct {
	tokens *atomic.Pointer[auth.Table]
	token  []byte
	table  *auth.Table // the table that grant comes from
	grant  auth.Grant
}

// Allows reports whether the current tokens allow the publisher to publish to a namespace.
func (g *publishGrant) Allows(namespace []byte) bool {
	if table := g.tokens.Load(); table != g.table {
		g.table = table
		g.grant, _ = table.Grant(g.token, auth.Publish)
	}
	return g.grant.Allows(namespace)
}

// Tokens returns the current tokens.
func (h *Hub) Tokens() *auth.Table { return h.tokens.Load() }

// SetTokens replaces the tokens. For connected publishers, the new tokens apply from their next
// message on. Open streams stay open.
func (h *Hub) SetTokens(tokens *auth.Table) { h.tokens.Store(tokens) }
