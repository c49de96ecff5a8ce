// Package peers contains the servers that ssed is compared with. Each is a command in its own
// folder: sseserver, r3labs, gosse, mercure and centrifuge are Go libraries, node is one file for
// Node.js, and nchan is nginx. They are separate commands, so that no server's memory includes the
// code, tables and start-up work of the others. They are in a separate module, so that they do not
// become dependencies of ssed. The README.md of bench lists the changes to each of them, with the
// reasons.
//
// All accept the flags -listen, -publish and -version, and answer GET /subscribe/<namespace>. Once
// a subscriber has the head of the answer, it receives every later message. Messages arrive as PUB
// lines of ssed's protocol (docs/line-protocol.txt). All Go servers read them with package peer.
// Only nchan has its own protocol, an HTTP POST to /publish/<namespace>.
//
// The tests run the real processes.
package peers
