package loop

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/pires/go-proxyproto"
)

// FuzzProxyLine verifies that the end of a PROXY header does not depend on how the bytes are split,
// and that the library reads the same header from the stream, up to the same end.
func FuzzProxyLine(f *testing.F) {
	for _, line := range []string{"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\nGET", "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY UNKNOWN\r\n", "PROXY \n", "GET / HTTP/1.1\r\n",
		string(proxyV2Signature) + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xe8\x00\x50GET", string(proxyV2Signature) + "\x20\x00\x00\x00", string(proxyV2Signature) + "\x21\x11\xff\xff"} {
		f.Add([]byte(line), uint16(len(line)/2))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		n, ok := proxyHeaderEnd(in)
		if n < 0 || n > len(in) || n > 0 && !ok {
			t.Fatalf("%q ends at %d, %v", in, n, ok)
		}
		begun := in[:int(cut)%(len(in)+1)]
		if m, good := proxyHeaderEnd(begun); m > 0 && m != n || !good && ok || good && m == 0 && n > 0 && n <= len(begun) {
			t.Fatalf("%q ends at %d, %v; its first %d bytes at %d, %v", in, n, ok, len(begun), m, good)
		}
		if n == 0 {
			return
		}
		addr, err := parseProxyHeader(in[:n])
		if err != nil {
			return
		}
		stream := bufio.NewReaderSize(bytes.NewReader(in), 16<<10)
		header, err := proxyproto.Read(stream)
		if err != nil {
			t.Fatalf("%q is valid on its own, but in a stream the library returns %v", in[:n], err)
		}
		if rest, _ := stream.Peek(len(in)); len(rest) != len(in)-n && len(in) <= 16<<10 {
			t.Fatalf("%q ends at %d, but the library reads %d bytes", in, n, len(in)-len(rest))
		}
		if local := header.Command.IsLocal(); local && addr.IsValid() {
			t.Fatalf("%q contains no address, but the library returns %v", in[:n], addr)
		}
	})
}
