package testtool

import "sync"

// AtATime calls f for 0 to n-1, on 64 goroutines. It returns the number of errors, and the first
// error.
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
