// Package restarts tests how the real daemon begins and ends: on ports where the
// last one has just ended, or where another one still serves, and after thousands
// of subscribers have come and gone.
//
// It holds tests only. The one invariant: a test first shows that what it is about
// is there (sockets in TIME_WAIT, a daemon that serves), and only then what
// becomes of it.
package restarts
