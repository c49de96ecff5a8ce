package loop

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// places counts what the limits on connections apply to, for all loops together. All of its methods
// may be called from any goroutine.
type places struct {
	connections atomic.Int64 // connections of clients, subscribed or pending
	subscribers atomic.Int64
	authorizing atomic.Int64 // calls of Authorize whose results are not handled yet
	handed      atomic.Int64 // connections that were handed over and are open
	perAddress  perAddress
}

// takeSubscriber takes a place for a subscriber. If all places are taken, it returns the reason.
func (p *places) takeSubscriber(addr netip.Addr, most int) (cause rejectReason, ok bool) {
	if !takeOne(&p.subscribers, most) {
		return rejectFull, false
	}
	if !p.perAddress.add(addr) {
		p.subscribers.Add(-1)
		return rejectAddress, false
	}
	return 0, true
}

// releaseSubscriber undoes takeSubscriber.
func (p *places) releaseSubscriber(addr netip.Addr) {
	p.subscribers.Add(-1)
	p.perAddress.remove(addr)
}

// takeOne increases a counter, unless it has reached most.
func takeOne(counter *atomic.Int64, most int) (ok bool) {
	if counter.Add(1) > int64(most) {
		counter.Add(-1)
		return false
	}
	return true
}

// perAddress counts the subscribers of each client address, if there is a limit.
type perAddress struct {
	max int // 0: no limit, and nothing is counted

	mu     sync.Mutex
	counts map[netip.Prefix]int
}

func newPerAddress(max int) perAddress {
	return perAddress{max: max, counts: map[netip.Prefix]int{}}
}

// ipv6ClientBits is the prefix length of the network that one IPv6 client usually has (RFC 6177
// section 2). A client can use any number of addresses within it.
const ipv6ClientBits = 64

// networkOf returns the network under which an address is counted.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6ClientBits
	}
	p, _ := addr.WithZone("").Prefix(bits) // it cannot fail with these bits
	return p
}

// applies reports whether there is a limit for addr. Clients of a unix socket have no address and
// no limit.
func (p *perAddress) applies(addr netip.Addr) bool { return p.max > 0 && addr.IsValid() }

// full reports whether addr has reached the limit.
func (p *perAddress) full(addr netip.Addr) bool {
	if !p.applies(addr) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[networkOf(addr)] >= p.max
}

// add counts a subscriber of addr, unless addr has reached the limit.
func (p *perAddress) add(addr netip.Addr) (ok bool) {
	if !p.applies(addr) {
		return true
	}
	network := networkOf(addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts[network] >= p.max {
		return false
	}
	p.counts[network]++
	return true
}

// remove undoes add.
func (p *perAddress) remove(addr netip.Addr) {
	if !p.applies(addr) {
		return
	}
	network := networkOf(addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts[network]--; p.counts[network] == 0 {
		delete(p.counts, network)
	}
}
