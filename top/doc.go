// Package top shows a daemon's state live in a terminal, or once as plain text.
//
// It is a client of the admin pages (package admin) and knows nothing else of the
// daemon: a Client asks over HTTP, a model (of Bubble Tea) keeps the answers, and
// its view is text. Nothing here runs before Run or Once is called, and the terminal
// is never asked a question.
//
// The invariant: what others chose (agents, namespaces, words of the daemon) is of
// type text, which holds nothing but printable characters. A terminal obeys
// control characters, and these come from strangers.
package top
