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

// A machine that stops loses the data that the kernel has not written to the disk. With interval
// sync, those are the newest messages of a store. Their sequences are then assigned again, and
// the id of a lost message would match its successor.
//
// So a store whose machine stopped while it was open begins a new generation, and with it a new
// epoch of ids. A client that resumes with an id of the old epoch gets a gap event. A killed
// daemon loses nothing. The kernel's boot id tells the two cases apart:
//
//	generationFile           what happened              generation
//	is missing               the store is new           0
//	has no boot id           the store was closed       the same
//	has the current boot id  the daemon was killed      the same
//	has another boot id      the machine stopped        a new one, unless SyncAlways was set
//	is malformed             the machine stopped while  a new one
//	                         the file was written

// generationFile is the name of the file in the store's folder with the current generation.
const generationFile = "ssed.generation"

// A generation is the content of generationFile.
type generation struct {
	Number uint64 `json:"number"`
	// Boot is the machine's boot id while the store is open. It is empty if the store was
	// closed and all its data is on the disk.
	Boot string `json:"boot,omitempty"`
	// SyncAlways is the setting with which the store is open. If it is set, a machine that
	// stops loses nothing.
	SyncAlways bool `json:"sync_always,omitempty"`
}

// bootID returns the kernel's boot id. It is different after each start of the machine.
func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// beginGeneration records that the store is open on a machine with this boot id. isNew reports
// whether it began a new generation.
func beginGeneration(dir, boot string, syncAlways bool) (g generation, isNew bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, generationFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return g, false, err
	case json.Unmarshal(text, &g) != nil: // cut short by a machine that stopped
		g, isNew = generation{Number: uint64(time.Now().UnixNano())}, true
	case g.Boot != "" && g.Boot != boot && !g.SyncAlways:
		g.Number++
		isNew = true
	}
	g.Boot, g.SyncAlways = boot, syncAlways
	return g, isNew, g.write(dir)
}

// end records that the store is closed and all its data is on the disk.
func (g generation) end(dir string) error {
	g.Boot = ""
	return g.write(dir)
}

// write replaces the file atomically and syncs it to the disk.
func (g generation) write(dir string) error {
	text, err := json.Marshal(g)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, generationFile)
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
