package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// An origin records where the value of a flag comes from. The zero value is the default.
type origin struct {
	flag     bool   // set on the command line
	variable string // environment variable
	file     string // file of --config
	line     int
	memory   byteSize // the default was lowered to fit a memory limit of this size
}

// String describes the origin for users.
func (o origin) String() string {
	switch {
	case o.flag:
		return "command line"
	case o.variable != "":
		return "$" + o.variable
	case o.file != "":
		return fmt.Sprintf("%s:%d", o.file, o.line)
	case o.memory > 0:
		return fmt.Sprintf("from the memory limit of %v", o.memory)
	}
	return "default"
}

// place returns the prefix of an error about the value of flag: the place that must be changed.
func (o origin) place(flag string) string {
	switch {
	case o.variable != "":
		return o.variable
	case o.file != "":
		return fmt.Sprintf("%s:%d: %s", o.file, o.line, flag)
	}
	return "--" + flag
}

// A flagError is an error in the value of a flag.
type flagError struct {
	flag string
	err  error
}

func (e *flagError) Error() string { return "--" + e.flag + ": " + e.err.Error() }
func (e *flagError) Unwrap() error { return e.err }

// settings finds the value of each flag that is not on the command line. It looks in the
// environment, then in the file of --config, then in PORT; otherwise the default applies. It
// collects all errors, whereas kong would stop at the first. It implements kong.Resolver, and is
// used for one run.
type settings struct {
	ctx      *kong.Context     // set when the first flag is resolved
	file     *configFile       // nil without a file, or if it cannot be read
	origins  map[string]origin // by flag name, for all flags of the command
	problems []problem         // errors in the order in which they were found
	wrong    map[string]bool   // flags that have an entry in problems
	memory   memoryLimit       // limit of this process, set for commands with the daemon's flags
}

// A problem is an error of the settings.
type problem struct {
	line int    // line of the configuration file, or 0 for an error in another place
	text string // one line, which begins with the place of the error
}

// A settingsError is the error for settings with problems.
type settingsError struct {
	lines []string
}

func (e *settingsError) Error() string { return strings.Join(e.lines, "; ") }

// lines returns all problems: first those of the configuration file, by line, then all others.
func (s *settings) lines() []string {
	place := func(p problem) int { return cmp.Or(p.line, math.MaxInt) }
	slices.SortStableFunc(s.problems, func(a, b problem) int { return cmp.Compare(place(a), place(b)) })
	var lines []string
	for _, p := range s.problems {
		lines = append(lines, p.text)
	}
	return lines
}

func newSettings() *settings {
	return &settings{origins: map[string]origin{}, wrong: map[string]bool{}}
}

// Resolve implements kong.Resolver. Kong calls it for each flag that is not on the command line. A
// nil result keeps the current value: from the environment, or the default.
func (s *settings) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if s.ctx == nil {
		s.ctx = ctx
		s.load()
	}
	value, from, err := s.find(flag)
	s.origins[flag.Name] = from
	if err == nil && value != nil {
		err = checkValue(flag, value)
	}
	if err != nil {
		s.blame(flag.Name, err)
		return substitute(flag), nil // continue with a valid value, to find errors in other flags too
	}
	if from.variable == "" || from.variable == portVariable {
		return value, nil
	}
	return nil, nil
}

// Validate implements kong.Resolver. Kong calls it when all values are set. It returns nil for the
// command "check", which prints the errors itself.
func (s *settings) Validate(*kong.Application) error {
	if daemon := s.daemon(); daemon != nil {
		s.refuseEmptyLists()
		s.fitMemory(daemon)
		daemon.check(s.blame)
	}
	if _, ok := s.ctx.Selected().Target.Addr().Interface().(*checkCommand); ok || len(s.problems) == 0 {
		return nil
	}
	return &settingsError{s.lines()}
}

// daemon returns the daemon's flags of the command, or nil if it has none.
func (s *settings) daemon() *daemonFlags {
	if command, ok := s.ctx.Selected().Target.Addr().Interface().(interface{ flags() *daemonFlags }); ok {
		return command.flags()
	}
	return nil
}

