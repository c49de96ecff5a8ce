package admin_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStatusDuringChurn polls status.json while clients connect and disconnect. This crashed
// mroth/sseserver. It is most useful with the race detector.
func TestStatusDuringChurn(t *testing.T) {
	h := serve(t)
	stop := make(chan struct{})
	var churn sync.WaitGroup
	for i := range 8 {
		churn.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
				if err != nil {
					t.Error(err)
					return
				}
				c.SetDeadline(time.Now().Add(patience))
				fmt.Fprintf(c, "GET /subscribe/%d/%d HTTP/1.1\r\nHost: x\r\nUser-Agent: %d\r\n\r\n", i, n%10, n)
				io.ReadFull(c, make([]byte, 15))
				if n%3 == 0 {
					c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
			}
		})
	}
	for range 100 {
		for _, path := range []string{"/admin/status.json", "/admin/status.json?sort=backlog&limit=5", "/admin/namespaces.json", "/metrics"} {
			if code, answer, _ := h.ask(t, "GET", path, ""); code != 200 {
				t.Fatal(code, answer)
			}
		}
	}
	close(stop)
	churn.Wait()
}
