package ssed_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/nsindex"
)

// An authorizer admits users with a session, to namespaces below their own.
type authorizer struct {
	users map[string]string // from a session to its user; in a real program, a database
	log   *slog.Logger
}

// authorize runs on its own goroutine and may block until ctx ends. The client sees the text of the
// error, so it contains no details of the database.
func (a *authorizer) authorize(ctx context.Context, r *ssed.Request) error {
	query, err := url.ParseQuery(r.Query)
	if err != nil {
		return err // 403: a retry would not help
	}
	session := query.Get("session")
	cookies, _ := http.ParseCookie(r.Header("Cookie")) // a missing header is an error, too
	for _, c := range cookies {
		if c.Name == "session" {
			session = c.Value
		}
	}
	user, ok := a.users[session]
	switch {
	case ctx.Err() != nil:
		return ssed.ErrRetryLater // an EventSource retries after some seconds
	case !ok:
		return fmt.Errorf("%w: please log in", ssed.ErrUnauthenticated) // 401
	}
	for _, ns := range r.Namespaces {
		if !nsindex.Within([]byte(ns), "/users/"+user) {
			return fmt.Errorf("%s may not subscribe to %s", user, ns) // 403
		}
	}
	a.log.Info("access granted", "user", user, "client", r.Client, "peer", r.Peer)
	return nil
}

// Authorize decides which clients may subscribe, from the request and the program's own data.
func ExampleOptions_authorize() {
	quiet := slog.New(slog.DiscardHandler)
	accounts := authorizer{users: map[string]string{"8f2a": "ann"}, log: quiet}
	server, err := ssed.New(ssed.Options{
		Listen:           []string{"127.0.0.1:0"},
		TrustedProxies:   []string{"127.0.0.1"}, // its X-Forwarded-For sets Request.Client
		Authorize:        accounts.authorize,
		AuthorizeMax:     100,             // the number of connections to the database
		AuthorizeTimeout: 2 * time.Second, // then the client is asked to retry later
		Drain:            -1,
		Logger:           quiet,
	})
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	<-server.Ready()
	defer server.Shutdown(context.Background())

	for _, path := range []string{"/users/ann/mail?session=8f2a", "/users/bob/mail?session=8f2a", "/users/ann/mail"} {
		ask, _ := http.NewRequest("GET", "http://"+server.ListenAddrs()[0].String()+"/subscribe"+path, nil)
		ask.Header.Set("Cookie", "theme=dark") // a cookie of another application
		res, err := http.DefaultClient.Do(ask)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(res.Status)
		if res.StatusCode != 200 {
			io.Copy(os.Stdout, res.Body)
		}
		res.Body.Close()
	}
	// Output:
	// 200 OK
	// 403 Forbidden
	// ann may not subscribe to /users/bob/mail
	// 401 Unauthorized
	// authentication required: please log in
}
