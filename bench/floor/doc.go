// Command floor is the least that one thread can do to be a Server-Sent Events daemon: it is what
// every other number of the bench is a ratio of. It accepts subscribers on one port and publishers
// on another, finds line ends, frames each PUB line once into one log, and hands every subscriber
// everything it has not had with one write.
//
// It leaves out what a daemon must have: namespaces (every subscriber hears everything), a request
// parser, checks, timers, limits. It keeps what would make the comparison a lie: no byte it
// answered OK to is lost. A subscriber whose socket is full is remembered by its place in the log
// and goes on when the socket has room.
//
// The invariant: one locked thread, no other goroutine, no garbage collector, raw system calls
// only.
//
// floor.go is the loop, publisher.go the way in, subscriber.go the way out.
package main
