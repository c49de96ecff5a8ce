//go:build race

package testtool

// raceEnabled tells whether the test runs with the race detector.
const raceEnabled = true
