package store

import (
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// cacheExpiry is how long the embedded server keeps a block of the stream in memory
	// after the last access. The library's default of 10 s keeps everything that was
	// published in the last 10 s: more than 1 GiB at full speed. With less than 1 s the
	// server would read a whole block (up to 8 MiB) back from the disk for every message
	// of a publisher that publishes a few times a second.
	cacheExpiry = time.Second
	// cacheTicks is how many sweepIntervals a message stays in the cache at most: the
	// expiry, and the server's clock and timer, which are late by up to 100 ms each.
	cacheTicks = int(cacheExpiry/sweepInterval) + 3
)

// blockBytes is the size of the blocks that the server caches and drops as a whole.
const blockBytes = 8 << 20

// boundCache limits the server's cache to about the given number of bytes. Two blocks are
// subtracted: the block that is being written, and the block that is about to expire. While the
// cache is full, flushAcks holds the OKs back.
func (s *sender) boundCache(bytes int) {
	s.cache.bytesMax = max(bytes-2*blockBytes, bytes/2)
}

// A cacheUse estimates how many bytes the embedded server holds in its cache: the bytes of the
// messages that were stored during the last cacheTicks. The sender's mu guards it.
type cacheUse struct {
	bytesMax int             // 0: no limit, because the server is another process
	added    [cacheTicks]int // bytes of the messages stored in each tick
	at       int             // index in added of the current tick
	bytes    int             // sum of added
}

func (c *cacheUse) full() bool { return c.bytesMax > 0 && c.bytes >= c.bytesMax }

func (c *cacheUse) add(bytes int) {
	c.added[c.at] += bytes
	c.bytes += bytes
}

// tick begins the next sweepInterval and drops the oldest one.
func (c *cacheUse) tick() {
	c.at = (c.at + 1) % cacheTicks
	c.bytes -= c.added[c.at]
	c.added[c.at] = 0
}

// shortenCache sets the cache expiry of a stream to cacheExpiry, for all blocks that the
// server begins after the call. Nothing may be published to the stream during the call.
//
// The library has the setting (FileStoreConfig.CacheExpire), but no public way to reach
// it (nats-server issue 5740), so shortenCache writes to the private field. It returns
// an error if a version of the library has no such field.
func shortenCache(s *server.Server, stream string) (err error) {
	defer func() {
		if p := recover(); p != nil { // reflect panics if the types differ from the expected ones
			err = fmt.Errorf("nats-server has no cache expiry for stream %q: %v", stream, p)
		}
	}()
	at := reflect.ValueOf(s.GlobalAccount()).Elem()
	at = at.FieldByName("js").Elem().FieldByName("streams")
	at = at.MapIndex(reflect.ValueOf(stream)).Elem().FieldByName("store").Elem().Elem()
	at = at.FieldByName("fcfg").FieldByName("CacheExpire")
	if at.Type() != reflect.TypeFor[time.Duration]() {
		return fmt.Errorf("nats-server has a cache expiry of type %v for stream %q", at.Type(), stream)
	}
	*(*time.Duration)(unsafe.Pointer(at.UnsafeAddr())) = cacheExpiry
	return nil
}
