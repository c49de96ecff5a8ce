package main

import (
	"cmp"
	"fmt"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// The load of Emojitracker, which used the library that ssed descends from. It had a stream of
// everything, a sum every 17 ms, which most people watched, and a stream for each of 850 emoji. It
// ran on one machine with 512 MB.
const (
	emojiTotal       = 850
	firstEmoji       = 0x1f300 // this and all following have five digits, so no name is a prefix of another
	emojiSubscribers = 5000
	emojiMemory      = 512 << 20
	emojiEps         = 1000. / 17 // sums per second
	emojiPerEps      = 7          // tweets in each sum: about 400 a second
)

// The sizes of the data, in bytes: an emoji's code point, a sum of seven in JSON, and a tweet in
// JSON.
const (
	rawBytes     = 16
	epsBytes     = 96
	detailsBytes = 400
)

// emojiTopics returns the streams and the order in which messages are published to them. Of 100
// subscribers, 60 watch the sums, 3 watch everything, and the others watch one emoji.
func emojiTopics(subscribers int) (topics []load.Topic, turns []int) {
	eps, raw := subscribers*60/100, subscribers*3/100
	add := func(namespace string, subscribers, size int) {
		topics = append(topics, load.Topic{Subscribers: subscribers, Namespaces: []string{namespace}, Targets: []string{namespace}, PayloadBytes: size})
	}
	add("/eps", eps, epsBytes)
	add("/raw", raw, rawBytes)
	details := load.Split(subscribers-eps-raw, emojiTotal)
	for i := range details {
		add(fmt.Sprintf("/details/%X", firstEmoji+i), details[i].Subscribers, detailsBytes)
	}
	for tweet := range emojiTotal * emojiPerEps {
		if tweet%emojiPerEps == 0 {
			turns = append(turns, 0)
		}
		turns = append(turns, 1, 2+tweet%emojiTotal)
	}
	return topics, turns
}

// emojitracker runs the load of Emojitracker on a server that is confined to 512 MB.
func (b *bench) emojitracker(spec server.Spec) (values, error) {
	if !spec.Namespaces {
		return nil, nil
	}
	topics, turns := emojiTopics(cmp.Or(b.options.Subscribers, emojiSubscribers))
	config := load.Config{Topics: topics, Turns: turns, RatePerSec: emojiEps * (1 + 2*emojiPerEps)}
	p, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	cage, err := p.Confine(emojiMemory)
	if err != nil {
		return nil, err
	}
	defer cage.Release()
	got, err := b.messagesOf(p, spec, config)
	if err != nil {
		return nil, err
	}
	peak, err := cage.Peak()
	if err != nil {
		return nil, err
	}
	if peak > emojiMemory {
		return nil, fmt.Errorf("the server used %d MiB of memory, expected at most %d", peak>>20, emojiMemory>>20)
	}
	enforced := 0.
	if cage.Enforced() {
		enforced = 1
	}
	return append(got, value{peakMiB, float64(peak) / mebi}, value{memoryEnforced, enforced}), nil
}
