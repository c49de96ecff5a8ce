package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"
)

// configFileBytesMax limits how much of a configuration file is read. A real one has some dozens of
// lines.
const configFileBytesMax = 1 << 20

// A configFile is the content of a --config file: TOML 1.0, with the long names of flags as keys.
type configFile struct {
	name   string
	keys   []string // in the order of the file
	values map[string]any
	lines  map[string]int // line number of each key, from 1
}

// readConfigFile reads a file and checks its syntax. It does not check the keys; settings.load
// does. An error contains the line number but no text of the file, which may contain tokens.
func readConfigFile(name string) (*configFile, error) {
	text, err := readFile(name, configFileBytesMax)
	if err != nil {
		return nil, err
	}
	return parseConfigFile(name, text)
}

// readFile reads a file of at most bytesMax bytes.
func readFile(name string, bytesMax int) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, int64(bytesMax)+1))
	if err == nil && len(text) > bytesMax {
		err = fmt.Errorf("%s is larger than %d bytes", name, bytesMax)
	}
	return text, err
}

// A syntaxError is an error in the syntax of a configuration file.
type syntaxError struct {
	file string
	line int
	text string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.text) }

func parseConfigFile(name string, text []byte) (*configFile, error) {
	f := &configFile{name: name, values: map[string]any{}, lines: map[string]int{}}
	if err := toml.Unmarshal(text, &f.values); err != nil {
		if at, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, _ := at.Position()
			text := strings.TrimPrefix(at.Error(), "toml: ")
			if strings.HasSuffix(text, "strings must be quoted") {
				text += `, such as "30s"`
			}
			return nil, &syntaxError{name, line, text}
		}
		return nil, &syntaxError{name, 1, err.Error()}
	}
	// The decoded map has no line numbers. Decoding strictly into an empty struct reports every key
	// as an error, with its line.
	strict := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if all, ok := errors.AsType[*toml.StrictMissingError](strict.Decode(&struct{}{})); ok {
		for _, missing := range all.Errors {
			key := missing.Key()[0]
			if _, twice := f.lines[key]; !twice {
				f.keys = append(f.keys, key)
				f.lines[key], _ = missing.Position()
			}
		}
	}
	return f, nil
}

// unknown returns the error for a key that is not in names. It suggests the most similar name, if
// there is one.
func (f *configFile) unknown(key string, names []string) error {
	if _, isTable := f.values[key].(map[string]any); isTable {
		return fmt.Errorf("%q is a table; expected the long names of flags as top-level keys", key)
	}
	near := nearest(strings.ToLower(key), names)
	if distance(strings.ToLower(key), near) > len(key)/2 {
		return fmt.Errorf("unknown flag %q; \"ssed config\" lists the flags that a file can set", key)
	}
	return fmt.Errorf("unknown flag %q; did you mean %q?", key, near)
}

// nearest returns the name with the smallest distance from word.
func nearest(word string, names []string) string {
	return slices.MinFunc(names, func(a, b string) int { return distance(word, a) - distance(word, b) })
}

// distance returns the Levenshtein distance of a and b: how many bytes must be inserted, removed or
// replaced to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // row[j] is the distance between the processed prefix of a and b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// forFlag converts a value of the file to the type that kong parses for flag: text, or a list of
// texts. A number without a unit is not accepted as a duration, because its unit would be a guess.
func forFlag(flag *kong.Flag, value any) (any, error) {
	list, isList := value.([]any)
	text, isText := value.(string)
	number, isNumber := value.(int64)
	yes, isBool := value.(bool)
	_, isSize := flag.Target.Interface().(byteSize)
	_, isCount := flag.Target.Interface().(int)
	_, isLoops := flag.Target.Interface().(loopCount)
	_, isTime := flag.Target.Interface().(time.Duration)
	switch {
	case flag.IsSlice():
		for _, entry := range list {
			if _, ok := entry.(string); !ok {
				isList = false
			}
		}
		if !isList {
			return nil, wrongType(flag, value, `a list of strings, such as ["one", "two"]`)
		}
		return list, nil
	case flag.IsBool():
		if !isBool {
			return nil, wrongType(flag, value, "true or false")
		}
		return yes, nil
	case (isCount || isSize || isLoops) && isNumber:
		return fmt.Sprint(number), nil
	case isCount:
		return nil, wrongType(flag, value, "a whole number, such as 100")
	case isLoops && !isText:
		return nil, wrongType(flag, value, `a whole number, or "auto"`)
	case isTime && !isText:
		return nil, wrongType(flag, value, `a duration with a unit, in quotes, such as "30s"`)
	case !isText:
		return nil, wrongType(flag, value, fmt.Sprintf("a string in quotes (%s)", flag.PlaceHolder))
	}
	return text, nil
}

// shownBytesMax limits how long a value in an error can be.
const shownBytesMax = 60

// wrongType returns the error for a value of the wrong type. It shows short values that are not
// secret.
func wrongType(flag *kong.Flag, value any, expected string) error {
	kind, shown := "a date or time", fmt.Sprint(value)
	switch v := value.(type) {
	case string:
		kind, shown = "a string", fmt.Sprintf("%q", v)
	case int64, float64:
		kind = "a number"
	case bool:
		kind = "a boolean"
	case []any:
		kind, shown = "a list", ""
		if flag.IsSlice() {
			kind = "a list with other entries than strings"
		}
	case map[string]any:
		kind, shown = "a table", ""
	}
	if shown == "" || len(shown) > shownBytesMax || flag.Tag.Has(secretTag) {
		shown = "the value"
	}
	return fmt.Errorf("%s is %s; expected %s", shown, kind, expected)
}
