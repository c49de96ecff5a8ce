package admin

import (
	"cmp"
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

// Handler returns the handler of all pages, for use in the caller's own server.
func (s *Server) Handler() http.Handler {
	web, err := fs.Sub(files, "web")
	if err != nil {
		panic(err) // impossible: the directory is embedded
	}
	pages := pageHandler(web)

	guarded := http.NewServeMux()
	guarded.Handle("GET /{$}", bounded(http.HandlerFunc(notFound)))
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
	// The sign-in form uses these files before the user has signed in.
	open.Handle("GET /admin/style.css", bounded(pages))
	open.Handle("GET /admin/icon.svg", bounded(pages))
	open.Handle("GET /admin/healthz", bounded(http.HandlerFunc(s.healthz)))
	open.Handle("GET /admin/login", bounded(http.HandlerFunc(s.loginForm)))
	open.Handle("POST /admin/login", bounded(http.HandlerFunc(s.login)))
	open.Handle("POST /admin/logout", bounded(http.HandlerFunc(s.logout)))
	return s.secure(http.NewCrossOriginProtection().Handler(open))
}

// pageHandler returns a handler for the files of the pages, below /admin/.
func pageHandler(web fs.FS) http.Handler {
	server := http.StripPrefix("/admin/", http.FileServerFS(web))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/admin/"), "/")
		if _, err := fs.Stat(web, cmp.Or(name, ".")); err != nil {
			notFound(w, r)
			return
		}
		server.ServeHTTP(w, r)
	})
}

// notFound answers a request for an unknown path.
func notFound(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "not found; the admin pages are at /admin/", http.StatusNotFound)
}

// secure sets the header fields of every response. They forbid other sites to frame the pages,
// browsers to sniff or cache them, and the pages to load anything from other sites.
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
			// Browsers and proxies reuse connections for any later request to this port. A
			// subscription must reach the loop, and this connection no longer belongs to it.
			h.Set("Connection", "close")
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyBytesMax)
		next.ServeHTTP(w, r)
	})
}

// bounded sets a deadline for writing the response.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// It fails only for writers without a connection, as in tests.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(requestTimeout))
		next.ServeHTTP(w, r)
	})
}

// A failure is an error with its HTTP status.
type failure struct {
	status int
	words  string
}

// Error implements error.
func (f *failure) Error() string { return f.words }

// jsonHandler returns a handler that sends the result of f as JSON. If f returns rendered JSON, it
// is sent unchanged; for nil, the response has no body. An error is sent as JSON, too: {"error":
// "..."}.
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
		_, _ = w.Write(body) // fails if the client has disconnected
	})
}
