package evioserver

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

type nowhere struct{ sequence uint64 }

func (n *nowhere) Publish(_, _, _ []byte) (uint64, error) {
	n.sequence++
	return n.sequence, nil
}

// BenchmarkLines publishes lines with 64 bytes of data, pipelined, on one TCP connection. One op is
// one line.
func BenchmarkLines(b *testing.B) {
	for _, quiet := range []string{"on", "off"} {
		b.Run("quiet="+quiet, func(b *testing.B) {
			s := New(Options{Listen: []string{tcp()}, Sink: &nowhere{}})
			go s.Serve()
			<-s.Ready()
			defer s.Shutdown(b.Context())
			conn, err := net.Dial("tcp", s.Addrs()[0].String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			line := "PUB /pets/dogs new-dog " + strings.Repeat("x", 64) + "\n"
			b.SetBytes(int64(len(line)))
			b.ResetTimer()
			go send(conn, "QUIET "+quiet+"\n", line, b.N)
			if _, err := io.Copy(io.Discard, conn); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func send(conn net.Conn, first, line string, count int) {
	const batch = 1000
	fmt.Fprint(conn, first)
	lines := strings.Repeat(line, batch)
	for ; count > 0; count -= batch {
		io.WriteString(conn, lines[:min(count, batch)*len(line)])
	}
	conn.(*net.TCPConn).CloseWrite()
}
