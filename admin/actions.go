package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// disconnect closes the connection with the id in the form.
func (s *Server) disconnect(r *http.Request) (any, error) {
	id, err := strconv.ParseUint(r.PostFormValue("id"), 10, 64)
	if err != nil {
		return nil, &failure{http.StatusBadRequest, fmt.Sprintf("invalid id=%q: expected the id of a connection in status.json", r.PostFormValue("id"))}
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	found, err := s.opts.Daemon.Disconnect(ctx, loop.ConnID(id))
	if err == nil && !found {
		return nil, &failure{http.StatusNotFound, "no such connection: it is already closed"}
	}
	if err == nil {
		s.opts.Logger.Info("operator disconnected a subscriber", "client", r.RemoteAddr, "id", id)
	}
	return nil, err
}

// publish publishes the message in the form.
func (s *Server) publish(r *http.Request) (any, error) {
	if err := r.ParseForm(); err != nil {
		return nil, &failure{http.StatusBadRequest, "invalid form: " + err.Error()}
	}
	namespace, err := nsindex.Canonical(r.PostFormValue("namespace"))
	if err != nil {
		return nil, &failure{http.StatusBadRequest, err.Error()}
	}
	if tokens := s.opts.Tokens(); tokens.Required(auth.Publish) {
		grant, ok := tokens.Grant([]byte(s.presented(r)), auth.Publish)
		if !ok || !grant.Allows([]byte(namespace)) {
			return nil, &failure{http.StatusForbidden, "publishing to this namespace also requires the publish right: sign in with a token that has the admin and the publish right"}
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	err = s.opts.Daemon.Publish(ctx, sse.Message{
		Namespace: namespace,
		Event:     r.PostFormValue("event"),
		Data:      []byte(r.PostFormValue("data")),
	})
	switch {
	case err == nil:
		return map[string]bool{"ok": true}, nil
	case errors.Is(err, nsindex.ErrNamespace), errors.Is(err, sse.ErrEvent), errors.Is(err, sse.ErrUTF8), errors.Is(err, sse.ErrTooLong):
		return nil, &failure{http.StatusBadRequest, err.Error()}
	}
	return nil, err
}

// healthz is for load balancers. It answers 200 while the daemon serves, and 503 if the daemon is
// stopping, its loop does not answer, or its store is unfit. It requires no token.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), livenessTimeout)
	defer cancel()
	switch stats, err := s.opts.Daemon.Stats(ctx); {
	case err != nil:
		http.Error(w, "the event loop does not answer", http.StatusServiceUnavailable)
	case stats.Stopping:
		http.Error(w, "draining", http.StatusServiceUnavailable)
	default:
		if why := s.unfit(time.Now(), s.access(r) == nil); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte("serving\n"))
	}
}
