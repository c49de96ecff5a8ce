package admin

import (
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"
)

//go:embed web
var files embed.FS

// Handler returns all pages, for a server of the caller's own.
func (s *Server) Handler() http.Handler {
	web, err := fs.Sub(files, "web")
	if err != nil {
		panic(err) // the folder is embedded
	}
	pages := http.StripPrefix("/admin/", http.FileServerFS(web))

	guarded := http.NewServeMux()
	guarded.Handle("GET /admin/", bounded(pages))
	guarded.Handle("GET /admin/status.json", bounded(jsonHandler(s.status)))
	guarded.Handle("GET /admin/namespaces.json", bounded(jsonHandler(s.namespaces)))
	guarded.HandleFunc("GET /admin/live", s.live)
	guarded.Handle("POST /admin/disconnect", bounded(jsonHandler(s.disconnect)))
	guarded.Handle("POST /admin/publish", bounded(jsonHandler(s.publish)))
	guarded.Handle("GET /metrics", bounded(s.metrics()))
	if s.opts.Debug {
		guarded.HandleFunc("/debug/pprof/", pprof.Index)
		guarded.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		guarded.HandleFunc("/debug/pprof/profile", pprof.Profile)
		guarded.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		guarded.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}

	open := http.NewServeMux()
	open.Handle("/", s.guard(s.access, guarded))
	open.Handle("/metrics", s.guard(s.metricsAccess, guarded))
	open.Handle("GET /admin", http.RedirectHandler("/admin/", http.StatusPermanentRedirect))
	// The login form looks like the page, before anybody has signed in.
	open.Handle("GET /admin/style.css", bounded(pages))
	open.Handle("GET /admin/icon.svg", bounded(pages))
	open.Handle("GET /admin/healthz", bounded(http.HandlerFunc(s.healthz)))
	open.Handle("GET /admin/login", bounded(http.HandlerFunc(s.loginForm)))
	open.Handle("POST /admin/login", bounded(http.HandlerFunc(s.login)))
	open.Handle("POST /admin/logout", bounded(http.HandlerFunc(s.logout)))
	return s.secure(http.NewCrossOriginProtection().Handler(open))
}

// secure sets what every answer has: no page of others may frame, sniff or keep
// ours, and ours may load nothing of others.
func (s *Server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connect := "'self'"
		if origin, _, elsewhere := strings.Cut(s.subscribeURL(r), "/subscribe"); elsewhere && origin != "" {
			connect += " " + origin
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; connect-src "+connect+"; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if handedConn(r) != nil {
			// Browsers and proxies keep connections for whatever they ask this port
			// next, and a subscription is the loop's business, not ours.
			h.Set("Connection", "close")
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyBytesMax)
		next.ServeHTTP(w, r)
	})
}

// bounded gives an answer a time in which its client must take it.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// It fails only for writers that are no connection, in tests.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(requestTimeout))
		next.ServeHTTP(w, r)
	})
}

// A failure is an error with the status that it is answered with.
type failure struct {
	status int
	words  string
}

// Error is that of error.
func (f *failure) Error() string { return f.words }

// jsonHandler makes a handler of a function that returns the value to send as JSON, or
// rendered JSON; nil is an answer without a body. Errors are JSON, too:
// {"error": "what was wrong"}.
func jsonHandler(f func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value, err := f(r)
		status := http.StatusOK
		switch failed, ok := errors.AsType[*failure](err); {
		case ok:
			status, value = failed.status, map[string]string{"error": failed.words}
		case err != nil:
			status, value = http.StatusServiceUnavailable, map[string]string{"error": "the event loop does not answer: " + err.Error()}
		case value == nil:
			w.WriteHeader(http.StatusNoContent)
			return
		}
		body, ready := value.(rendered)
		if !ready {
			body = render(value)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body) // it fails when the client has gone
	})
}
