package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/ssed/ssed/internal/listen"
)

const (
	healthPath     = "/healthz"
	healthBytesMax = 1 << 10 // of the answer: it is one line
)

type healthcheckCommand struct {
	Config  string        `placeholder:"FILE" help:"The daemon's configuration file, for its listen. Default: no file."`
	Listen  []string      `placeholder:"ADDR" default:":8001" help:"Where the daemon listens, as in ssed serve; the first address is asked. Default ${default}, or :$$PORT."`
	Timeout time.Duration `env:"SSED_HEALTHCHECK_TIMEOUT" placeholder:"DURATION" default:"3s" help:"How long the answer may take. Default ${default}."`

	URL string `arg:"" optional:"" help:"What to ask: http://host:port, https:// or unix:///path, with /healthz unless it has a path. Default: the daemon of this environment, by --listen."`
}

// Validate refuses a timeout or a URL that cannot work.
func (c *healthcheckCommand) Validate() error {
	if c.Timeout < time.Millisecond {
		return errors.New("--timeout: must be 1ms or more")
	}
	_, err := c.target()
	return err
}

// Run asks once. It prints one line, and fails unless the answer is 200.
func (c *healthcheckCommand) Run() error {
	target, err := c.target()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	status, words, err := target.ask(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%v does not answer within %v", target, c.Timeout)
	case err != nil:
		return fmt.Errorf("%v cannot be asked: %w", target, err)
	case status != http.StatusOK:
		return fmt.Errorf("%v is unhealthy: %d %s", target, status, words)
	}
	// Unlike other commands, it succeeds if this cannot be written: the exit code is the
	// answer, and a container must not be unhealthy because nobody reads the line.
	fmt.Printf("%v is healthy: %s\n", target, words)
	return nil
}

// A healthTarget is where a daemon answers /healthz.
type healthTarget struct {
	url    string
	socket string // the unix socket that takes the request; empty: the url's host does
}

// String returns the target as users write it.
func (t healthTarget) String() string {
	if t.socket != "" {
		return "unix://" + t.socket
	}
	return t.url
}

// target returns the URL of the argument, or of the daemon that this environment
// configures.
func (c *healthcheckCommand) target() (healthTarget, error) {
	if c.URL != "" {
		return parseHealthURL(c.URL)
	}
	if len(c.Listen) == 0 {
		return healthTarget{}, errors.New("--listen: it is empty: leave it out or fill it")
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
		return healthTarget{}, fmt.Errorf("--listen: %s is a port that only the daemon knows: say which URL to ask", address)
	}
	return healthTarget{url: "http://" + net.JoinHostPort(reachable(host), port) + healthPath}, nil
}

// reachable returns where a daemon that listens on a host is reached on this machine.
// It is an address and no name: an image of nothing but a binary may have no /etc/hosts.
func reachable(host string) string {
	switch addr, err := netip.ParseAddr(host); {
	case host == "", err == nil && addr.Unmap().Is4() && addr.IsUnspecified():
		return "127.0.0.1"
	case err == nil && addr.IsUnspecified():
		return "::1"
	}
	return host
}

// parseHealthURL reads http://host:port[/path], https:// or unix:///path. Without a
// scheme it is http.
func parseHealthURL(text string) (healthTarget, error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			return healthTarget{}, fmt.Errorf("%q: the path of a socket is absolute, as in unix:///run/ssed/http.sock", text)
		}
		return healthTarget{url: "http://localhost" + healthPath, socket: path}, nil
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return healthTarget{}, fmt.Errorf("%q is not a URL to ask: write http://host:port, https://host:port or unix:///path", text)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = healthPath
	}
	return healthTarget{url: u.String()}, nil
}

// ask returns the status and the text of the answer. It follows no redirect and uses
// no proxy: the daemon itself must answer.
func (t healthTarget) ask(ctx context.Context) (status int, words string, err error) {
	transport := &http.Transport{DisableKeepAlives: true}
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
	if answer.StatusCode == http.StatusSwitchingProtocols { // its body is the connection, which ctx does not end
		return answer.StatusCode, "", nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, healthBytesMax))
	return answer.StatusCode, printable(strings.Join(strings.Fields(string(text)), " ")), err
}
