package store

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestValidate verifies each bound with values on both sides, and that New returns the same errors.
func TestValidate(t *testing.T) {
	servers := Servers{URLs: []string{"nats://h"}}
	for _, tt := range []struct {
		name string
		opts Options
		want []string
	}{
		{"a server", Options{Servers: servers}, nil},
		{"a folder", Options{Embedded: &Embedded{Dir: "/s"}}, nil},
		{"nothing", Options{}, []string{"Servers.URLs"}},
		{"both", Options{Servers: servers, Embedded: &Embedded{}}, []string{"Embedded"}},
		{"the least", Options{Servers: servers, Timeout: 100 * time.Millisecond, Stream: Stream{MaxAge: 100 * time.Millisecond, MaxBytes: -1, PerNamespace: 1, Replicas: 5}, Preload: -1}, nil},
		{"less", Options{Servers: servers, Timeout: 100*time.Millisecond - 1, DataBytesMax: -1, Stream: Stream{MaxAge: 100*time.Millisecond - 1, PerNamespace: -1, Replicas: -1}},
			[]string{"Timeout", "DataBytesMax", "Stream.MaxAge", "Stream.PerNamespace", "Stream.Replicas"}},
		{"more", Options{Servers: servers, Stream: Stream{Replicas: 6, MaxAge: -1}}, []string{"Stream.MaxAge", "Stream.Replicas"}},
		{"a name", Options{Servers: servers, Stream: Stream{Name: "a.b"}}, []string{"Stream.Name"}},
		{"bad URLs", Options{Servers: Servers{URLs: []string{"http://h", "nats://h", "h"}}}, []string{"Servers.URLs", "Servers.URLs"}},
		{"a certificate alone", Options{Servers: Servers{URLs: servers.URLs, CertFile: "/c"}}, []string{"Servers.CertFile"}},
		{"embedded, less", Options{Embedded: &Embedded{SyncInterval: -1, CacheBytesMax: -1}}, []string{"Embedded.SyncInterval", "Embedded.CacheBytesMax"}},
		{"embedded replicas", Options{Embedded: &Embedded{}, Stream: Stream{Replicas: 2}}, []string{"Stream.Replicas"}},
		{"far too many of them", Options{Embedded: &Embedded{}, Stream: Stream{Replicas: 6}}, []string{"Stream.Replicas"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.opts.Validate()
			var got []string
			if err != nil {
				for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
					field, ok := errors.AsType[*FieldError](err)
					if !ok {
						t.Fatalf("%v is not a FieldError", err)
					}
					got = append(got, field.Field)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q are wrong, not %q: %v", got, tt.want, err)
			}
			if _, fromNew := New(tt.opts); len(tt.want) > 0 && (fromNew == nil || fromNew.Error() != err.Error()) {
				t.Errorf("New: %v", fromNew)
			}
		})
	}
}
