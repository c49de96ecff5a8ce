package testtool

import (
	"flag"
	"runtime"
	"strconv"
	"testing"
)

// RunWaiting runs the tests of a package in which parallel tests mostly wait for a process or a
// timeout. Unless the flag -parallel is given, it runs more of them at the same time than the
// machine has cores. Main does the same.
func RunWaiting(m *testing.M) (code int) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", strconv.Itoa(atOnce()))
	}
	return m.Run()
}

// atOnce returns how many parallel tests run at the same time. Under the race detector each test is
// several times as much work, so atOnce returns the default of the go command.
func atOnce() int {
	if Race {
		return runtime.GOMAXPROCS(0)
	}
	return 8
}
