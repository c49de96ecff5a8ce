package httpparse_test

import (
	"errors"
	"fmt"

	"github.com/ssed/ssed/httpparse"
)

// A request that comes in two reads, and then its query.
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

// A refusal knows its status.
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
