package proxies

import "time"

// haproxy is HAProxy with deploy/haproxy.cfg.
var haproxy = proxy{
	name:    "haproxy",
	program: "haproxy",
	config:  "haproxy.cfg",
	args:    haproxyArgs,
	check:   withFlag("-c"),
	trust:   []string{"--trusted-proxy=" + proxySource},
	edits: func(at site, idle time.Duration) []edit {
		return append(haproxyEdits(at, idle),
			edit{haproxyServer + "\n", "server ssed " + at.daemon + "\n"},
			edit{"#" + haproxyServer + " send-proxy-v2\n", "\n"})
	},
}

// haproxyV2 is the variant with the PROXY protocol, which is a comment in deploy/haproxy.cfg.
var haproxyV2 = proxy{
	name:    "haproxy with send-proxy-v2",
	program: "haproxy",
	config:  "haproxy.cfg",
	args:    haproxyArgs,
	check:   withFlag("-c"),
	trust:   []string{"--proxy-protocol", "--trusted-proxy=" + proxySource},
	edits: func(at site, idle time.Duration) []edit {
		return append(haproxyEdits(at, idle),
			edit{"    " + haproxyServer + "\n", "\n"},
			edit{"#" + haproxyServer + " send-proxy-v2\n", "server ssed " + at.daemon + " send-proxy-v2\n"})
	},
}

const haproxyServer = "server ssed 127.0.0.1:8001"

func haproxyArgs(config, _ string) []string {
	return []string{"-db", "-f", config} // -db: in the foreground
}

// haproxyEdits returns the edits that both variants need.
func haproxyEdits(at site, idle time.Duration) []edit {
	return []edit{
		// Addresses.
		{"bind :80 tcp-ut 60s\n", "bind " + at.listen + " tcp-ut 60s\n"},
		// Paths, and the user: HAProxy keeps the user of the test.
		{"log /dev/log local0\n", "log stdout format raw local0\n"},
		{"user haproxy\n", "\n"},
		{"group haproxy\n", "\n"},
		{"chroot /var/lib/haproxy\n", "\n"},
		// The limits of this machine.
		{"maxconn 30000\n", "maxconn 1000\n"},
		// The idle timeout that tests wait for.
		{"timeout server " + spelled(idleShipped) + "\n", "timeout server " + spelled(idle) + "\n"},
	}
}
