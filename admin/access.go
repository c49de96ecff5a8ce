package admin

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/ssed/ssed/auth"
)

// guard passes on the requests that access does not refuse.
func (s *Server) guard(access func(*http.Request) *failure, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch refused := access(r); {
		case refused == nil:
			next.ServeHTTP(w, r)
		case refused.status == http.StatusUnauthorized && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
			http.Redirect(w, r, "/admin/login", http.StatusSeeOther)
		default:
			w.Header().Set("Connection", "close") // strangers do not keep places
			if refused.status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			http.Error(w, refused.words, refused.status)
		}
	})
}

// access tells whether a request may pass; nil means that it may. Where a token has
// the admin right, it takes such a token, or a session that began with one. Where
// none has, it must come straight from a client on this machine.
func (s *Server) access(r *http.Request) *failure {
	tokens := s.opts.Tokens()
	if !tokens.Required(auth.Admin) {
		if isLocal(r) {
			return nil
		}
		return &failure{http.StatusForbidden, "these pages are only for clients on this machine that ask for localhost, and not through a proxy; to open them to others, give a token the admin right (--token 'TOKEN admin'), or for /metrics alone the metrics right"}
	}
	token := s.presented(r)
	if token == "" {
		return &failure{http.StatusUnauthorized, "a token with the admin right is needed: send X-Authorization or Authorization: Bearer, or sign in at /admin/login"}
	}
	return checkToken(token, tokens, auth.Admin)
}

// metricsAccess returns why a request may not read /metrics; nil if it may. Clients that
// may see the pages may read it, and so may those with a token that has the metrics
// right. Such a token takes the right from nobody: clients of this machine keep it.
func (s *Server) metricsAccess(r *http.Request) *failure {
	refused := s.access(r)
	tokens := s.opts.Tokens()
	if refused == nil || !tokens.Required(auth.Metrics) {
		return refused
	}
	token := s.presented(r)
	if token == "" {
		return &failure{http.StatusUnauthorized, "a token with the metrics or the admin right is needed: send X-Authorization or Authorization: Bearer"}
	}
	return checkToken(token, tokens, auth.Metrics)
}

// presented is the token that a request has, or its session began with; or "".
func (s *Server) presented(r *http.Request) string {
	if token := tokenOf(r); token != "" {
		return token
	}
	return s.sessions.tokenOf(r)
}

// checkToken returns why a token does not open what takes a right; nil if it does.
// The pages and the metrics are about all namespaces, so a token for some of them is
// not enough.
func checkToken(token string, tokens *auth.Table, right auth.Right) *failure {
	grant, ok := tokens.Grant([]byte(token), right)
	switch {
	case !ok:
		return &failure{http.StatusUnauthorized, fmt.Sprintf("this token is not known, or does not have the %v right", right)}
	case !grant.Allows([]byte("/")):
		return &failure{http.StatusForbidden, "this token is for some namespaces only, and these pages are about all of them"}
	}
	return nil
}

func tokenOf(r *http.Request) string {
	if token := r.Header.Get("X-Authorization"); token != "" {
		return token
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return ""
}

// forwardingFields are what a proxy adds: behind one, every client seems local.
var forwardingFields = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}

// isLocal tells whether a request comes from this machine, and not by way of a
// proxy. Its Host must be local, too, or a page of the web could have its own name
// point here and read ours (DNS rebinding).
func isLocal(r *http.Request) bool {
	for _, field := range forwardingFields {
		if r.Header.Get(field) != "" {
			return false
		}
	}
	return isLocalPeer(r) && isLocalName(r.Host)
}

// isLocalPeer tells whether a connection's peer is on this machine, and where that
// has sent a PROXY line (which anybody can, if nobody is kept from it), the client
// in there as well.
func isLocalPeer(r *http.Request) bool {
	if handed := handedConn(r); handed != nil && handed.ProxyProtocol && !handed.ForwardedAddr.IsLoopback() {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err != nil || peer.Addr().Unmap().IsLoopback() // what has no address is a unix socket
}

func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// sessions are the browsers that have signed in. A cookie holds a random name and
// not the token, and is good only while the token is.
type sessions struct {
	mu sync.Mutex
	by map[string]session
}

type session struct {
	token string
	ends  time.Time
}

const cookieName = "ssed_admin"

// tokenOf returns the token that a request's session began with, or "".
func (s *sessions) tokenOf(r *http.Request) string {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.by[cookie.Value]; ok && time.Now().Before(found.ends) {
		return found.token
	}
	return ""
}

// begin makes a session and returns its name. When there are too many, those that
// have ended go, and then any one.
func (s *sessions) begin(token string) (name string) {
	name = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string]session{}
	}
	for other, found := range s.by {
		if len(s.by) >= sessionsMax || time.Now().After(found.ends) {
			delete(s.by, other)
		}
	}
	s.by[name] = session{token, time.Now().Add(sessionLife)}
	return name
}

func (s *sessions) end(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, name)
}