// load reads the file of --config, and reports keys that are not flags.
func (s *settings) load() {
	var names []string
	var config *kong.Flag
	for _, flag := range s.ctx.Flags() {
		s.origins[flag.Name] = origin{flag: true} // Resolve replaces this if the flag is not on the command line
		switch flag.Name {
		case "config":
			config = flag
		case "help":
		default:
			names = append(names, flag.Name)
		}
	}
	if config == nil {
		return
	}
	name, _ := s.ctx.FlagValue(config).(string)
	if name == "" {
		return
	}
	file, err := readConfigFile(name)
	if at, ok := errors.AsType[*syntaxError](err); ok {
		s.wrong["config"] = true
		s.problems = append(s.problems, problem{at.line, at.Error()})
		return
	}
	if err != nil {
		s.origins["config"] = s.originOfConfig(config)
		s.blame("config", err)
		return
	}
	s.file = file
	if s.daemon() == nil {
		return // this command uses only some of the keys, and the others are the daemon's
	}
	for _, key := range file.keys {
		if s.flag(key) == nil || key == "config" || key == "help" {
			line := file.lines[key]
			s.problems = append(s.problems, problem{line, fmt.Sprintf("%s:%d: %v", file.name, line, file.unknown(key, names))})
		}
	}
}

func (s *settings) originOfConfig(config *kong.Flag) origin {
	for _, path := range s.ctx.Path {
		if path.Flag == config {
			return origin{flag: true}
		}
	}
	return origin{variable: config.Envs[0]}
}

// portVariable is the variable in which platforms such as Heroku pass the port to listen on. It has
// the lowest precedence, because it is not specific to ssed.
const portVariable = "PORT"

// find returns the value of a flag and its origin. The value is nil if the default applies.
func (s *settings) find(flag *kong.Flag) (value any, from origin, err error) {
	for _, variable := range flag.Envs {
		if text, ok := os.LookupEnv(variable); ok {
			return text, origin{variable: variable}, nil
		}
	}
	if s.file != nil && flag.Name != "config" {
		if said, ok := s.file.values[flag.Name]; ok {
			value, err := forFlag(flag, said)
			return value, origin{file: s.file.name, line: s.file.lines[flag.Name]}, err
		}
	}
	port := os.Getenv(portVariable)
	if flag.Name != "listen" || port == "" {
		return nil, origin{}, nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, origin{variable: portVariable}, fmt.Errorf("invalid port %q: expected a number from 1 to 65535", port)
	}
	return ":" + port, origin{variable: portVariable}, nil
}

// checkValue checks that kong can parse value for flag. For a list, the error is about the first
// invalid entry.
func checkValue(flag *kong.Flag, value any) error {
	err := parseValue(flag, value)
	if list, ok := value.([]any); ok && err != nil {
		for _, entry := range list {
			text, _ := entry.(string)
			if err := parseValue(flag, kong.JoinEscaped([]string{text}, flag.Tag.Sep)); err != nil {
				return err
			}
		}
		return errors.New("contains an empty entry")
	}
	if text, ok := value.(string); ok && err == nil && flag.Enum != "" && !flag.EnumMap()[text] {
		return fmt.Errorf("invalid value %q: expected %s", text, alternatives(flag.EnumSlice()))
	}
	return err
}

// parseValue parses a value as kong does. The error is in the words of ssed, and does not contain
// kong's name for the flag, because the value comes from elsewhere.
func parseValue(flag *kong.Flag, value any) error {
	target := reflect.New(flag.Target.Type()).Elem()
	err := flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), target)
	if inner := errors.Unwrap(err); inner != nil {
		return errors.New(valueText(inner.Error()))
	}
	return err
}

// substitute returns a valid value to use in place of an invalid one.
func substitute(flag *kong.Flag) any {
	switch {
	case flag.HasDefault:
		return flag.Default
	case flag.IsSlice():
		return []any{}
	case flag.IsBool():
		return false
	}
	return ""
}

// blame records an error in the value of a flag, with a line for each bad line of a token file.
// Only the first error of each flag is recorded, because later ones may be its consequences.
func (s *settings) blame(flag string, err error) {
	if s.wrong[flag] {
		return
	}
	s.wrong[flag] = true
	lines := []string{err.Error()}
	if file, ok := errors.AsType[*tokenFileError](err); ok {
		lines = file.lines
	}
	from := s.origins[flag]
	for _, line := range lines {
		text := from.place(flag) + ": " + line
		s.problems = append(s.problems, problem{from.line, strings.ReplaceAll(text, "\n", "; ")})
	}
}

// refuseEmptyLists reports lists that are set but empty. Usually a variable was not filled by
// mistake, and an empty list of tokens must not give everyone all rights.
func (s *settings) refuseEmptyLists() {
	for _, flag := range s.ctx.Flags() {
		if flag.IsSlice() && flag.Target.Len() == 0 && s.origins[flag.Name] != (origin{}) {
			s.blame(flag.Name, errors.New("must not be empty; omit it or give a value"))
		}
	}
}

// flag returns the command's flag with the given name, or nil.
func (s *settings) flag(name string) *kong.Flag {
	for _, flag := range s.ctx.Flags() {
		if flag.Name == name {
			return flag
		}
	}
	return nil
}
