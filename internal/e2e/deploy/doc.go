// Package deploy tests the files that deploy/ and the Makefile ship, except the proxies'
// configurations: the systemd unit, the static binary of the Dockerfile, and the Debian package.
//
// It holds tests only. The one invariant: the tests use exactly the shipped files. Commands are
// read from the Dockerfile and the Makefile, not repeated here.
package deploy
