package testtool

import "sync"

// AtATime runs f for 0 to n-1, 64 at a time, and returns how many failed and the
// first error.
func AtATime(n int, f func(i int) error) (failed int, first error) {
	var mu sync.Mutex
	var workers sync.WaitGroup
	const width = 64
	for w := range width {
		workers.Go(func() {
			for i := w; i < n; i += width {
				if err := f(i); err != nil {
					mu.Lock()
					if failed++; first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return failed, first
}
