# The commands of this repository. "go build", "go test" and "go run -C bench ." also work
# without make.
#
#     make                          the static binary in build/
#     make test                     the tests of the daemon's module
#     make check                    format, spelling, commit messages, vet and staticcheck
#     make race                     the tests that can race, under the race detector
#     make fuzz                     each fuzz target for some seconds
#     make bench                    all measurements, about three quarters of an hour
#     make install PREFIX=/usr DESTDIR=/tmp/root
#     make deb                      a Debian package in build/
#
# CI runs the same scripts as make check, make race and make fuzz.

PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build

# This release of nfpm takes 25 s of one core in its first run, mostly to compile its
# modules, and 1 s in later runs. It is not in go.mod, because everyone's "go mod
# download" would download it. nfpm 2.46 and later need modules that could not be
# downloaded.
NFPM = go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

# If there is a configuration file, install it and let the service read it.
CONFIG = $(wildcard deploy/ssed.toml)
SERVE  = $(PREFIX)/bin/ssed serve$(if $(CONFIG), --config /etc/ssed/ssed.toml)

# Install documents with their folders, because they link to each other.
EXAMPLES = deploy/nginx.conf deploy/haproxy.cfg deploy/Caddyfile deploy/ssed.toml deploy/three-nodes.cfg deploy/three-nodes.sh

MAN  = $(DESTDIR)$(PREFIX)/share/man/man1
DOC  = $(DESTDIR)$(PREFIX)/share/doc/ssed
UNIT = $(DESTDIR)$(PREFIX)/lib/systemd/system

.PHONY: build test check race fuzz bench install deb clean
build:
	CGO_ENABLED=0 go build -trimpath -ldflags=-s -o $(BUILD)/ssed ./cmd/ssed

test:
	go test ./...

check race fuzz:
	.ci/$@

bench:
	go run -C bench . all

install: build
	install -D -m 755 $(BUILD)/ssed $(DESTDIR)$(PREFIX)/bin/ssed
	install -d $(MAN) $(UNIT) $(DOC)
	$(BUILD)/ssed man $(MAN)
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(BUILD)/ssed completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ssed
	$(BUILD)/ssed completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_ssed
	$(BUILD)/ssed completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/ssed.fish
	sed 's|^ExecStart=.*|ExecStart=$(SERVE)|' deploy/ssed.service > $(UNIT)/ssed.service
	install -D -m 644 deploy/ssed.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/ssed.conf
	install -D -m 644 deploy/ssed.default $(DESTDIR)/etc/default/ssed
	$(if $(CONFIG),install -D -m 644 $(CONFIG) $(DESTDIR)/etc/ssed/ssed.toml)
	for file in *.md $$(find docs -type f) $(EXAMPLES); do install -D -m 644 $$file $(DOC)/$$file || exit; done
	install -m 644 LICENSE $(DOC)/copyright

# A Debian version starts with a digit, and a hyphen has a special meaning in it. A commit
# without a release gets a version that sorts below every release.
deb:
	rm -rf $(BUILD)/root
	$(MAKE) install BUILD=$(BUILD) PREFIX=/usr DESTDIR=$(BUILD)/root
	gzip -9nf $(BUILD)/root/usr/share/man/man1/*.1
	cp deploy/deb/nfpm.yaml deploy/deb/postinst deploy/deb/prerm $(BUILD)
	cd $(BUILD)/root && find etc -type f -printf '  - {src: root/%p, dst: /%p, type: config|noreplace}\n' >> ../nfpm.yaml
	version=$$($(BUILD)/ssed version | sed -n 's/^ssed v\([^ ]*\) .*/\1/p' | tr - '~') && \
	cd $(BUILD) && VERSION=$${version:-0~devel} ARCH=$$(go env GOARCH) $(NFPM) package -p deb

clean:
	rm -rf $(BUILD)
