package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	answerBytesMax = 256 << 20 // a hundred thousand namespaces, with long names
	// silenceMax is how long the samples, one a second, may fail to come.
	silenceMax = 10 * time.Second
)

// A Client asks the admin pages of one daemon.
type Client struct {
	base  string // "http://localhost:8001", without a slash at the end
	where string // as people write it
	token string
	http  *http.Client
}

// NewClient makes a client of the daemon at an address: http://host:port,
// https://, host:port alone, or unix:///path. What is below the host is where a
// proxy has the daemon. The token may be empty.
func NewClient(address, token string) (*Client, error) {
	c := &Client{token: token, where: string(clean(address))}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: answerTimeout}
	// A redirect could lead elsewhere, and would take the token along.
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("%q: the path of a socket is absolute, as in unix:///run/ssed.sock", c.where)
		}
		c.base = "http://localhost" // these names are the only ones that a daemon takes for local
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
		return nil, fmt.Errorf("%q is not where a daemon could be, such as http://localhost:8001 or unix:///run/ssed.sock", c.where)
	}
	c.where = u.Scheme + "://" + u.Host + strings.TrimSuffix(strings.TrimSuffix(u.EscapedPath(), "/"), "/admin")
	c.base = c.where
	return c, nil
}

// status asks for the figures, and the connections of a query.
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

// namespaces asks who hears what.
func (c *Client) namespaces(ctx context.Context) ([]set, error) {
	var answer struct {
		Namespaces []set `json:"namespaces"`
	}
	err := c.get(ctx, "/admin/namespaces.json", &answer)
	return answer.Namespaces, err
}

// disconnect closes a connection; gone tells that there was none any more.
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

// live gives the daemon's samples as they come: first those of the last ten
// minutes, with begin set. It returns what ended it, never nil.
func (c *Client) live(ctx context.Context, each func(samples []sample, begin bool)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(silenceMax, func() { cancel(fmt.Errorf("nothing came for %v", silenceMax)) })
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
		return errors.New("it has closed the connection")
	}
	return err
}

// give decodes one event of the stream of samples.
func give(e sse.Event, each func([]sample, bool)) error {
	samples := make([]sample, 1)
	var err error
	switch e.Name {
	case "history":
		err = json.Unmarshal([]byte(e.Data), &samples)
	case "sample":
		err = json.Unmarshal([]byte(e.Data), &samples[0])
	default:
		return nil // of a later version
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
	if err := json.NewDecoder(io.LimitReader(res.Body, answerBytesMax)).Decode(into); err != nil {
		return fmt.Errorf("%s does not answer as ssed does: %s", c.where, clean(err.Error()))
	}
	return nil
}

// do asks, and returns an answer that is not a refusal.
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
