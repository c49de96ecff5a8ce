package proxies

import "time"

var haproxy = proxy{
	name:   "haproxy",
	config: "haproxy.cfg",
	args: func(config, _ string) []string {
		return []string{"-db", "-f", config}
	},
	edits: func(at site, idle time.Duration) []edit {
		return []edit{
			// Addresses.
			{"bind :80 tcp-ut 60s\n", "bind " + at.listen + " tcp-ut 60s\n"},
			{"    server ssed 127.0.0.1:8001\n", "    server ssed " + at.daemon + "\n"},
			{"    #server ssed 127.0.0.1:8001 send-proxy-v2\n", ""},
			// Paths, and who it becomes: it stays who runs the test.
			{"    log /dev/log local0\n", "    log stdout format raw local0\n"},
			{"    user haproxy\n", ""},
			{"    group haproxy\n", ""},
			{"    chroot /var/lib/haproxy\n", ""},
			// Limits of this machine.
			{"maxconn 30000\n", "maxconn 1000\n"},
			// The time that tests wait for.
			{"timeout server " + seconds(idleShipped) + "\n", "timeout server " + seconds(idle) + "\n"},
		}
	},
}

// overProxyProtocol are the edits that turn on the variant which deploy/ ships as
// a comment. They come after the others, so the daemon's address is known.
func overProxyProtocol(p proxy) []edit { return nil }
