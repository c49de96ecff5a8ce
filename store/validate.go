package store

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ssed/ssed/sse"
)

// A FieldError says what is wrong with one field of Options.
type FieldError struct {
	Field string // its name, such as "Timeout" or "Stream.MaxAge"
	Value any    // its value, the default if that was zero; nil if that could hold a secret
	Err   error  // what is wrong with it, without the field's name
}

// Error names the field, and its value if that is a number or a time.
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

// Validate reports everything that is wrong with the options: nil, or what errors.Join
// returns for one *FieldError for each problem. New returns the same error. It opens
// nothing: whether files can be read is for New to find out.
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

// A checker collects what is wrong.
type checker struct{ wrong []error }

// blame notes what is wrong with a field, if err is not nil.
func (c *checker) blame(field string, value any, err error) {
	if err != nil {
		c.wrong = append(c.wrong, &FieldError{field, value, err})
	}
}

// refuse notes that a condition is broken.
func (c *checker) refuse(broken bool, field string, value any, format string, args ...any) {
	if broken {
		c.blame(field, value, fmt.Errorf(format, args...))
	}
}

// streamAgeMin is the shortest limit that JetStream takes.
const streamAgeMin = 100 * time.Millisecond

// replicasMax is JetStream's own limit.
const replicasMax = 5

func (c *checker) stream(s *Stream) {
	c.blame("Stream.Name", s.Name, checkStreamName(s.Name))
	c.refuse(s.MaxAge < 0 || s.MaxAge > 0 && s.MaxAge < streamAgeMin, "Stream.MaxAge", s.MaxAge, "must be %v or more, or 0s for no limit", streamAgeMin)
	c.refuse(s.PerNamespace < 0, "Stream.PerNamespace", s.PerNamespace, "must be 1 or more, or 0 for no limit")
	c.refuse(s.Replicas < 1 || s.Replicas > replicasMax, "Stream.Replicas", s.Replicas, "must be 1 to %d", replicasMax)
}

// embedded checks what an embedded server excludes.
func (c *checker) embedded(o *Options) {
	c.refuse(o.Embedded.SyncInterval < 0, "Embedded.SyncInterval", o.Embedded.SyncInterval, "must be more than 0s, or 0s for the default")
	c.refuse(o.Embedded.CacheBytesMax < 0, "Embedded.CacheBytesMax", o.Embedded.CacheBytesMax, "must be 1 or more, or 0 for the default")
	c.refuse(len(o.Servers.URLs) > 0, "Embedded", o.Embedded, "a store within this process and NATS servers exclude each other")
	c.refuse(o.Stream.Replicas > 1 && o.Stream.Replicas <= replicasMax, "Stream.Replicas", o.Stream.Replicas,
		"a store within this process has one replica; several take several NATS servers")
}

func (c *checker) servers(s *Servers) {
	c.refuse(len(s.URLs) == 0, "Servers.URLs", nil, "no NATS server is given")
	for _, text := range s.URLs {
		c.blame("Servers.URLs", nil, checkURL(text))
	}
	c.refuse((s.CertFile == "") != (s.KeyFile == ""), "Servers.CertFile", nil, "a client's certificate and its key go together: give both, or neither")
}
