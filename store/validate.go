package store

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ssed/ssed/sse"
)

// A FieldError describes an invalid field of Options.
type FieldError struct {
	Field string // its name, such as "Timeout" or "Stream.MaxAge"
	Value any    // its value, or the default if that was zero; nil if it could contain a secret
	Err   error  // the problem, without the field's name
}

// Error returns the field's name, its value if that is a number or a time, and the problem.
func (e *FieldError) Error() string {
	field := e.Field
	switch e.Value.(type) {
	case int, int64, time.Duration:
		field += fmt.Sprintf("=%v", e.Value)
	}
	return "store: " + field + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// Validate checks the options. It returns nil, or errors.Join of one *FieldError for each
// problem. New returns the same error. Validate opens no files: only New checks that they can be
// read.
func (o Options) Validate() error {
	c := &checker{}
	o = o.withDefaults()
	c.refuse(o.Timeout < sweepInterval, "Timeout", o.Timeout, "must be %v or more", sweepInterval)
	c.refuse(o.DataBytesMax < 1, "DataBytesMax", o.DataBytesMax, "must be 1 or more, or 0 for the default")
	c.stream(&o.Stream)
	if o.Embedded == nil {
		c.servers(&o.Servers)
	} else {
		c.embedded(&o)
	}
	return errors.Join(c.wrong...)
}

// withDefaults returns the options with every zero value replaced by its default.
func (o Options) withDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.Preload = cmp.Or(o.Preload, DefaultPreload)
	o.DataBytesMax = cmp.Or(o.DataBytesMax, sse.DataBytesMax)
	o.Stream.Name = cmp.Or(o.Stream.Name, DefaultStream)
	o.Stream.MaxBytes = cmp.Or(o.Stream.MaxBytes, DefaultStreamBytes)
	o.Stream.Replicas = cmp.Or(o.Stream.Replicas, 1)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// A checker collects the problems.
type checker struct{ wrong []error }

// blame adds err as the problem of a field, unless err is nil.
func (c *checker) blame(field string, value any, err error) {
	if err != nil {
		c.wrong = append(c.wrong, &FieldError{field, value, err})
	}
}

// refuse adds a problem of a field if broken is true.
func (c *checker) refuse(broken bool, field string, value any, format string, args ...any) {
	if broken {
		c.blame(field, value, fmt.Errorf(format, args...))
	}
}

// streamAgeMin is the shortest age limit that JetStream accepts.
const streamAgeMin = 100 * time.Millisecond

// replicasMax is JetStream's limit.
const replicasMax = 5

func (c *checker) stream(s *Stream) {
	c.blame("Stream.Name", s.Name, checkStreamName(s.Name))
	c.refuse(s.MaxAge < 0 || s.MaxAge > 0 && s.MaxAge < streamAgeMin, "Stream.MaxAge", s.MaxAge, "must be %v or more, or 0s for no limit", streamAgeMin)
	c.refuse(s.PerNamespace < 0, "Stream.PerNamespace", s.PerNamespace, "must be 1 or more, or 0 for no limit")
	c.refuse(s.Replicas < 1 || s.Replicas > replicasMax, "Stream.Replicas", s.Replicas, "must be 1 to %d", replicasMax)
}

// embedded checks the options that an embedded server requires or excludes.
func (c *checker) embedded(o *Options) {
	c.refuse(o.Embedded.SyncInterval < 0, "Embedded.SyncInterval", o.Embedded.SyncInterval, "must be more than 0s, or 0s for the default")
	c.refuse(o.Embedded.CacheBytesMax < 0, "Embedded.CacheBytesMax", o.Embedded.CacheBytesMax, "must be 1 or more, or 0 for the default")
	c.refuse(len(o.Servers.URLs) > 0, "Embedded", o.Embedded, "an embedded store and NATS servers exclude each other; give only one of them")
	c.refuse(o.Stream.Replicas > 1 && o.Stream.Replicas <= replicasMax, "Stream.Replicas", o.Stream.Replicas,
		"an embedded store has one replica; more replicas require several NATS servers")
}

func (c *checker) servers(s *Servers) {
	c.refuse(len(s.URLs) == 0, "Servers.URLs", nil, "at least one NATS server is required")
	for _, text := range s.URLs {
		c.blame("Servers.URLs", nil, checkURL(text))
	}
	c.refuse((s.CertFile == "") != (s.KeyFile == ""), "Servers.CertFile", nil, "a client certificate requires its key: give both files, or neither")
}
