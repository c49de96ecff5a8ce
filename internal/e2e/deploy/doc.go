// Package deploy tests what deploy/ and the Makefile ship beside the proxies'
// configurations: the systemd unit, the static binary of the Dockerfile, and the
// Debian package.
//
// It holds tests only. The one invariant: what is tested is what is shipped. Commands
// come out of the Dockerfile and the Makefile, and are not repeated here.
package deploy
