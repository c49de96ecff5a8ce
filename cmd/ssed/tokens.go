package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/internal/listen"
)

// tokenFileBytesMax limits how much of a token file is read. It is enough for some ten thousand
// lines.
const tokenFileBytesMax = 1 << 20

// tokens returns the table of all tokens: those of --token and those of --token-file. Package auth
// ignores empty lines and comments, which are normal in a file. In a flag they are a mistake, so
// tokens refuses them.
func (f *daemonFlags) tokens() (*auth.Table, error) {
	for _, line := range f.Token {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			return nil, &flagError{"token", errors.New("a token must not be empty or begin with #")}
		}
	}
	flags, err := auth.ParseTable(f.Token)
	if err != nil {
		return nil, &flagError{"token", err}
	}
	if f.TokenFile == "" {
		return flags, nil
	}
	file, err := readTokenFile(f.TokenFile)
	if err != nil {
		return nil, &flagError{"token-file", err}
	}
	return flags.And(file), nil
}

// readTokenFile reads a file of token lines. It refuses a file without tokens, which would open the
// daemon to everyone and is never intended.
func readTokenFile(name string) (*auth.Table, error) {
	text, err := readFile(name, tokenFileBytesMax)
	if err != nil {
		return nil, err
	}
	table, err := auth.ParseTable(strings.Split(string(text), "\n"))
	if err != nil {
		return nil, newTokenFileError(name, err)
	}
	if table.Len() == 0 {
		return nil, fmt.Errorf("%s contains no token, which would open the daemon to everyone", name)
	}
	return table, nil
}

// A tokenFileError is the error for the bad lines of a token file.
type tokenFileError struct {
	lines []string // one for each bad line, with the name of the file
}

func (e *tokenFileError) Error() string { return strings.Join(e.lines, "; ") }

// newTokenFileError splits the error of auth.ParseTable, which describes all bad lines.
func newTokenFileError(name string, err error) error {
	begin := auth.ErrToken.Error() + " "
	e := &tokenFileError{}
	for part := range strings.SplitSeq(strings.TrimPrefix(err.Error(), begin), "; "+begin) {
		e.lines = append(e.lines, name+": "+begin+part)
	}
	return e
}

// checkExposure refuses an address that other machines can reach if publishing does not require a
// token.
func checkExposure(endpoints []listen.Endpoint, tokens *auth.Table) error {
	for _, endpoint := range endpoints {
		if !endpoint.Loopback() && !tokens.Required(auth.Publish) {
			return &flagError{"publish", fmt.Errorf("%v is reachable from other machines, so publishing requires a token (--token, SSED_TOKEN or --token-file)", endpoint)}
		}
	}
	return nil
}

// reload rereads the token file, which is the only setting that can change while the daemon runs.
// An invalid file changes nothing. It returns the current tokens, and the error in the file.
func (f *daemonFlags) reload(d *daemon, inForce *auth.Table) (*auth.Table, error) {
	if f.TokenFile == "" {
		d.log.Info("nothing to reload: --token-file is not set")
		return inForce, nil
	}
	tokens, err := f.tokens()
	if err == nil {
		err = checkOpening(tokens, inForce)
	}
	if err != nil {
		d.log.Error("token file not reloaded; keeping the old tokens", "err", err)
		return inForce, err
	}
	d.server.SetTokens(tokens)
	d.log.Info("token file reloaded", "tokens", tokens.Len())
	return tokens, nil
}

// checkOpening refuses tokens that open a right to everyone if the old tokens did not. A file that
// is only half written could do that.
func checkOpening(tokens, old *auth.Table) error {
	if opens := tokens.Opens(old); len(opens) > 0 {
		return fmt.Errorf("no token would grant %v, which would open it to everyone; restart the daemon if that is intended", opens)
	}
	return nil
}

// warnReadableTokens warns if every user of this machine can read a file with tokens.
func (f *daemonFlags) warnReadableTokens(log *slog.Logger) {
	files := []string{f.TokenFile}
	if config, err := readConfigFile(f.Config); err == nil && config.values["token"] != nil {
		files = append(files, f.Config)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o007 != 0 {
			log.Warn("file with tokens is readable by every user", "file", file, "mode", fmt.Sprintf("%#o", info.Mode().Perm()))
		}
	}
}
