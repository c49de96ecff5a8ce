package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/internal/certs"
	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/internal/reach"
)

const (
	healthPath     = "/healthz"
	healthBytesMax = 1 << 10 // limit for the response, which is one line
)

type healthcheckCommand struct {
	Config  string        `placeholder:"FILE" help:"Configuration file of the daemon, to read its listen address from. Default: no file."`
	Listen  []string      `placeholder:"ADDR" default:":8001" help:"Address of the daemon, as in ssed serve; only the first one is asked. Default ${default}, or :$$PORT if PORT is set."`
	Timeout time.Duration `env:"SSED_HEALTHCHECK_TIMEOUT" placeholder:"DURATION" default:"3s" help:"How long to wait for the response. Default ${default}."`

	tlsFlags

	URL string `arg:"" optional:"" help:"URL to ask: http://host:port, https://host:port or unix:///path; without a path it is /healthz. Default: the address in --listen."`
}

// Validate refuses a timeout or a URL that cannot work.
func (c *healthcheckCommand) Validate(ctx *kong.Context) error {
	if c.Timeout < time.Millisecond {
		return fmt.Errorf("--timeout: invalid value %v: must be 1ms or more", c.Timeout)
	}
	target, err := c.target()
	if err != nil {
		return err
	}
	return c.load(ctx, target.String(), isHTTPS(target.url))
}

// Run sends one request and prints one line. It fails unless the status is 200.
func (c *healthcheckCommand) Run() error {
	target, err := c.target()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	status, text, err := target.ask(ctx, c.config)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%v did not answer within %v", target, c.Timeout)
	case errors.Is(err, errStream):
		return fmt.Errorf("%v %w", target, err)
	case err != nil:
		return fmt.Errorf("cannot ask %v: %w", target, atFirst(reach.Reason(err), target.String()))
	case status == http.StatusBadRequest && certs.WantsTLS(text):
		return fmt.Errorf("cannot ask %v: %w", target, reach.ErrWantsTLS)
	case status != http.StatusOK:
		return fmt.Errorf("%v is unhealthy: %d %s", target, status, text)
	}
	// Unlike other commands, it succeeds if this line cannot be written. The exit code is the
	// answer, and a container must not become unhealthy because its output has no reader.
	fmt.Printf("%v is healthy: %s\n", target, text)
	return nil
}

// A healthTarget is the address at which a daemon answers /healthz.
type healthTarget struct {
	url    string
	socket string // unix socket to connect to; if empty, connect to the host of url
}

// String returns the target as users write it.
func (t healthTarget) String() string {
	if t.socket != "" {
		return "unix://" + t.socket
	}
	return t.url
}

// target returns the target of the URL argument, or of the daemon that this environment configures.
func (c *healthcheckCommand) target() (healthTarget, error) {
	if c.URL != "" {
		return parseHealthURL(c.URL)
	}
	if len(c.Listen) == 0 {
		return healthTarget{}, errors.New("--listen: must not be empty; omit it or give an address")
	}
	address := strings.TrimPrefix(c.Listen[0], "tcp://")
	if strings.Contains(address, "://") {
		return parseHealthURL(address)
	}
	if _, err := listen.ParseListen(address); err != nil {
		return healthTarget{}, fmt.Errorf("--listen: %w", err)
	}
	host, port, _ := net.SplitHostPort(address)
	if port == "0" {
		return healthTarget{}, fmt.Errorf("--listen: %s has no fixed port; give the URL to ask as an argument", address)
	}
	return healthTarget{url: "http://" + net.JoinHostPort(reachable(host), port) + healthPath}, nil
}

// reachable returns the address at which this machine reaches a daemon that listens on host. It
// returns an IP address instead of "localhost", because an image that contains only the binary may
// have no /etc/hosts.
func reachable(host string) string {
	switch addr, err := netip.ParseAddr(host); {
	case host == "", err == nil && addr.Unmap().Is4() && addr.IsUnspecified():
		return "127.0.0.1"
	case err == nil && addr.IsUnspecified():
		return "::1"
	}
	return host
}

// parseHealthURL parses http://host:port[/path], https://host:port[/path] or unix:///path. The
// default scheme is http.
func parseHealthURL(text string) (healthTarget, error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			return healthTarget{}, fmt.Errorf("invalid URL %q: expected an absolute socket path, such as unix:///run/ssed/http.sock", text)
		}
		return healthTarget{url: "http://localhost" + healthPath, socket: path}, nil
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return healthTarget{}, fmt.Errorf("invalid URL %q: expected http://host:port, https://host:port or unix:///path", text)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = healthPath
	}
	return healthTarget{url: u.String()}, nil
}

// errStream is the error for a response that is an event stream.
var errStream = errors.New("answered with a stream, not with a health report")

// ask sends the request and returns the status and text of the response. It follows no redirect and
// uses no proxy, because the daemon itself must answer.
func (t healthTarget) ask(ctx context.Context, config *tls.Config) (status int, text string, err error) {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}
	if t.socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", t.socket)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusSwitchingProtocols { // its body is the connection, which ctx does not close
		return answer.StatusCode, "", nil
	}
	if media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); media == "text/event-stream" {
		return answer.StatusCode, "", errStream // do not read it: it has no end
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, healthBytesMax))
	return answer.StatusCode, printable(strings.Join(strings.Fields(string(body)), " ")), err
}
