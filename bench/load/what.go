package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Topic is a stream of messages. Each of its subscribers receives all of them in order.
type Topic struct {
	Subscribers  int
	Namespaces   []string // the messages are published to these in turn
	Targets      []string // the targets of the subscribers' requests, in turn, without "/subscribe"
	PayloadBytes int      // if 0, the size in the Config
}

// Split returns topics of one namespace each and spreads the subscribers evenly over them. The
// names of the namespaces have the same length, so that no name is a prefix of another: some
// servers match by prefix.
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

// Sets returns topics of size namespaces each. A subscriber asks for all namespaces of one topic,
// by name.
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

// Deep returns one topic, with a namespace of depth segments. The subscribers are spread evenly
// over that namespace and all its parents, and receive the messages through the tree.
func Deep(subscribers, depth int) []Topic {
	namespace, targets := "", []string(nil)
	for i := range depth {
		namespace += "/" + strconv.Itoa(i)
		targets = append(targets, namespace)
	}
	return []Topic{{Subscribers: subscribers, Namespaces: []string{namespace}, Targets: targets}}
}

// share returns part i when n is divided evenly into parts.
func share(n, among, i int) int {
	part := n / among
	if i < n%among {
		part++
	}
	return part
}

const event = "tick"

// A writer returns the bytes before and after the payload in a request to publish.
type writer func(namespace string, size int) (head, tail string)

// pubLine returns a PUB line of ssed's publishing protocol.
func pubLine(namespace string, _ int) (head, tail string) {
	return "PUB " + namespace + " " + event + " ", "\n"
}

// post returns a writer of HTTP/1.1 requests, for servers that accept messages by HTTP POST. They
// answer each request, in order.
func post(path string) writer {
	return func(namespace string, size int) (head, tail string) {
		return fmt.Sprintf("POST %s%s HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", path, namespace, size), ""
	}
}

// seated returns the topic of each subscriber: the first subscriber of every topic, then the second
// of every topic, and so on.
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
