// Package peers holds the servers that ssed is measured beside, each a command in a folder of its
// own: sseserver, r3labs, gosse, mercure and centrifuge are Go libraries, node is one file for
// Node.js, nchan is nginx. They are commands and not one with a flag so that nobody's memory holds
// the code, tables and start-up work of the others. It is a module of its own, so that they do not
// become dependencies of ssed. README.md of bench says what was changed in each, and why.
//
// All take -listen, -publish and -version, and answer GET /subscribe/<namespace>. The head of the
// answer means that the subscriber hears whatever is published from then on. Messages come in as
// ssed's lines (docs/line-protocol.txt), through package peer for all that are written in Go; only
// nchan has a way of its own, an HTTP POST to /publish/<namespace>.
//
// The tests run the real processes.
package peers
