package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"
)

type configCommand struct {
	daemonFlags
}

// Run prints the effective settings as a configuration file.
func (c *configCommand) Run(stdout *output, s *settings) error {
	return s.print(stdout)
}

// print writes each flag of the command with its value, and the origin of the value as a comment.
// Secrets and flags without a value are written as comments.
func (s *settings) print(out io.Writer) error {
	var text strings.Builder
	group := ""
	for _, flag := range s.ctx.Selected().Flags {
		line, err := describe(flag)
		if err != nil {
			return fmt.Errorf("cannot print --%s: %w", flag.Name, err)
		}
		if flag.Group.Title != group {
			if group != "" {
				text.WriteByte('\n')
			}
			group = flag.Group.Title
			fmt.Fprintf(&text, "# %s\n", group)
		}
		fmt.Fprintf(&text, "%-44s # %v\n", line, s.origins[flag.Name])
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// secretTag marks flags with secret values, which must never be printed.
const secretTag = "secret"

// describe returns a line of a configuration file that sets flag to its value.
func describe(flag *kong.Flag) (string, error) {
	value := flag.Target
	switch {
	case value.IsZero() && (flag.IsSlice() || !flag.HasDefault && value.Kind() == reflect.String):
		return "# " + flag.Name + " is not set", nil
	case flag.Tag.Has(secretTag) && flag.IsSlice():
		return fmt.Sprintf("# %s is set (%d) and not shown", flag.Name, value.Len()), nil
	case flag.Tag.Has(secretTag):
		return "# " + flag.Name + " is set and not shown", nil
	}
	plain, err := plainValue(value)
	if err != nil {
		return "", err
	}
	line, err := toml.Marshal(map[string]any{flag.Name: plain})
	if flag.Name == "config" {
		line = append([]byte("# "), line...) // a configuration file cannot name another one
	}
	return strings.TrimSpace(string(line)), err
}

// plainValue converts a value to its form in a configuration file. Numbers and booleans keep their
// type; everything else becomes text.
func plainValue(value reflect.Value) (any, error) {
	if value.Kind() == reflect.Slice {
		list := make([]any, value.Len())
		for i := range list {
			var err error
			if list[i], err = plainValue(value.Index(i)); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	switch v := value.Interface().(type) {
	case bool, int, string:
		return v, nil
	case loopCount:
		if v != autoLoops {
			return int(v), nil
		}
		return v.String(), nil
	case fmt.Stringer:
		return v.String(), nil
	default:
		return nil, fmt.Errorf("cannot convert a %T to text", v)
	}
}
