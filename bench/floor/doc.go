// Command floor is the minimum that one thread must do as a Server-Sent Events daemon. The ratios
// of the bench compare other servers with it. It accepts subscribers on one port and publishers on
// another, and finds line ends. It appends the frame of each PUB line to one log, and sends each
// subscriber everything new with one write.
//
// It lacks features that a daemon must have: namespaces (every subscriber receives everything), a
// request parser, checks, timers and limits. It keeps the one promise without which the comparison
// would be unfair: it loses no message that it answered OK. If a subscriber's socket is full, the
// floor remembers the subscriber's position in the log and continues when the socket has room.
//
// Invariant: one locked thread, no other goroutine, no garbage collection, and only raw system
// calls.
//
// floor.go contains the loop, publisher.go the publishers and subscriber.go the subscribers.
package main
