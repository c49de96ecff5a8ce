package admin

import (
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/ssed/ssed/auth"
)

var loginPage = template.Must(template.ParseFS(files, "web/login.html"))

// loginBytesMax limits the body of a sign-in. It is ample for a percent-encoded token.
const loginBytesMax = 4 << 10

// failures counts failed sign-ins, so that they are logged at most once a second.
type failures struct {
	mu     sync.Mutex
	logged time.Time
	count  int
}

// add counts a failed sign-in. It returns how many to log now, or 0 if the last log line is less
// than a second old.
func (f *failures) add(now time.Time) (unlogged int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if now.Sub(f.logged) < time.Second {
		return 0
	}
	unlogged, f.count, f.logged = f.count, 0, now
	return unlogged
}

func (s *Server) loginForm(w http.ResponseWriter, r *http.Request) {
	if !s.opts.Tokens().Required(auth.Admin) {
		http.Redirect(w, r, "/admin/", http.StatusSeeOther) // no token has the admin right
		return
	}
	s.showLogin(w, http.StatusOK, "")
}

func (s *Server) showLogin(w http.ResponseWriter, status int, problem string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = loginPage.Execute(w, problem) // fails if the client has disconnected
}

// login starts a session for a browser that sends a valid token.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, loginBytesMax)
	token := r.PostFormValue("token")
	if refused := checkToken(token, s.opts.Tokens(), auth.Admin); refused != nil {
		if n := s.failures.add(time.Now()); n > 0 {
			s.opts.Logger.Warn("operator sign-ins failed", "sign_ins", n, "client", r.RemoteAddr)
		}
		s.showLogin(w, refused.status, refused.words)
		return
	}
	s.opts.Logger.Info("operator signed in", "client", r.RemoteAddr)
	http.SetCookie(w, s.cookie(r, s.sessions.begin(token), sessionLife))
	http.Redirect(w, r, "/admin/", http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil {
		s.sessions.end(cookie.Value)
	}
	http.SetCookie(w, s.cookie(r, "", -time.Second))
	http.Redirect(w, r, "/admin/login", http.StatusSeeOther)
}

// cookie returns the session cookie. Scripts cannot read it. Browsers send it only to these pages
// and only from these pages. If it was set over TLS, browsers send it only over TLS.
func (s *Server) cookie(r *http.Request, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{
		Name:     cookieName,
		Value:    value,
		Path:     "/admin",
		MaxAge:   int(life.Seconds()),
		HttpOnly: true,
		Secure:   r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
		SameSite: http.SameSiteStrictMode,
	}
}
