// Package proxies tests the daemon behind real nginx, HAProxy and Caddy, with the
// very configurations that deploy/ ships.
//
// It holds tests only. The one invariant: a configuration is changed in nothing
// but what edits in nginx_test.go, haproxy_test.go and caddy_test.go list
// (addresses, paths, limits of the machine, and the idle time-out where a test
// waits for it), and an edit that finds nothing to change fails the test. So what
// is shipped is what is tested.
package proxies
