package main

import (
	"strings"
	"testing"
)

func TestByteSize(t *testing.T) {
	tests := []struct {
		text   string
		want   byteSize
		canon  string // result of String; empty means the same as text
		refuse string // part of the error; empty means that text is valid
	}{
		{text: "1", want: 1},
		{text: "65537", want: 65537},
		{text: "65536", want: 65536, canon: "64KiB"},
		{text: "64KiB", want: 65536},
		{text: "1 MiB", want: 1 << 20, canon: "1MiB"},
		{text: "1024MiB", want: 1 << 30, canon: "1GiB"},
		{text: "2GiB", want: 2 << 30},

		{text: "", refuse: "invalid size"},
		{text: "KiB", refuse: "invalid size"},
		{text: "64K", refuse: "invalid size"},
		{text: "1MB", refuse: "invalid size"},
		{text: "1.5MiB", refuse: "invalid size"},
		{text: "0", refuse: "greater than 0"},
		{text: "-1KiB", refuse: "greater than 0"},
		{text: "9223372036854775807KiB", refuse: "too large"},
		{text: "99999999999999999999", refuse: "too large"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			var got byteSize
			err := got.UnmarshalText([]byte(tt.text))
			if tt.refuse != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refuse) {
					t.Fatalf("error %v, want %q in it", err, tt.refuse)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Fatalf("got %d, %v, want %d", got, err, tt.want)
			}
			canon := tt.canon
			if canon == "" {
				canon = tt.text
			}
			if got.String() != canon {
				t.Errorf("String() = %q, want %q", got, canon)
			}
		})
	}
}
