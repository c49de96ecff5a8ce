// Package top shows a daemon's state live in a terminal, or once as plain text.
//
// It is a client of the admin pages (package admin) and knows nothing else of the
// daemon: a Client asks over HTTP, a model (Bubble Tea's kind: a value, and what a
// message makes of it) keeps what was answered, and its view is text.
//
// The invariant: what others chose (agents, namespaces, words of the daemon) is of
// type text, which holds nothing but printable characters. A terminal obeys
// control characters, and these come from strangers.
package top

import "github.com/ssed/ssed/top/hush"

func init() { hush.Restore() }
