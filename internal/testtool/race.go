package testtool

// Race tells whether the test, and so what Build built, has the race detector.
// It multiplies memory, so that bounds on memory say nothing then.
const Race = raceEnabled
