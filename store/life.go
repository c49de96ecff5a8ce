package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A machine that stops loses what the kernel had not written yet: with interval sync
// the newest messages of a store, whose numbers are then given again. An id of a lost
// message would pass for its successor's. So a store whose machine stopped while it
// was open begins another life, and with it another epoch of ids: who comes back with
// one of the old is told of a gap. A daemon that was killed loses nothing, and the
// kernel's boot id tells the two apart.

// lifeFile in the store's folder has the present life.
const lifeFile = "ssed.life"

// A life is what lifeFile holds.
type life struct {
	Number uint64 `json:"number"`
	// Boot is the machine's boot id while the store is open; empty: it was closed, and
	// everything is on the disk.
	Boot string `json:"boot,omitempty"`
	// SyncAlways was so while it was open: a machine that stops loses nothing then.
	SyncAlways bool `json:"sync_always,omitempty"`
}

// bootID is the kernel's: another one after each start of the machine.
func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// beginLife notes that a store is open, on a machine with this boot id. anew tells
// that it is another life than the last one.
func beginLife(dir, boot string, syncAlways bool) (l life, anew bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, lifeFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return l, false, err
	case json.Unmarshal(text, &l) != nil: // cut short by a machine that stopped
		l, anew = life{Number: uint64(time.Now().UnixNano())}, true
	case l.Boot != "" && l.Boot != boot && !l.SyncAlways:
		l.Number++
		anew = true
	}
	l.Boot, l.SyncAlways = boot, syncAlways
	return l, anew, l.write(dir)
}

// end notes that the store is closed and on the disk.
func (l life) end(dir string) error {
	l.Boot = ""
	return l.write(dir)
}

// write replaces the file at once and for good.
func (l life) write(dir string) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, lifeFile)
	file, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
