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

// guard calls next for the requests that access does not refuse. It redirects a browser that needs
// a token to the sign-in form.
func (s *Server) guard(access func(*http.Request) *failure, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch refused := access(r); {
		case refused == nil:
			next.ServeHTTP(w, r)
		case refused.status == http.StatusUnauthorized && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
			http.Redirect(w, r, "/admin/login", http.StatusSeeOther)
		default:
			w.Header().Set("Connection", "close") // unauthorized clients must not occupy connections
			if refused.status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			http.Error(w, refused.words, refused.status)
		}
	})
}

// access returns why a request is refused, or nil if it is allowed. If any token has the admin
// right, a request needs such a token, or a session that was started with one. Otherwise the
// request must come directly from a client on this machine.
func (s *Server) access(r *http.Request) *failure {
	tokens := s.opts.Tokens()
	if !tokens.Required(auth.Admin) {
		if isLocal(r) {
			return nil
		}
		return &failure{http.StatusForbidden, "these pages are only for clients on this machine that request localhost directly, without a proxy; to open them to other clients, give a token the admin right (--token 'TOKEN admin'), or the metrics right for /metrics alone"}
	}
	token := s.presented(r)
	if token == "" {
		return &failure{http.StatusUnauthorized, "a token with the admin right is required: send it as X-Authorization or Authorization: Bearer, or sign in at /admin/login"}
	}
	return checkToken(token, tokens, auth.Admin)
}

// metricsAccess returns why a request for /metrics is refused, or nil if it is allowed. Every
// client that may see the pages may read the metrics. Clients with a token that has the metrics
// right may read them, too. The existence of such a token does not take the access from clients on
// this machine.
func (s *Server) metricsAccess(r *http.Request) *failure {
	refused := s.access(r)
	tokens := s.opts.Tokens()
	if refused == nil || !tokens.Required(auth.Metrics) {
		return refused
	}
	token := s.presented(r)
	if token == "" {
		return &failure{http.StatusUnauthorized, "a token with the metrics or the admin right is required: send it as X-Authorization or Authorization: Bearer"}
	}
	return checkToken(token, tokens, auth.Metrics)
}

// presented returns the token of a request, or the token with which its session was started, or "".
func (s *Server) presented(r *http.Request) string {
	if token := tokenOf(r); token != "" {
		return token
	}
	return s.sessions.tokenOf(r)
}

// checkToken returns why a token is refused, or nil if it has the right. The pages and the metrics
// show all namespaces, so a token for some namespaces only is not sufficient.
func checkToken(token string, tokens *auth.Table, right auth.Right) *failure {
	grant, ok := tokens.Grant([]byte(token), right)
	switch {
	case !ok:
		return &failure{http.StatusUnauthorized, fmt.Sprintf("unknown token, or a token without the %v right", right)}
	case !grant.Allows([]byte("/")):
		return &failure{http.StatusForbidden, "this token is for some namespaces only, but these pages show all namespaces"}
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

// forwardingFields are header fields that proxies add. Behind a proxy on this machine, every client
// seems local.
var forwardingFields = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}

// isLocal reports whether a request comes directly from a client on this machine, without a proxy.
// Its Host must be local, too. Otherwise any web page could let its own domain name point to this
// machine and read our pages (DNS rebinding).
func isLocal(r *http.Request) bool {
	for _, field := range forwardingFields {
		if r.Header.Get(field) != "" {
			return false
		}
	}
	return isLocalPeer(r) && isLocalName(r.Host)
}

// isLocalPeer reports whether the peer of a connection is on this machine. If the peer has sent a
// PROXY header, the client address in it must be local, too. The header alone proves nothing,
// because any client that can reach the port can send one.
func isLocalPeer(r *http.Request) bool {
	if handed := handedConn(r); handed != nil && handed.ProxyProtocol && !handed.ForwardedAddr.IsLoopback() {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err != nil || peer.Addr().Unmap().IsLoopback() // a peer on a unix socket has no address
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

// sessions are the sessions of browsers that have signed in. The cookie contains a random name, not
// the token. A session is valid only as long as its token.
type sessions struct {
	mu sync.Mutex
	by map[string]session
}

type session struct {
	token string
	ends  time.Time
}

const cookieName = "ssed_admin"

// tokenOf returns the token with which a request's session was started, or "".
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

// begin starts a session and returns its name. It deletes the sessions that have expired, and any
// other sessions while there are too many.
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
