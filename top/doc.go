// Package top shows a daemon's state live in a terminal, or once as plain text.
//
// It is a client of the admin pages (package admin), and uses no other interface of the daemon. A
// Client sends requests over HTTP, a Bubble Tea model stores the answers, and the model's view is
// text. Nothing here runs before Run or Once is called. The terminal is never queried.
//
// The invariant: every string from outside (user agents, namespaces, messages of the daemon) has
// the type text, which contains only printable characters. Control characters from untrusted
// clients must not reach the terminal, which would execute them.
package top
