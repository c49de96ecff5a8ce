package hub

import (
	"bytes"
	"sync/atomic"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/publish"
)

// publishAuth authenticates publishers by the tokens in force.
type publishAuth struct{ tokens *atomic.Pointer[auth.Table] }

// Required reports whether publishing needs a token now.
func (a publishAuth) Required() bool { return a.tokens.Load().Required(auth.Publish) }

// Authenticate looks a token up. The grant outlives the table: it looks the token up
// again once the tokens have changed, so a token that was removed is no longer valid.
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

// Allows reports whether the token covers a namespace now.
func (g *publishGrant) Allows(namespace []byte) bool {
	if table := g.tokens.Load(); table != g.table {
		g.table = table
		g.grant, _ = table.Grant(g.token, auth.Publish)
	}
	return g.grant.Allows(namespace)
}

// Tokens returns the tokens in force.
func (h *Hub) Tokens() *auth.Table { return h.tokens.Load() }

// SetTokens replaces the tokens in force. Publishers that are connected are judged by the
// new tokens from their next message on; streams that are open stay open.
func (h *Hub) SetTokens(tokens *auth.Table) { h.tokens.Store(tokens) }
