package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"
)

// errStoreInUse marks a store that another process has locked. The kernel releases the lock when
// that process exits, even after a crash.
var errStoreInUse = errors.New("another process uses this store")

const (
	// storeRoomMin is how much space a disk must have free at the start. That is two of the
	// server's message files, because the server writes a new file before it deletes an old
	// one.
	storeRoomMin = 16 << 20

	// A tenth of the disk is kept free, within these limits. Files are larger than the
	// messages that count as stored, until the server compacts files with many deleted
	// messages.
	reserveBytesMin = 2 * storeRoomMin
	reserveBytesMax = 1 << 30

	// memoryStoreBytesMax limits streams in memory. ssed has none, but the library would
	// reserve three quarters of the machine's memory for them.
	memoryStoreBytesMax = 16 << 20

	// lockFile in the store's folder is locked while a process uses the folder. The library
	// has no such lock: two servers would overwrite each other's files.
	lockFile = "ssed.lock"
)

// embeddedOptions configure the embedded server. It ignores CacheBytesMax.
type embeddedOptions struct {
	Embedded
	// StoreBytesMax is the maximum size of the stream; 0: as much as the disk has room for.
	StoreBytesMax int64
	// Log receives lines for operators, and the library's notices at debug level.
	Log *slog.Logger
}

// An embeddedServer is a NATS server with JetStream in this process. It has no port. Connect to
// it with its method connect.
type embeddedServer struct {
	dir        string
	server     *server.Server
	lock       *os.File
	generation generation
	log        *slog.Logger
	// failed is closed when a write to the disk has failed. From then on the server stores
	// nothing and acknowledges nothing, even if the disk has room again. It must be
	// restarted.
	failed <-chan struct{}
}

// startEmbedded starts the server and returns once it has read the stored messages. Its errors
// contain advice for the operator. They wrap errStoreInUse if another process uses the store.
func startEmbedded(opts embeddedOptions) (_ *embeddedServer, err error) {
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", opts.Dir, err)
	}
	lock, err := takeStore(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	bytesMax, err := storeBytesMax(dir, opts)
	if err != nil {
		return nil, err
	}
	generation, err := openGeneration(dir, opts)
	if err != nil {
		return nil, err
	}
	natsLog := newNatsLog(opts.Log, dir)
	s, err := server.NewServer(serverOptions(dir, bytesMax, opts))
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	s.SetLoggerV2(natsLog, false, false, false)
	s.Start() // without a port, it returns when the server is ready, or after a Fatalf
	e := &embeddedServer{dir: dir, server: s, lock: lock, generation: generation, log: opts.Log, failed: natsLog.failed}
	if fatal := natsLog.fatal.Load(); fatal != nil {
		e.shutdown() // it closes the lock; the deferred Close has no effect then
		return nil, fmt.Errorf("store %s: %s; repair this folder, or use another one", dir, *fatal)
	}
	return e, nil
}

// openGeneration records that the store is open. If the machine stopped while the store was
// open, it begins a new generation and logs that.
func openGeneration(dir string, opts embeddedOptions) (generation, error) {
	boot, err := bootID()
	if err != nil {
		return generation{}, fmt.Errorf("store %s: cannot read the kernel's boot id: %w", dir, err)
	}
	present, isNew, err := beginGeneration(dir, boot, opts.SyncAlways)
	if err != nil {
		return generation{}, fmt.Errorf("store %s: %w", dir, err)
	}
	if isNew {
		opts.Log.Warn("machine stopped while the store was open; newest messages may be lost", "folder", dir)
	}
	return present, nil
}

// serverOptions returns the options of a NATS server without a port.
func serverOptions(dir string, bytesMax int64, opts embeddedOptions) *server.Options {
	return &server.Options{
		ServerName: "ssed", // the default is a new random name at each start
		DontListen: true,
		NoSigs:     true, // the command handles signals
		NoLog:      true, // no log on standard error; SetLoggerV2 sets the logger
		MaxPayload: server.MAX_PAYLOAD_MAX_SIZE,

		JetStream:              true,
		StoreDir:               dir,
		SyncAlways:             opts.SyncAlways,
		SyncInterval:           opts.SyncInterval,
		JetStreamMaxMemory:     memoryStoreBytesMax,
		JetStreamMaxStore:      bytesMax,
		DisableJetStreamBanner: true,
	}
}

// connect opens a connection within this process, without a socket.
func (e *embeddedServer) connect(options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append(options, nats.InProcessServer(e.server))...)
}

// shutdown stops the server, syncs its files to the disk, and releases the lock. Connections that
// are still open are closed.
func (e *embeddedServer) shutdown() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	// The server writes its files without syncing them.
	err := syncStore(e.dir)
	if err == nil {
		err = e.generation.end(e.dir)
	}
	if err != nil {
		e.log.Error("store may not be synced to disk", "folder", e.dir, "err", err)
	}
	e.lock.Close()
}

// takeStore creates the folder if it is missing, and locks it. The lock is released when the
// returned file is closed, or when the process exits.
func takeStore(dir string) (lock *os.File, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if info, statErr := os.Stat(dir); statErr == nil && !info.IsDir() {
			return nil, fmt.Errorf("store %s: not a folder; give the path of a folder", dir)
		}
		return nil, fmt.Errorf("store %s: cannot create the folder (%w); create it writable for this user, or use another one", dir, err)
	}
	lock, err = os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, unix.ENOSPC):
		return nil, fmt.Errorf("store %s: %w; free space on its disk, or use a folder on another disk", dir, err)
	case err != nil:
		return nil, fmt.Errorf("store %s: cannot write to the folder (%w); make this user its owner, or use another folder", dir, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("store %s: %w; each daemon needs its own folder (to run several daemons as one, share a NATS server)", dir, errStoreInUse)
		}
		return nil, fmt.Errorf("store %s: cannot lock the folder (%w); use a folder on a local disk", dir, err)
	}
	return lock, nil
}

// storeBytesMax returns how large the store may grow: its current size, plus the free space of
// the disk minus a reserve. Publishers are then refused before the disk is full. That is better
// than a failed write, which stops the server (embeddedServer.failed). The library's default,
// three quarters of the free space, would shrink with each start.
//
// The server refuses a stream whose limit exceeds this size. So if the stream's limit is larger,
// storeBytesMax logs a warning and returns the limit.
func storeBytesMax(dir string, opts embeddedOptions) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, fmt.Errorf("store %s: %w", dir, err)
	}
	free, size := int64(disk.Bavail)*int64(disk.Bsize), int64(disk.Blocks)*int64(disk.Bsize)
	if free < storeRoomMin {
		return 0, fmt.Errorf("store %s: its disk has %d MiB free, but %d MiB are required; free space, or use a folder on another disk", dir, free>>20, storeRoomMin>>20)
	}
	stored, err := bytesIn(dir)
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", dir, err)
	}
	reserve := min(max(size/10, reserveBytesMin), reserveBytesMax)
	room := max(stored+max(free-reserve, 0), 1) // 0 would select the library's default
	if opts.StoreBytesMax > room {
		opts.Log.Warn("stream limit exceeds the free disk space",
			"folder", dir, "limit_bytes", opts.StoreBytesMax, "room_bytes", room)
		return opts.StoreBytesMax, nil
	}
	return room, nil
}

// bytesIn returns the total size of the files in a folder and its subfolders.
func bytesIn(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		n += info.Size()
		return err
	})
	return n, err
}

// syncStore syncs the folder's whole file system to the disk.
func syncStore(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return unix.Syncfs(int(folder.Fd()))
}
