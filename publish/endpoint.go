package publish

import "github.com/ssed/ssed/internal/listen"

// An Endpoint is where publishers connect.
type Endpoint = listen.Endpoint

// ParseEndpoint reads "tcp://host:port" or "unix:///path". An empty host means
// every address of the machine, port 0 any free port.
func ParseEndpoint(url string) (Endpoint, error) { return listen.ParseEndpoint(url) }
