// Package restarts tests the start and the exit of the real daemon: on ports that another daemon
// has just left or still uses, and after thousands of subscribers have connected and disconnected.
//
// It holds tests only. The one invariant: a test first checks that its precondition holds, such as
// sockets in TIME_WAIT or a daemon that serves, and only then tests the result.
package restarts
