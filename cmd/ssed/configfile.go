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

// configFileBytesMax bounds what is read of a configuration file: it is some
// dozens of lines, unless it is something else.
const configFileBytesMax = 1 << 20

// A configFile is what a file of --config says: TOML 1.0, with the long names of
// the flags as its keys.
type configFile struct {
	name   string
	keys   []string // in the order of the file
	values map[string]any
	lines  map[string]int // where each key stands, from 1
}

// readConfigFile reads a file, and no more than its syntax: settings.load knows the
// keys. The error tells the line, and nothing of the text, which may hold tokens.
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
		err = fmt.Errorf("%s is longer than %d bytes", name, bytesMax)
	}
	return text, err
}

func parseConfigFile(name string, text []byte) (*configFile, error) {
	f := &configFile{name: name, values: map[string]any{}, lines: map[string]int{}}
	if err := toml.Unmarshal(text, &f.values); err != nil {
		if at, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, _ := at.Position()
			return nil, fmt.Errorf("%s:%d: %s", name, line, strings.TrimPrefix(at.Error(), "toml: "))
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// A map does not know where its keys stood. Reading into nothing, strictly,
	// makes each of them an error, and those know.
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

// unknown is what is wrong with a key that is none of the names.
func (f *configFile) unknown(key string, names []string) error {
	if _, isTable := f.values[key].(map[string]any); isTable {
		return fmt.Errorf("%q is a table, and there are none here: every flag stands for itself, by its long name", key)
	}
	near := nearest(strings.ToLower(key), names)
	if distance(strings.ToLower(key), near) > len(key)/2 {
		return fmt.Errorf("there is no flag %q for a file, nor one like it; ssed config prints them all", key)
	}
	return fmt.Errorf("there is no flag %q; the nearest is %q", key, near)
}

// nearest is the name that fewest changes make of word.
func nearest(word string, names []string) string {
	return slices.MinFunc(names, func(a, b string) int { return distance(word, a) - distance(word, b) })
}

// distance is Levenshtein's: how many bytes must be inserted, removed or replaced to
// make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances of the beginnings of b from that of a
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

// forFlag turns a value of the file into what kong reads for a flag: text, or a
// list of it. Units belong to the text, so a bare number of seconds is refused.
func forFlag(flag *kong.Flag, value any) (any, error) {
	list, isList := value.([]any)
	text, isText := value.(string)
	number, isNumber := value.(int64)
	yes, isBool := value.(bool)
	_, isSize := flag.Target.Interface().(byteSize)
	_, isCount := flag.Target.Interface().(int)
	_, isTime := flag.Target.Interface().(time.Duration)
	switch {
	case flag.IsSlice():
		for _, entry := range list {
			if _, ok := entry.(string); !ok {
				isList = false
			}
		}
		if !isList {
			return nil, errors.New(`it must be a list of text in quotes, such as ["one", "two"]`)
		}
		return list, nil
	case flag.IsBool():
		if !isBool {
			return nil, errors.New("it must be true or false")
		}
		return yes, nil
	case (isCount || isSize) && isNumber:
		return fmt.Sprint(number), nil
	case isCount:
		return nil, errors.New("it must be a number, such as 100")
	case isTime && !isText:
		return nil, errors.New(`it must be a time with its unit, in quotes, such as "30s"`)
	case !isText:
		return nil, fmt.Errorf("it must be text in quotes (%s)", flag.PlaceHolder)
	}
	return text, nil
}
