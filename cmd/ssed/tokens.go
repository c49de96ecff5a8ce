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

// tokenFileBytesMax bounds what is read of a token file: some ten thousand lines.
const tokenFileBytesMax = 1 << 20

// tokens returns who may do what: the tokens of the flag and those of the file.
// Package auth passes over empty lines and comments, as there are in files; a
// flag that is one of them is a slip.
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

// readTokenFile reads a file of token lines. One without any token is refused:
// it would open the daemon to everybody, which is never why one names a file.
func readTokenFile(name string) (*auth.Table, error) {
	text, err := readFile(name, tokenFileBytesMax)
	if err != nil {
		return nil, err
	}
	table, err := auth.ParseTable(strings.Split(string(text), "\n"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if table.Len() == 0 {
		return nil, fmt.Errorf("%s holds no token, and would open the daemon to everybody", name)
	}
	return table, nil
}

// checkExposure refuses to let the whole network publish without a token.
func checkExposure(endpoints []listen.Endpoint, tokens *auth.Table) error {
	for _, endpoint := range endpoints {
		if !endpoint.Loopback() && !tokens.Required(auth.Publish) {
			return &flagError{"publish", fmt.Errorf("%v can be reached from other machines, so publishing needs a token (--token, SSED_TOKEN or --token-file)", endpoint)}
		}
	}
	return nil
}

// reload rereads what can be reread while the daemon runs: the token file. A bad
// one changes nothing. It returns the tokens in force, and what was wrong.
func (f *daemonFlags) reload(d *daemon, inForce *auth.Table) (*auth.Table, error) {
	if f.TokenFile == "" {
		d.log.Info("there is nothing to reread: no --token-file was given")
		return inForce, nil
	}
	tokens, err := f.tokens()
	if err == nil {
		err = checkOpening(tokens, inForce)
	}
	if err != nil {
		d.log.Error("the tokens stay as they were", "err", err)
		return inForce, err
	}
	d.server.SetTokens(tokens)
	d.log.Info("the token file was reread", "tokens", tokens.Len())
	return tokens, nil
}

// checkOpening refuses tokens that leave a right to everybody, for which a token
// was needed before: a file that is half written would do that.
func checkOpening(tokens, old *auth.Table) error {
	if opens := tokens.Opens(old); len(opens) > 0 {
		return fmt.Errorf("no token would be left for %v, which would open that to everybody; restart the daemon if this is meant", opens)
	}
	return nil
}

// warnOfReaders tells when others may read the tokens of a file.
func (f *daemonFlags) warnOfReaders(log *slog.Logger) {
	files := []string{f.TokenFile}
	if config, err := readConfigFile(f.Config); err == nil && config.values["token"] != nil {
		files = append(files, f.Config)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o007 != 0 {
			log.Warn("every user of this machine may read the tokens: chmod o= the file", "file", file, "mode", info.Mode().Perm())
		}
	}
}
