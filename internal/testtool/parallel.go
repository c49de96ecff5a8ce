package testtool

import (
	"flag"
	"runtime"
	"strconv"
	"testing"
)

// RunWaiting runs the tests of a package whose parallel tests mostly wait, for a process
// or a time-out. It runs more of them at once than the machine has cores, unless the
// flag -parallel is given. Main does the same.
func RunWaiting(m *testing.M) (code int) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", strconv.Itoa(atOnce()))
	}
	return m.Run()
}

// atOnce is how many parallel tests run at the same time. The race detector makes each of
// them several times as much work, so there it is what the go command would choose.
func atOnce() int {
	if Race {
		return runtime.GOMAXPROCS(0)
	}
	return 8
}
