package main

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/store"
)

// storeFlags configure the store, which keeps messages outside this process: an embedded store, or
// NATS servers that several daemons share. daemonHelp describes the flags.
type storeFlags struct {
	Store     string   `group:"store" placeholder:"DIR"`
	StoreSync syncRule `group:"store" placeholder:"always|INTERVAL" default:"1s"`

	NATS          []string `name:"nats" group:"store" placeholder:"URL" secret:""` // URLs may contain a password
	NATSCredsFile string   `name:"nats-creds-file" group:"store" placeholder:"FILE"`
	NATSCAFile    string   `name:"nats-ca-file" group:"store" placeholder:"FILE"`
	NATSCertFile  string   `name:"nats-cert-file" group:"store" placeholder:"FILE"`
	NATSKeyFile   string   `name:"nats-key-file" group:"store" placeholder:"FILE"`

	NATSStream             string        `name:"nats-stream" group:"store" placeholder:"NAME" default:"${nats_stream}"`
	NATSStreamAge          time.Duration `name:"nats-stream-age" group:"store" placeholder:"DURATION" default:"0s"`
	NATSStreamBytes        byteSize      `name:"nats-stream-bytes" group:"store" placeholder:"SIZE" default:"${nats_stream_bytes}"`
	NATSStreamPerNamespace int           `name:"nats-stream-per-namespace" group:"store" placeholder:"N" default:"0"`
	NATSStreamReplicas     int           `name:"nats-stream-replicas" group:"store" placeholder:"N" default:"1"`
	NATSStreamUpdate       bool          `name:"nats-stream-update" group:"store"`

	NATSTimeout time.Duration `name:"nats-timeout" group:"store" placeholder:"DURATION" default:"${nats_timeout}"`
}

// A syncRule is the value of --store-sync: "always", or an interval.
type syncRule struct {
	always   bool
	interval time.Duration
}

// UnmarshalText parses a rule. Kong calls it.
func (r *syncRule) UnmarshalText(text []byte) error {
	if string(text) == "always" {
		*r = syncRule{always: true}
		return nil
	}
	interval, err := time.ParseDuration(string(text))
	if err != nil || interval < 10*time.Millisecond {
		return fmt.Errorf("invalid value %q: expected always, or an interval of 10ms or more, such as 1s", text)
	}
	*r = syncRule{interval: interval}
	return nil
}

// String returns a rule in the form that UnmarshalText parses.
func (r syncRule) String() string {
	if r.always {
		return "always"
	}
	return r.interval.String()
}

// hasStore reports whether the flags configure a store.
func (f *storeFlags) hasStore() bool { return f.Store != "" || len(f.NATS) > 0 }

// newStore creates the daemon's connection to its store. Messages with a reserved event name are
// not delivered.
func (f *daemonFlags) newStore(reserved sse.ReservedEvents, memory memoryLimit, log *slog.Logger) (*store.Store, error) {
	options := f.storeOptions(memory)
	options.Reserved, options.Logger = reserved, log
	made, err := store.New(options)
	return made, f.asFlagErrors(err)
}

// storeOptions returns the store's options that flags determine.
func (f *daemonFlags) storeOptions(memory memoryLimit) store.Options {
	options := store.Options{
		Servers: store.Servers{
			URLs:            f.NATS,
			CredentialsFile: f.NATSCredsFile,
			CAFile:          f.NATSCAFile,
			CertFile:        f.NATSCertFile,
			KeyFile:         f.NATSKeyFile,
		},
		Stream: store.Stream{
			Name:         f.NATSStream,
			MaxAge:       f.NATSStreamAge,
			MaxBytes:     int64(f.NATSStreamBytes),
			PerNamespace: int64(f.NATSStreamPerNamespace),
			Replicas:     notDefault(f.NATSStreamReplicas),
			Update:       f.NATSStreamUpdate,
		},
		Timeout:      notDefault(f.NATSTimeout),
		DataBytesMax: int(f.DataMax),
	}
	if f.Store != "" {
		options.Embedded = &store.Embedded{
			Dir:           f.Store,
			SyncAlways:    f.StoreSync.always,
			SyncInterval:  f.StoreSync.interval,
			CacheBytesMax: memory.storeCacheBytes(),
		}
	}
	return options
}

// checkStore reports errors in the store's options. It checks the flags of the store even if they
// configure none, so that a mistake is found before the store is used.
func (f *daemonFlags) checkStore(wrong func(flag string, err error)) {
	options := f.storeOptions(memoryLimit{})
	if !f.hasStore() {
		options.Servers = store.Servers{URLs: []string{"nats://localhost"}} // any valid URL
		options.Stream.Name = ""                                            // not used without a store
	}
	blameIn(f.asFlagErrors(options.Validate()), wrong)
}

// warnHistoryIgnored warns if --history flags are set together with a store, whose limits replace
// them. It is not an error, so that a store can be tried without removing them from a configuration
// file.
func (f *daemonFlags) warnHistoryIgnored(log *slog.Logger) {
	if f.hasStore() && (f.History > 0 || f.HistoryAge > 0 || len(f.HistoryFor) > 0) {
		log.Warn("history flags have no effect with a store",
			"flags", "--history --history-age --history-for",
			"instead", "--nats-stream-age --nats-stream-bytes --nats-stream-per-namespace")
	}
}

// warnStoreIgnored warns about flags of a store that is not configured. It is not an error, so that
// a store can be switched off without removing them from a configuration file.
func (s *settings) warnStoreIgnored(f *daemonFlags, log *slog.Logger) {
	for _, flag := range s.ctx.Selected().Flags {
		name, from := flag.Name, s.origins[flag.Name]
		if from == (origin{}) || from.memory > 0 {
			continue
		}
		needs := ""
		switch {
		case name == "store-sync" && f.Store == "":
			needs = "--store"
		case strings.HasPrefix(name, "nats-") && strings.HasSuffix(name, "-file") && len(f.NATS) == 0:
			needs = "--nats"
		case strings.HasPrefix(name, "nats-") && !f.hasStore():
			needs = "--store or --nats"
		}
		if needs != "" {
			log.Warn("store flag has no effect without a store", "flag", "--"+name, "needs", needs, "source", from.String())
		}
	}
}
