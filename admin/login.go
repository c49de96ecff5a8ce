package admin

import (
	"html/template"
	"net/http"
	"time"

	"github.com/ssed/ssed/auth"
)

var loginPage = template.Must(template.ParseFS(files, "web/login.html"))

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
	token := r.PostFormValue("token")
	if refused := s.check(token, s.opts.Tokens()); refused != nil {
		s.opts.Logger.Warn("a sign-in to the admin pages failed", "client", r.RemoteAddr)
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
