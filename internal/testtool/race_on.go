//go:build race

package testtool

// raceEnabled reports whether the test runs with the race detector.
const raceEnabled = true
