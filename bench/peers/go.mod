module github.com/ssed/ssed/bench/peers

go 1.26.0

require (
	github.com/mroth/sseserver v1.1.2
	github.com/ssed/ssed v0.0.0
)

require (
	github.com/GeertJohan/go.rice v1.0.3 // indirect
	github.com/azer/debug v0.0.0-20141116004914-4769e572857f // indirect
	github.com/azer/go-style v0.0.0-20130627093536-14e31c5abbe5 // indirect
	github.com/daaku/go.zipexe v1.0.2 // indirect
)

replace github.com/ssed/ssed => ../..
