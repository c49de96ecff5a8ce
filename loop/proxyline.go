package loop

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// The PROXY protocol (haproxy.org, proxy-protocol.txt): a proxy sends one line of text (version 1)
// or a binary header (version 2) before everything else. A library parses it. This file only finds
// its end, because the library needs all of it.
const (
	proxyV1BytesMax = 107 // section 2.1
	proxyV2Prefix   = 16
	proxyV2BytesMax = 2048 // addresses take up to 216 bytes; the rest is for extensions
)

var proxyV2Signature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// proxyHeaderEnd returns the length of the PROXY header at the start of in. n is 0 if more bytes
// are needed. ok is false if in does not start with a PROXY header.
func proxyHeaderEnd(in []byte) (n int, ok bool) {
	begin := func(what []byte) bool { return bytes.HasPrefix(in, what) || bytes.HasPrefix(what, in) }
	switch {
	case begin([]byte("PROXY ")):
		if lf := bytes.IndexByte(in, '\n'); lf >= 0 && lf < proxyV1BytesMax {
			return lf + 1, true
		}
		return 0, len(in) < proxyV1BytesMax
	case begin(proxyV2Signature):
		if len(in) < proxyV2Prefix {
			return 0, true
		}
		n = proxyV2Prefix + int(binary.BigEndian.Uint16(in[14:]))
		if n > proxyV2BytesMax {
			return 0, false
		}
		if len(in) < n {
			return 0, true
		}
		return n, true
	}
	return 0, false
}

// parseProxyHeader parses a complete PROXY header. The address is not valid if the header has none.
// That is the case for LOCAL and UNKNOWN, which a proxy uses for its own health checks.
func parseProxyHeader(header []byte) (netip.Addr, error) {
	parsed, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(header), len(header)))
	if err != nil {
		return netip.Addr{}, err
	}
	if tcp, ok := parsed.SourceAddr.(*net.TCPAddr); ok && parsed.Command == proxyproto.PROXY {
		return tcp.AddrPort().Addr().Unmap(), nil
	}
	return netip.Addr{}, nil
}
