package httpparse_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ssed/ssed/httpparse"
)

// A request arrives in two reads. Then its query is parsed.
func Example() {
	var parser httpparse.Parser
	var req httpparse.Request

	var buf []byte
	seen := 0
	for _, read := range []string{
		"GET /subscribe?ns=/pets&ns=/time+zones HTTP/1.1\r\nHo",
		"st: localhost\r\nLast-Event-ID: 7\r\n\r\n",
	} {
		buf = append(buf, read...)
		n, err := parser.Reparse(buf, seen, &req)
		fmt.Println(n, err)
		seen = len(buf)
	}

	fmt.Printf("%s %s for %s after %s\n", req.Method, req.Path, req.Host, req.Get("last-event-id"))
	var key, value []byte
	for rest := req.Query; len(rest) > 0; {
		key, value, rest = httpparse.NextPair(rest)
		plain, err := httpparse.AppendUnescapedQuery(nil, value)
		fmt.Printf("%s: %s %v\n", key, plain, err)
	}
	// Output:
	// 0 <nil>
	// 86 <nil>
	// GET /subscribe for localhost after 7
	// ns: /pets <nil>
	// ns: /time zones <nil>
}

// A refusal contains the status of the answer.
func ExampleRefusal() {
	var parser httpparse.Parser
	var req httpparse.Request
	_, err := parser.Parse([]byte("GET / HTTP/1.1\nHost: h\n\n"), &req)

	var refusal *httpparse.Refusal
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Status, refusal.Reason)
	}
	// Output: 400 a line ends in LF alone; HTTP lines end in CRLF
}

// ClientAddr finds the address of a client behind proxies. It reads X-Forwarded-For from its end.
func ExampleClientAddr() {
	var req httpparse.Request
	parser := httpparse.Parser{HeadBytesMax: httpparse.DefaultHeadBytesMax}
	_, err := parser.Parse([]byte("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.2\r\n\r\n"), &req)
	if err != nil {
		fmt.Println(err)
	}
	ours := netip.MustParsePrefix("10.0.0.0/8")
	fmt.Println(httpparse.ClientAddr(&req, netip.MustParseAddr("10.0.0.1"), ours.Contains))
	// This peer is not one of our proxies.
	fmt.Println(httpparse.ClientAddr(&req, netip.MustParseAddr("203.0.113.9"), ours.Contains))
	// Output:
	// 192.0.2.7
	// 203.0.113.9
}

// A request also has fields, which may occur several times, and the declared length of its body.
// The package does not read bodies.
func ExampleRequest() {
	var req httpparse.Request
	var parser httpparse.Parser
	_, err := parser.Parse([]byte("POST /a%2520b%3F?x=1 HTTP/1.0\r\nAccept: text/html\r\naccept: */*\r\nContent-Length: 5\r\n\r\nhello"), &req)
	if err != nil {
		fmt.Println(err)
	}
	path, err := httpparse.AppendUnescaped(nil, req.Path) // decoded once
	fmt.Printf("%s is %s, %v, in HTTP/1.%d\n", req.Target, path, err, req.Minor)
	accepts := func(f httpparse.Field) bool { return f.Is("Accept") }
	for _, field := range req.Fields { // at most FieldsMax
		if accepts(field) {
			fmt.Printf("%s: %s\n", field.Name, field.Value)
		}
	}
	fmt.Println(req.ContentLength > 0 || req.Chunked, req.ContentLength, req.Chunked, len(req.Fields) <= httpparse.FieldsMax)
	// Output:
	// /a%2520b%3F?x=1 is /a%20b?, <nil>, in HTTP/1.0
	// Accept: text/html
	// accept: */*
	// true 5 false true
}
