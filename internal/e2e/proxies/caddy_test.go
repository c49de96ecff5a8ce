package proxies

import (
	"net"
	"time"
)

// caddy is Caddy with deploy/Caddyfile.
var caddy = proxy{
	name:    "caddy",
	program: "caddy",
	config:  "Caddyfile",
	trust:   []string{"--trusted-proxy=" + proxySource},
	args: func(config, _ string) []string {
		return []string{"run", "--adapter", "caddyfile", "--config", config}
	},
	check: func(run []string) []string { return append([]string{"validate"}, run[1:]...) },
	edits: func(at site, idle time.Duration) []edit {
		host, port, _ := net.SplitHostPort(at.listen)
		return []edit{
			// Addresses. Each test has its own Caddy, and none needs the admin endpoint.
			{"\n:80 {\n", "\n:" + port + " {\n\tbind " + host + "\n"},
			{"reverse_proxy 127.0.0.1:8001 {", "reverse_proxy " + at.daemon + " {"},
			{"\n\tservers {\n", "\n\tadmin off\n\tservers {\n"},
			// Paths.
			{"\n\tlog {\n", "\n\tstorage file_system " + at.folder + "\n\tlog {\n"},
			// The idle timeout that tests wait for.
			{"read_timeout " + spelled(idleShipped) + "\n", "read_timeout " + spelled(idle) + "\n"},
		}
	},
}
