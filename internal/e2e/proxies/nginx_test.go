package proxies

import "time"

// nginx is nginx with deploy/nginx.conf.
var nginx = proxy{
	name:    "nginx",
	program: "nginx",
	config:  "nginx.conf",
	trust:   []string{"--trusted-proxy=" + proxySource},
	args: func(config, folder string) []string {
		// -e is where nginx logs errors in the configuration.
		return []string{"-p", folder, "-e", "stderr", "-c", config, "-g", "daemon off;"}
	},
	check: withFlag("-t"),
	edits: func(at site, idle time.Duration) []edit {
		return []edit{
			// Addresses.
			{"listen 80;", "listen " + at.listen + ";"},
			{"listen [::]:80;", ""},
			{"server 127.0.0.1:8001;", "server " + at.daemon + ";"},
			// Paths, which must be writable for the user of the test.
			{"user www-data;", ""},
			{"pid /run/nginx.pid;", "pid " + at.folder + "/pid;"},
			{"error_log /var/log/nginx/error.log crit;", "error_log stderr crit;"},
			{"access_log /var/log/nginx/access.log streams;", "access_log /dev/stdout streams;" +
				" client_body_temp_path " + at.folder + "/body; proxy_temp_path " + at.folder + "/proxy;" +
				" fastcgi_temp_path " + at.folder + "/fastcgi; uwsgi_temp_path " + at.folder + "/uwsgi;" +
				" scgi_temp_path " + at.folder + "/scgi;"},
			// The limits of this machine.
			{"worker_rlimit_nofile 65536;", ""},
			{"worker_connections 32768;", "worker_connections 1000;"},
			// The idle timeout that tests wait for.
			{"proxy_read_timeout " + spelled(idleShipped) + ";", "proxy_read_timeout " + spelled(idle) + ";"},
		}
	},
}
