package loop

import (
	"bufio"
	"bytes"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/ssed/ssed/httpparse"
)

// FuzzReadWish compares what is read of a query with what net/url makes of it.
func FuzzReadWish(f *testing.F) {
	for _, query := range []string{"", "last=3", "last=-1", "last=x", "since=30s", "since=-1s", "since=2562047h", "last_event_id=a-1&lastEventId=b-2",
		"ns=/pets&last=1&since=5m&lastEventId=", "last=1&last=2", "l%61st=1", "lastEventId=%zz", "last=%31", "lastEventId=a+b%2d1"} {
		f.Add([]byte(query), []byte(nil))
	}
	f.Add([]byte("lastEventId=a-1"), []byte("b-2"))
	f.Fuzz(func(t *testing.T, query, header []byte) {
		req := &httpparse.Request{Query: query}
		if header != nil {
			req.Fields = []httpparse.Field{{Name: []byte("last-event-id"), Value: header}}
		}
		w, err := readWish(req)
		want, wantErr := modelWish(string(query), string(header))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q, %q: %v, the model has %v", query, header, err, wantErr)
		}
		if err == nil && (string(w.id) != string(want.id) || w.last != want.last || w.since != want.since || w.sinces != want.sinces) {
			t.Fatalf("%q, %q: %+v, the model has %+v", query, header, w, want)
		}
	})
}

// modelWish reads a query the plain way: all of it is decoded, and the last pair of
// a kind counts.
func modelWish(query, header string) (w wish, err error) {
	w.last = -1
	for _, pair := range bytes.Split([]byte(query), []byte("&")) {
		key, raw, _ := bytes.Cut(pair, []byte("="))
		switch string(key) { // keys are not decoded, here as in ns
		case "last", "since", "last_event_id", "lastEventId":
		default:
			continue
		}
		value, err := url.QueryUnescape(string(raw))
		if err != nil {
			return w, err
		}
		switch {
		case string(key) == "last":
			if w.last, err = strconv.Atoi(value); err != nil || w.last < 0 {
				return w, strconv.ErrRange
			}
		case string(key) == "since":
			if w.since, err = time.ParseDuration(value); err != nil || w.since < 0 {
				return w, strconv.ErrRange
			}
			w.sinces = true
		case value != "":
			w.id = []byte(value)
		}
	}
	if header != "" {
		w.id = []byte(header)
	}
	return w, nil
}

// FuzzProxyLine: wherever the bytes are cut, the line's end is the same or not there
// yet; and the line is read as the library reads it from the stream, to the same end.
func FuzzProxyLine(f *testing.F) {
	for _, line := range []string{"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\nGET", "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY UNKNOWN\r\n", "PROXY \n", "GET / HTTP/1.1\r\n",
		string(proxyV2Signature) + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xe8\x00\x50GET", string(proxyV2Signature) + "\x20\x00\x00\x00", string(proxyV2Signature) + "\x21\x11\xff\xff"} {
		f.Add([]byte(line), uint16(len(line)/2))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		n, ok := proxyLineEnd(in)
		if n < 0 || n > len(in) || n > 0 && !ok {
			t.Fatalf("%q ends at %d, %v", in, n, ok)
		}
		begun := in[:int(cut)%(len(in)+1)]
		if m, good := proxyLineEnd(begun); m > 0 && m != n || !good && ok || good && m == 0 && n > 0 && n <= len(begun) {
			t.Fatalf("%q ends at %d, %v; its first %d bytes at %d, %v", in, n, ok, len(begun), m, good)
		}
		if n == 0 {
			return
		}
		addr, err := parseProxyLine(in[:n])
		if err != nil {
			return
		}
		stream := bufio.NewReaderSize(bytes.NewReader(in), 16<<10)
		header, err := proxyproto.Read(stream)
		if err != nil {
			t.Fatalf("%q is good alone, and %v in a stream", in[:n], err)
		}
		if rest, _ := stream.Peek(len(in)); len(rest) != len(in)-n && len(in) <= 16<<10 {
			t.Fatalf("%q ends at %d, the library has read %d", in, n, len(in)-len(rest))
		}
		if local := header.Command.IsLocal(); local && addr.IsValid() {
			t.Fatalf("%q carries no address, and %v is read", in[:n], addr)
		}
	})
}
