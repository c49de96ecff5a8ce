package testtool

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// SmallDisk is a folder on a disk of its own, of so many bytes, until the test ends. It
// takes the right to mount one.
func SmallDisk(t testing.TB, bytes int) (folder string) {
	t.Helper()
	lookFirst(t, "a small disk")
	folder = t.TempDir()
	if err := unix.Mount("none", folder, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		Lack(t, "a small disk needs the right to mount one (%v)", err)
	}
	t.Cleanup(func() {
		// Who used it may go on for a moment after it has ended.
		WaitFor(t, "the end of all use of the small disk", func() bool { return unix.Unmount(folder, 0) == nil })
	})
	return folder
}
