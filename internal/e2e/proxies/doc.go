// Package proxies tests the daemon behind real nginx, HAProxy and Caddy, with exactly the
// configurations that deploy/ ships.
//
// It holds tests only. The one invariant: a test changes a configuration only by the edits in
// nginx_test.go, haproxy_test.go and caddy_test.go. They set addresses, paths, this machine's
// limits, and the idle timeout if a test waits for it. An edit that finds nothing to change fails
// the test, so that the tests always use what is shipped.
package proxies
