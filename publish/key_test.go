package publish

import (
	"fmt"
	"strings"
	"testing"
)

const (
	noKey    = "ERR syntax missing key: expected KEY <key>\n"
	unkeyed  = "ERR syntax the preceding KEY was refused, so this message is not published without its key\n"
	noStore  = "ERR syntax KEY is not supported without a store: start the server with --store or --nats, or publish without KEY\n"
	badSpace = "ERR syntax the key contains a space or control character at byte 1\n"
)

// PublishKeyed implements KeyedSink. The recorder never forgets a key.
func (r *recorder) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	suffix := fmt.Sprintf(" by %s", key)
	for i, m := range r.got {
		if strings.HasSuffix(m, suffix) {
			return uint64(i + 1), nil
		}
	}
	sequence, err := r.Publish(namespace, event, data)
	if err == nil {
		r.got[sequence-1] += suffix
	}
	return sequence, err
}

// spent returns a conversation with a refused PUB or PUBN between KEY and another PUB. The refused
// message uses up the key, so the other message has none.
func spent(name, refused, err string) conversation {
	return conversation{name: "KEY is spent: " + name, in: "KEY lost\n" + refused + "PUB / - y\n", out: "OK\n" + err + "OK 1\n", got: []string{"/||y"}}
}

var keyConversations = []conversation{
	{name: "KEY", in: "KEY a\nPUB /pets e x\n", out: "OK\nOK 1\n", got: []string{"/pets|e|x by a"}},
	{name: "KEY in CRLF", in: "KEY a\r\nPUB /pets e x\r\n", out: "OK\nOK 1\n", got: []string{"/pets|e|x by a"}},
	{name: "KEY and PUBN", in: "KEY a\nPUBN /pets e 3\nx\ny\nPING\n", out: "OK\nOK 1\nPONG\n", got: []string{"/pets|e|x\ny by a"}},
	{name: "KEY and PUBN in CRLF", in: "KEY a\r\nPUBN /pets e 3\r\nx\ny\r\nPUB / - z\r\n", out: "OK\nOK 1\nOK 2\n", got: []string{"/pets|e|x\ny by a", "/||z"}},
	{name: "KEY of another alphabet", in: "KEY größe/1:2\nPUB / - x\n", out: "OK\nOK 1\n", got: []string{"/||x by größe/1:2"}},
	{name: "longest KEY", in: "KEY " + strings.Repeat("k", 128) + "\nPUB / - x\n", out: "OK\nOK 1\n", got: []string{"/||x by " + strings.Repeat("k", 128)}},
	{name: "KEY is for one message", in: "KEY a\nPUB / - x\nPUB / - y\nPUB / - z\n", out: "OK\nOK 1\nOK 2\nOK 3\n", got: []string{"/||x by a", "/||y", "/||z"}},
	{name: "KEY and a cached prefix", in: "PUB / - x\nKEY a\nPUB / - y\nPUB / - z\n", out: "OK 1\nOK\nOK 2\nOK 3\n", got: []string{"/||x", "/||y by a", "/||z"}},
	{name: "KEY again for the same", in: "KEY a\nPUB / - x\nPUB / - y\nKEY a\nPUB / - x\nPUB / - z\n", out: "OK\nOK 1\nOK 2\nOK\nOK 1\nOK 3\n",
		got: []string{"/||x by a", "/||y", "/||z"}},
	{name: "KEY replaces KEY", in: "KEY a\nKEY b\nPUB / - x\n", out: "OK\nOK\nOK 1\n", got: []string{"/||x by b"}},
	{name: "KEY waits behind other commands", in: "KEY a\nPING\nQUIET off\nAUTH x\nkey b\n\nPUB / - x\n",
		out: "OK\nPONG\nOK\nOK\nERR syntax unknown command \"key\": ...\n" + emptyLine + "OK 1\n", got: []string{"/||x by a"}},
	{name: "KEY in QUIET", in: "QUIET on\nKEY a\nPUB / - x\nKEY\nPUB / - y\nQUIET off\n", out: "OK\n" + noKey + unkeyed + "OK\n", got: []string{"/||x by a"}},
	{name: "KEY before AUTH", cfg: &guarded, in: "KEY a\nPUB / - x\nAUTH all\nKEY b\nPUB / - y\n", out: "OK\n" + needsToken + "OK\nOK\nOK 1\n", got: []string{"/||y by b"}},

	// A refused KEY, and the commands after it
	{name: "KEY without key", in: "KEY\nPUB / - x\nKEY \nPUB / - x\nPUB / - y\n", out: noKey + unkeyed + noKey + unkeyed + "OK 1\n", got: []string{"/||y"}},
	{name: "KEY with a space", in: "KEY a b\nPUB / - x\nPUB / - y\n", out: badSpace + unkeyed + "OK 1\n", got: []string{"/||y"}},
	{name: "KEY with a control character", in: "KEY a\x7f\nPUB / - x\n", out: badSpace + unkeyed},
	{name: "KEY with a space of another alphabet", in: "KEY a\u00a0\nPUB / - x\n", out: badSpace + unkeyed},
	{name: "KEY that is no text", in: "KEY \xff\nPUB / - x\n", out: "ERR syntax the key is not valid UTF-8\n" + unkeyed},
	{name: "long KEY", in: "KEY " + strings.Repeat("k", 129) + "\nPUB / - x\n", out: "ERR syntax the key has 129 bytes, at most 128 are allowed\n" + unkeyed},
	{name: "overlong KEY", cfg: &small, in: "KEY " + strings.Repeat("k", smallLine) + "\nPUB / - x\nPUB / - y\n",
		out: "ERR too-long ...\nERR too-long the preceding KEY was refused, ...\nOK 1\n", got: []string{"/||y"}},
	{name: "refused KEY and PUBN", in: "KEY\nPUBN / - 5\nPING\n\nPUB / - y\n", out: noKey + unkeyed + "OK 1\n", got: []string{"/||y"}},
	{name: "refused KEY and a refused PUB", in: "KEY\nPUB /\nPUB / - y\n", out: noKey + noEvent + "OK 1\n", got: []string{"/||y"}},
	{name: "refused KEY and a good one", in: "KEY\nKEY a\nPUB / - x\n", out: noKey + "OK\nOK 1\n", got: []string{"/||x by a"}},
	{name: "good KEY and a refused one", in: "KEY a\nKEY\nPUB / - x\nPUB / - y\n", out: "OK\n" + noKey + unkeyed + "OK 1\n", got: []string{"/||y"}},
	{name: "refused KEY before a cached prefix", in: "PUB / - x\nKEY\nPUB / - y\nPUB / - z\n", out: "OK 1\n" + noKey + unkeyed + "OK 2\n", got: []string{"/||x", "/||z"}},
	{name: "KEY without a store", keyless: true, in: "KEY a\nPUB / - x\nPUB / - y\n", out: noStore + unkeyed + "OK 1\n", got: []string{"/||y"}},
	{name: "bad KEY without a store", keyless: true, in: "KEY\nPUBN / - 1\nx\nPUB / - y\n", out: noKey + unkeyed + "OK 1\n", got: []string{"/||y"}},

	// Every PUB or PUBN uses up the key, even if it is refused.
	spent("PUB without event", "PUB /\n", noEvent),
	spent("PUB without data", "PUB / -\n", noData),
	spent("bad namespace", "PUB pets e x\n", "ERR namespace ...\n"),
	spent("bad event", "PUB /pets a\rb x\n", "ERR event ...\n"),
	spent("bad UTF-8", "PUB / e x\xff\n", notUTF8),
	spent("busy", "PUB /full e x\n", "ERR busy ...\n"),
	spent("PUBN without number", "PUBN / - x\n", "ERR syntax ...\n"),
	spent("PUBN with a bad namespace", "PUBN pets - 5\nPING\n\n", "ERR namespace ...\n"),
	spent("PUBN with a wrong number", "PUBN / - 3\nCorgi\n", missingEnd),
	spent("PUBN with bad UTF-8", "PUBN / - 2\nx\xff\n", notUTF8),
	spent("PUBN and busy", "PUBN /full - 1\nx\n", "ERR busy ...\n"),
	{name: "KEY is spent: long data", cfg: &small, in: "KEY a\nPUB / - 123456789\nKEY b\nPUBN / - 9\n123456789\nPUB / - y\n",
		out: "OK\nERR too-long ...\nOK\nERR too-long ...\nOK 1\n", got: []string{"/||y"}},
	{name: "KEY is spent: overlong PUB", cfg: &small, in: "KEY a\nPUB / - " + strings.Repeat("x", smallLine) + "\nPUB / - y\n",
		out: "OK\nERR too-long ...\nOK 1\n", got: []string{"/||y"}},
	{name: "KEY is spent: overlong PUBN", cfg: &small, in: "KEY a\nPUBN / - " + strings.Repeat("1", smallLine) + "\nPUB / - y\n",
		out: "OK\nERR too-long ...\nOK 1\n", got: []string{"/||y"}},
	{name: "KEY outlives an overlong line of another kind", cfg: &small, in: "KEY a\nPUBBER" + strings.Repeat("x", smallLine) + "\nPUB / - y\n",
		out: "OK\nERR too-long ...\nOK 1\n", got: []string{"/||y by a"}},
}

func TestKeyedFeedDoesNotAllocate(t *testing.T) {
	in := []byte(strings.Repeat("KEY 6ba7b810-9dad-11d1-80b4-00c04fd430c8\nPUB /pets/dogs new-dog Corgi\nKEY b\nPUBN /pets - 3\na\nb\n", 9))
	s, sink := NewSession(&open), &nowhereKeyed{}
	out := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { out, _ = s.Feed(in, sink, out[:0]) }); n != 0 {
		t.Errorf("%v allocations for good commands", n)
	}
	if sink.keyed == 0 || sink.keyed != sink.sequence {
		t.Errorf("%d of %d messages had a key", sink.keyed, sink.sequence)
	}
}

type nowhereKeyed struct {
	nowhere
	keyed uint64
}

func (n *nowhereKeyed) PublishKeyed(_, _, _, _ []byte) (uint64, error) {
	n.keyed++
	return n.Publish(nil, nil, nil)
}
