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

// A door lets people in who have a session, below the namespace of their own.
type door struct {
	users map[string]string // a session → whose it is; in earnest a database
	log   *slog.Logger
}

// authorize runs on a goroutine of its own and may wait, for as long as ctx lets it.
// Its words are what the client reads, so they tell nothing of the database.
func (d *door) authorize(ctx context.Context, r *ssed.Request) error {
	query, err := url.ParseQuery(r.Query)
	if err != nil {
		return err // 403: this cannot become right by asking again
	}
	session := query.Get("session")
	cookies, _ := http.ParseCookie(r.Header("Cookie")) // none is an error, too
	for _, c := range cookies {
		if c.Name == "session" {
			session = c.Value
		}
	}
	user, ok := d.users[session]
	switch {
	case ctx.Err() != nil:
		return ssed.ErrRetryLater // an EventSource asks again, in some seconds
	case !ok:
		return fmt.Errorf("%w: please log in", ssed.ErrUnauthenticated) // 401
	}
	for _, ns := range r.Namespaces {
		if !nsindex.Within([]byte(ns), "/users/"+user) {
			return fmt.Errorf("%s may not hear %s", user, ns) // 403
		}
	}
	d.log.Info("somebody is let in", "user", user, "client", r.Client, "peer", r.Peer)
	return nil
}

// Authorize decides who may subscribe, by anything that the request says and by
// whatever the program knows.
func ExampleOptions_authorize() {
	quiet := slog.New(slog.DiscardHandler)
	people := door{users: map[string]string{"8f2a": "ann"}, log: quiet}
	server, err := ssed.New(ssed.Options{
		Listen:           []string{"127.0.0.1:0"},
		TrustedProxies:   []string{"127.0.0.1"}, // whose word Request.Client is
		Authorize:        people.authorize,
		AuthorizeMax:     100,             // as many as the database takes at once
		AuthorizeTimeout: 2 * time.Second, // then the client is told to come back
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
		ask.Header.Set("Cookie", "theme=dark") // somebody else's
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
	// ann may not hear /users/bob/mail
	// 401 Unauthorized
	// it is not known who asks: please log in
}
