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

// errStoreInUse marks a store that another process holds. It lets go when it ends,
// however it does.
var errStoreInUse = errors.New("another process uses this store")

const (
	// storeRoomMin is what a disk must have free at the start: two of the files that
	// the server keeps messages in, for it writes a new one before an old one goes.
	storeRoomMin = 16 << 20

	// A tenth of the disk stays free, within these: files hold more than what counts
	// as stored, until those with many deleted messages are written anew.
	reserveBytesMin = 2 * storeRoomMin
	reserveBytesMax = 1 << 30

	// memoryStoreBytesMax is for streams in memory, of which we have none. The
	// library would offer three quarters of the machine's memory.
	memoryStoreBytesMax = 16 << 20

	// lockFile in the store's folder is held as long as a process uses it. The
	// library has no such thing: two servers would write over each other's files.
	lockFile = "ssed.lock"
)

// embeddedOptions say where the server within this process keeps its messages. It takes no
// notice of CacheBytesMax.
type embeddedOptions struct {
	Embedded
	// StoreBytesMax is what the stream may grow to; 0: what the disk has room for.
	StoreBytesMax int64
	// Log hears what an operator must know, and the library's chatter at Debug.
	Log *slog.Logger
}

// An embeddedServer is a NATS server with JetStream within this process. It has no port:
// connect is the only way in.
type embeddedServer struct {
	dir        string
	server     *server.Server
	lock       *os.File
	generation generation
	log        *slog.Logger
	// failed is closed once a write to the disk failed. From then on nothing is stored
	// and no publish is answered, room or not, until the server is started anew.
	failed <-chan struct{}
}

// startEmbedded starts the server and returns once it has read the stored messages.
// Errors say what to do; they wrap errStoreInUse if another process has the store.
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
	natsLog := newNatsLog(opts.Log)
	s, err := server.NewServer(serverOptions(dir, bytesMax, opts))
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	s.SetLoggerV2(natsLog, false, false, false)
	s.Start() // without a port it returns when all is done, or after a Fatalf
	e := &embeddedServer{dir: dir, server: s, lock: lock, generation: generation, log: opts.Log, failed: natsLog.failed}
	if why := natsLog.fatal.Load(); why != nil {
		e.shutdown() // which closes the lock; the second Close does nothing
		return nil, fmt.Errorf("store %s: %s; start with another folder, or give this one back what it lacks", dir, *why)
	}
	return e, nil
}

// openGeneration begins a generation of the folder, and logs if the machine stopped
// while the store was open.
func openGeneration(dir string, opts embeddedOptions) (generation, error) {
	boot, err := bootID()
	if err != nil {
		return generation{}, fmt.Errorf("store %s: the kernel does not tell its boot id: %w", dir, err)
	}
	present, isNew, err := beginGeneration(dir, boot, opts.SyncAlways)
	if err != nil {
		return generation{}, fmt.Errorf("store %s: %w", dir, err)
	}
	if isNew {
		opts.Log.Warn("the machine stopped while the store was open: its newest messages may be lost; ids are of a new epoch, and who comes back is told of a gap", "store", dir)
	}
	return present, nil
}

// serverOptions returns the options of a NATS server without a port.
func serverOptions(dir string, bytesMax int64, opts embeddedOptions) *server.Options {
	return &server.Options{
		ServerName: "ssed", // otherwise a new key's name at each start
		DontListen: true,
		NoSigs:     true, // signals are the command's
		NoLog:      true, // nothing to standard error; SetLoggerV2 says where instead
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

// connect opens a connection that never leaves this process.
func (e *embeddedServer) connect(options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append(options, nats.InProcessServer(e.server))...)
}

// shutdown ends the server, has everything on the disk, and lets go of the store.
// Connections are closed before, or they end here.
func (e *embeddedServer) shutdown() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	// The server gives its files to the kernel and does not wait for the disk.
	err := syncStore(e.dir)
	if err == nil {
		err = e.generation.end(e.dir)
	}
	if err != nil {
		e.log.Error("the store may not be on the disk: what came last could be lost if this machine stops now", "store", e.dir, "err", err)
	}
	e.lock.Close()
}

// takeStore makes the folder if need be and locks it. The lock goes with the file
// that is returned, or with the process.
func takeStore(dir string) (lock *os.File, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if info, statErr := os.Stat(dir); statErr == nil && !info.IsDir() {
			return nil, fmt.Errorf("store %s: it is a file; name a folder, or one that can be made", dir)
		}
		return nil, fmt.Errorf("store %s: it cannot be made (%w); make it, writable for this user, or name another", dir, err)
	}
	lock, err = os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, unix.ENOSPC):
		return nil, fmt.Errorf("store %s: %w; make room on its disk, or name a folder on another", dir, err)
	case err != nil:
		return nil, fmt.Errorf("store %s: it cannot be written to (%w); let this user own it, or name another", dir, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("store %s: %w; each daemon needs a folder of its own (several act as one with a NATS server that they share)", dir, errStoreInUse)
		}
		return nil, fmt.Errorf("store %s: it cannot be locked (%w); name a folder on a disk of this machine", dir, err)
	}
	return lock, nil
}

// storeBytesMax is how large the store may get: what it has, and what the disk has
// free but for a reserve. Publishers are refused before the disk is full, for a write
// that fails ends it all (embeddedServer.failed). The library's own measure, three quarters
// of what is free, would shrink with each start. A stream whose limit is above what
// the server offers would be refused, so that limit wins, with a warning.
func storeBytesMax(dir string, opts embeddedOptions) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, fmt.Errorf("store %s: %w", dir, err)
	}
	free, size := int64(disk.Bavail)*int64(disk.Bsize), int64(disk.Blocks)*int64(disk.Bsize)
	if free < storeRoomMin {
		return 0, fmt.Errorf("store %s: its disk has %d MiB free, and %d is the least to start with; make room, or name a folder on another disk", dir, free>>20, storeRoomMin>>20)
	}
	stored, err := bytesIn(dir)
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", dir, err)
	}
	reserve := min(max(size/10, reserveBytesMin), reserveBytesMax)
	room := max(stored+max(free-reserve, 0), 1) // 0 would leave it to the library
	if opts.StoreBytesMax > room {
		opts.Log.Warn("the stream may outgrow its disk, and a full disk ends publishing until there is room: make some, or lower the stream's limit of bytes",
			"store", dir, "limit_bytes", opts.StoreBytesMax, "room_bytes", room)
		return opts.StoreBytesMax, nil
	}
	return room, nil
}

// bytesIn is how much the files of a folder and below have.
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

// syncStore waits until the disk has all that was written to its file system.
func syncStore(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return unix.Syncfs(int(folder.Fd()))
}
