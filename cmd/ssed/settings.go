package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// An origin is where the value of a flag comes from. The zero value: nobody said
// anything, and it is the default.
type origin struct {
	flag     bool   // the command line
	variable string // of the environment
	file     string // of --config
	line     int
	memory   byteSize // the default, lowered to fit a memory limit of so many bytes
}

// String names the origin, for people.
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

// blames says what to change where the value of a flag is wrong.
func (o origin) blames(flag string) string {
	switch {
	case o.variable != "":
		return o.variable
	case o.file != "":
		return fmt.Sprintf("%s:%d: %s", o.file, o.line, flag)
	}
	return "--" + flag
}

// A flagError says what is wrong with the value of a flag.
type flagError struct {
	flag string
	err  error
}

func (e *flagError) Error() string { return "--" + e.flag + ": " + e.err.Error() }
func (e *flagError) Unwrap() error { return e.err }

// settings finds the value of each flag that the command line leaves open: in the
// environment, in the file of --config, in PORT, or in its default, in this order.
// It gathers everything that is wrong with them, where kong would stop at the
// first. It is the kong.Resolver of one run.
type settings struct {
	ctx      *kong.Context     // of the run, once its first flag was looked up
	file     *configFile       // nil if there is none, or none that can be read
	origins  map[string]origin // of all flags of the command, by their names
	problems []string          // what is wrong, one line each, and where
	wrong    map[string]bool   // the flags that problems are about
	memory   memoryLimit       // of this process, for the commands that run the daemon
}

func newSettings() *settings {
	return &settings{origins: map[string]origin{}, wrong: map[string]bool{}}
}

// Resolve implements kong.Resolver. Kong calls it for what the command line leaves
// open, and takes nil for "as it is": the environment's value, or the default.
func (s *settings) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if s.ctx == nil {
		s.ctx = ctx
		s.load()
	}
	value, from, err := s.find(flag)
	s.origins[flag.Name] = from
	if err == nil && value != nil {
		err = readable(flag, value)
	}
	if err != nil {
		s.blame(flag.Name, err)
		return unsaid(flag), nil // so that what is wrong with the others is found, too
	}
	if from.variable == "" || from.variable == portVariable {
		return value, nil
	}
	return nil, nil
}

// Validate implements kong.Resolver. Kong calls it when all values are in place.
// The command "check" tells what is wrong in its own way.
func (s *settings) Validate(*kong.Application) error {
	if daemon := s.daemon(); daemon != nil {
		s.refuseEmptyLists()
		s.fitMemory(daemon)
		daemon.check(s.blame)
	}
	if _, ok := s.ctx.Selected().Target.Addr().Interface().(*checkCommand); ok || len(s.problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(s.problems, "; "))
}

// daemon returns the daemon's flags among those of the command, or nil.
func (s *settings) daemon() *daemonFlags {
	if command, ok := s.ctx.Selected().Target.Addr().Interface().(interface{ flags() *daemonFlags }); ok {
		return command.flags()
	}
	return nil
}

// load reads the file that --config names, and looks for keys that are no flags.
func (s *settings) load() {
	var names []string
	var config *kong.Flag
	for _, flag := range s.ctx.Flags() {
		s.origins[flag.Name] = origin{flag: true} // unless Resolve is asked for it
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
	if err != nil {
		s.origins["config"] = s.originOfConfig(config)
		s.blame("config", err)
		return
	}
	s.file = file
	if s.daemon() == nil {
		return // a command that needs some of the file leaves its other keys to the daemon
	}
	for _, key := range file.keys {
		if s.flag(key) == nil || key == "config" || key == "help" {
			s.problems = append(s.problems, fmt.Sprintf("%s:%d: %v", file.name, file.lines[key], file.unknown(key, names)))
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

// portVariable is how platforms in the manner of Heroku tell a program where to
// listen. It is no more than their proposal: whatever is said to ssed by name counts
// for more.
const portVariable = "PORT"

// find returns what is said of a flag, nil if nothing is, and where.
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
		return nil, origin{variable: portVariable}, fmt.Errorf("%q is no port: it must be a number from 1 to 65535", port)
	}
	return ":" + port, origin{variable: portVariable}, nil
}

// readable tries whether kong can read a value for a flag. Of a list that it cannot
// read it finds the entry.
func readable(flag *kong.Flag, value any) error {
	err := try(flag, value)
	if list, ok := value.([]any); ok && err != nil {
		for _, entry := range list {
			text, _ := entry.(string)
			if err := try(flag, kong.JoinEscaped([]string{text}, flag.Tag.Sep)); err != nil {
				return err
			}
		}
		return errors.New("an entry is empty")
	}
	if text, ok := value.(string); ok && err == nil && flag.Enum != "" && !flag.EnumMap()[text] {
		return fmt.Errorf("%q is none of %s", text, strings.Join(flag.EnumSlice(), ", "))
	}
	return err
}

// try reads a value as kong does. The error is without kong's name for the flag: the
// value has come from elsewhere.
func try(flag *kong.Flag, value any) error {
	target := reflect.New(flag.Target.Type()).Elem()
	err := flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), target)
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// unsaid stands for a value that cannot be used.
func unsaid(flag *kong.Flag) any {
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

// blame notes what is wrong with a flag: the first that is found, since the rest may
// only follow from it.
func (s *settings) blame(flag string, err error) {
	if s.wrong[flag] {
		return
	}
	s.wrong[flag] = true
	text := s.origins[flag].blames(flag) + ": " + err.Error()
	s.problems = append(s.problems, strings.ReplaceAll(text, "\n", "; "))
}

// refuseEmptyLists: an empty list is a variable that somebody forgot to fill. For
// tokens it must not mean that everybody may do everything.
func (s *settings) refuseEmptyLists() {
	for _, flag := range s.ctx.Flags() {
		if flag.IsSlice() && flag.Target.Len() == 0 && s.origins[flag.Name] != (origin{}) {
			s.blame(flag.Name, errors.New("it is empty: leave it out or fill it"))
		}
	}
}

// flag finds a flag of the command by its name.
func (s *settings) flag(name string) *kong.Flag {
	for _, flag := range s.ctx.Flags() {
		if flag.Name == name {
			return flag
		}
	}
	return nil
}
