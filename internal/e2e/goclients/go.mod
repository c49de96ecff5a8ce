module github.com/ssed/ssed/internal/e2e/goclients

go 1.26.0

require (
	github.com/r3labs/sse/v2 v2.10.0
	github.com/ssed/ssed v0.0.0
	github.com/tmaxmax/go-sse v0.11.0
	gopkg.in/cenkalti/backoff.v1 v1.1.0
)

require (
	golang.org/x/net v0.0.0-20191116160921-f9c825593386 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/ssed/ssed => ../../..
