package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Topic is a stream of messages that its subscribers hear, all of them and in order.
type Topic struct {
	Subscribers  int
	Namespaces   []string // that the messages go to, in turn
	Targets      []string // what the subscribers ask for, in turn: the request's target, without "/subscribe"
	PayloadBytes int      // if 0, as the Config has it
}

// Split returns topics of one namespace each, over which the subscribers are spread evenly. The
// namespaces' names have one length, so that no name begins with another: some servers match by
// prefix.
func Split(subscribers, topics int) []Topic {
	if topics == 1 {
		return []Topic{{Subscribers: subscribers, Namespaces: []string{"/bench"}, Targets: []string{"/bench"}}}
	}
	all := make([]Topic, topics)
	for i := range all {
		name := fmt.Sprintf("/bench/%06d", i)
		all[i] = Topic{Subscribers: share(subscribers, topics, i), Namespaces: []string{name}, Targets: []string{name}}
	}
	return all
}

// Sets returns topics of size namespaces each; a subscriber asks for all of one topic's, by name.
func Sets(subscribers, topics, size int) []Topic {
	all := make([]Topic, topics)
	for i := range all {
		names := make([]string, size)
		for j := range names {
			names[j] = fmt.Sprintf("/bench/%06d", i*size+j)
		}
		target := "?ns=" + strings.Join(names, "&ns=")
		all[i] = Topic{Subscribers: share(subscribers, topics, i), Namespaces: names, Targets: []string{target}}
	}
	return all
}

// Deep returns one topic, published to in a namespace of so many segments. The subscribers are
// spread evenly over that namespace and all that it lies in, and hear it by the tree.
func Deep(subscribers, depth int) []Topic {
	namespace, targets := "", []string(nil)
	for i := range depth {
		namespace += "/" + strconv.Itoa(i)
		targets = append(targets, namespace)
	}
	return []Topic{{Subscribers: subscribers, Namespaces: []string{namespace}, Targets: targets}}
}

// share returns part i when n are divided evenly among so many.
func share(n, among, i int) int {
	part := n / among
	if i < n%among {
		part++
	}
	return part
}

const event = "tick"

// A writer says what stands before and behind the payload in what is sent to publish.
type writer func(namespace string, size int) (head, tail string)

// pubLine is ssed's own way.
func pubLine(namespace string, _ int) (head, tail string) {
	return "PUB " + namespace + " " + event + " ", "\n"
}

// post returns a writer of HTTP/1.1 requests, for servers that are published to so. They answer
// each, in order.
func post(path string) writer {
	return func(namespace string, size int) (head, tail string) {
		return fmt.Sprintf("POST %s%s HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", path, namespace, size), ""
	}
}

// seated returns the topic of each subscriber: the first of every topic, then the second of every
// topic, and so on.
func seated(topics []Topic) []int32 {
	left := make([]int, len(topics))
	for i, t := range topics {
		left[i] = t.Subscribers
	}
	var seats []int32
	for slices.Max(left) > 0 {
		for i := range left {
			if left[i] > 0 {
				left[i]--
				seats = append(seats, int32(i))
			}
		}
	}
	return seats
}
