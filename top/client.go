package top

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ssed/ssed/sse"
)

const (
	answerTimeout  = 10 * time.Second
	answerBytesMax = 256 << 20 // enough for a hundred thousand namespaces with long names
	// silenceMax is the longest time without a sample; the daemon sends one every second.
	silenceMax = 10 * time.Second
)

// A Client sends requests to the admin pages of one daemon.
type Client struct {
	base  string // "http://localhost:8001", without a slash at the end
	where string // the address for display
	token string
	http  *http.Client

	hasPath bool // the address has a path, which is rarely intended
}

// NewClient returns a client for the daemon at an address: http://host:port, https://host:port,
// host:port, or unix:///path. If the address has a path, it is the prefix under which a proxy
// serves the daemon. The token may be empty. config is for https; with nil, the client trusts the
// system's CA certificates.
func NewClient(address, token string, config *tls.Config) (*Client, error) {
	c := &Client{token: token, where: string(clean(address))}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   answerTimeout,
		ForceAttemptHTTP2:     true, // even with a TLS configuration
		ResponseHeaderTimeout: answerTimeout,
	}
	// Redirects are not followed, because the token would be sent to their target.
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("invalid address %q: expected an absolute path, such as unix:///run/ssed.sock", c.where)
		}
		c.base = "http://localhost" // the daemon accepts only a local name from clients without a token
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
		return c, nil
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("invalid address %q: expected a URL such as http://localhost:8001 or unix:///run/ssed.sock", c.where)
	}
	c.where = u.Scheme + "://" + u.Host + strings.TrimSuffix(strings.TrimSuffix(u.EscapedPath(), "/"), "/admin")
	c.base = c.where
	c.hasPath = c.base != u.Scheme+"://"+u.Host
	return c, nil
}

// status requests the figures, and the connections of a query.
func (c *Client) status(ctx context.Context, q query) (*status, error) {
	values := url.Values{"limit": {strconv.Itoa(q.limit)}, "sort": {"age"}}
	if q.slowest {
		values.Set("sort", "backlog")
	}
	if q.namespace != "" {
		values.Set("namespace", q.namespace)
	}
	answer := &status{}
	return answer, c.get(ctx, "/admin/status.json?"+values.Encode(), answer)
}

// namespaces requests the subscription sets.
func (c *Client) namespaces(ctx context.Context) ([]set, error) {
	var answer struct {
		Namespaces []set `json:"namespaces"`
	}
	err := c.get(ctx, "/admin/namespaces.json", &answer)
	return answer.Namespaces, err
}

// disconnect closes a connection. gone reports whether it was closed already.
func (c *Client) disconnect(ctx context.Context, id uint64) (gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	res, err := c.do(ctx, http.MethodPost, "/admin/disconnect", url.Values{"id": {strconv.FormatUint(id, 10)}})
	if err != nil {
		refused, ok := errors.AsType[*refusal](err)
		if ok && refused.status == http.StatusNotFound {
			return true, nil
		}
		return false, err
	}
	return false, res.Body.Close()
}

// live calls each with the daemon's samples: first with the samples of the last ten minutes and
// begin set, then with each new sample. It returns when the stream ends, with the reason, which is
// never nil.
func (c *Client) live(ctx context.Context, each func(samples []sample, begin bool)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(silenceMax, func() { cancel(fmt.Errorf("no data from the daemon for %v", silenceMax)) })
	defer silence.Stop()
	res, err := c.do(ctx, http.MethodGet, "/admin/live", nil)
	if err == nil {
		defer res.Body.Close()
		err = readEvents(res.Body, func(e sse.Event) error {
			silence.Reset(silenceMax)
			return give(e, each)
		})
	}
	switch {
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case err == io.EOF:
		return errors.New("the daemon closed the connection")
	}
	return err
}

// give decodes one event of the stream of samples, and passes its samples to each.
func give(e sse.Event, each func([]sample, bool)) error {
	samples := make([]sample, 1)
	var err error
	switch e.Name {
	case "history":
		err = json.Unmarshal([]byte(e.Data), &samples)
	case "sample":
		err = json.Unmarshal([]byte(e.Data), &samples[0])
	default:
		return nil // an unknown event of a later version
	}
	if err == nil {
		each(samples, e.Name == "history")
	}
	return err
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	res, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	// Do not read a stream: it has no end.
	if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media == "text/event-stream" {
		return fmt.Errorf("%s is not the address of admin pages; expected http://host:port", c.where)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, answerBytesMax)).Decode(into); err != nil {
		return fmt.Errorf("unexpected response from %s: expected an ssed daemon: %s", c.where, clean(err.Error()))
	}
	return nil
}

// do sends a request. It returns an error if the daemon cannot be reached or refuses the request.
func (c *Client) do(ctx context.Context, method, path string, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.token != "" {
		req.Header.Set("X-Authorization", c.token)
	}
	req.Header.Set("User-Agent", "ssed-top")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, c.refused(res)
	}
	return res, nil
}
