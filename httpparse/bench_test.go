package httpparse

import (
	"bytes"
	"testing"
)

const curlHead = "GET /subscribe/pets HTTP/1.1\r\n" +
	"Host: localhost:8001\r\n" +
	"User-Agent: curl/8.14.1\r\n" +
	"Accept: */*\r\n\r\n"

const chromiumHead = "GET /subscribe?ns=/pets&ns=/time HTTP/1.1\r\n" +
	"Host: events.example.org\r\n" +
	"Connection: keep-alive\r\n" +
	"sec-ch-ua-platform: \"Linux\"\r\n" +
	"Cache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36\r\n" +
	"Accept: text/event-stream\r\n" +
	"sec-ch-ua: \"Not;A=Brand\";v=\"99\", \"Chromium\";v=\"139\"\r\n" +
	"sec-ch-ua-mobile: ?0\r\n" +
	"Origin: https://www.example.org\r\n" +
	"Sec-Fetch-Site: same-site\r\n" +
	"Sec-Fetch-Mode: cors\r\n" +
	"Sec-Fetch-Dest: empty\r\n" +
	"Referer: https://www.example.org/\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9\r\n\r\n"

// BenchmarkParse parses request heads that arrive complete.
func BenchmarkParse(b *testing.B) {
	for _, bm := range []struct{ from, head string }{{"curl", curlHead}, {"chromium", chromiumHead}} {
		b.Run("head="+bm.from, func(b *testing.B) {
			var p Parser
			var req Request
			buf := []byte(bm.head)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if n, err := p.Parse(buf, &req); n != len(buf) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkRefuse measures the cost of invalid requests, as sent by port scanners.
func BenchmarkRefuse(b *testing.B) {
	for _, bm := range []struct {
		what, head string
		err        error
	}{
		{"tls", "\x16\x03\x01\x02\x00\x01", errTLS},
	} {
		b.Run("head="+bm.what, func(b *testing.B) {
			var p Parser
			var req Request
			buf := []byte(bm.head)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Parse(buf, &req); err != bm.err {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReparse feeds the largest head byte by byte. One op is all 16,384 calls.
func BenchmarkReparse(b *testing.B) {
	var p Parser
	var req Request
	buf := append([]byte(curlHead[:len(curlHead)-2]), "A:"...)
	buf = append(buf, bytes.Repeat([]byte("b"), DefaultHeadBytesMax-len(buf))...)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		for n := 1; n < len(buf); n++ {
			if _, err := p.Reparse(buf[:n], n-1, &req); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := p.Reparse(buf, len(buf)-1, &req); err != errHeadTooLarge {
			b.Fatal(err)
		}
	}
}
