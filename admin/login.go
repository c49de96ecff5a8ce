package admin

import (
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/ssed/ssed/auth"
)

var loginPage = template.Must(template.ParseFS(files, "web/login.html"))

// loginBytesMax is plenty for a token, percent-encoded.
const loginBytesMax = 4 << 10

// failures counts sign-ins that failed, so that the log tells of them once a second
// at most.
type failures struct {
	mu    sync.Mutex
	told  time.Time
	count int
}

// add returns how many are to be told of now; 0 if it is too early.
func (f *failures) add(now time.Time) (tell int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if now.Sub(f.told) < time.Second {
		return 0
	}
	tell, f.count, f.told = f.count, 0, now
	return tell
}

func (s *Server) loginForm(w http.ResponseWriter, r *http.Request) {
	if !s.opts.Tokens().Required(auth.Admin) {
		http.Redirect(w, r, "/admin/", http.StatusSeeOther) // there is nothing to sign in with
		return
	}
	s.showLogin(w, http.StatusOK, "")
}

func (s *Server) showLogin(w http.ResponseWriter, status int, problem string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = loginPage.Execute(w, problem) // it fails when the client has gone
}

// login begins a session for a browser that has a good token.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, loginBytesMax)
	token := r.PostFormValue("token")
	if refused := checkToken(token, s.opts.Tokens(), auth.Admin); refused != nil {
		if n := s.failures.add(time.Now()); n > 0 {
			s.opts.Logger.Warn("sign-ins to the admin pages failed", "sign_ins", n, "last_client", r.RemoteAddr)
		}
		s.showLogin(w, refused.status, refused.words)
		return
	}
	s.opts.Logger.Info("somebody has signed in to the admin pages", "client", r.RemoteAddr)
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

// cookie is no script's business, is sent to these pages only, from them only, and
// not without TLS where it was set with it.
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
