package reference

import "testing"

func TestRoff(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"words", "Where publishers connect.", "Where publishers connect."},
		{"a flag stays one that can be pasted", "--slow", `\-\-slow`},
		{"a backslash", `C:\new`, `C:\enew`},
		{"no line is a command", ".so /etc/passwd\n'br\nx.y", "\\&.so /etc/passwd\n\\&'br\nx.y"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := roff(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSentence(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"one", "Print the version.", "Print the version"},
		{"the first of two", "Longest data. Default 1MiB.", "Longest data"},
		{"periods inside", "Networks (10.0.0.0/8)\n\tthat count. More.", "Networks (10.0.0.0/8) that count"},
		{"none", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sentence(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
