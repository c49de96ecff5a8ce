package testtool

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// SmallDisk mounts a file system in memory with the given size, and returns its folder. It is
// unmounted when the test ends. If the test may not mount, it is skipped.
func SmallDisk(t testing.TB, bytes int) (folder string) {
	t.Helper()
	lookFirst(t, "a small disk")
	folder = t.TempDir()
	if err := unix.Mount("none", folder, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		Lack(t, "a small disk requires the right to mount file systems (%v)", err)
	}
	t.Cleanup(func() {
		// A killed process may use the disk for a moment longer.
		WaitFor(t, "the end of all use of the small disk", func() bool { return unix.Unmount(folder, 0) == nil })
	})
	return folder
}
