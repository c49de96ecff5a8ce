package loop

// agentBytesMax is how much of a User-Agent is kept.
const agentBytesMax = 256

// An agent is the name of a client program, held once for all connections that
// give it: ten thousand browsers have a few dozen names between them.
type agent struct {
	name string
	refs int
}

type agents map[string]*agent

// intern finds or adds a name. No name needs no memory.
func (x agents) intern(name []byte) *agent {
	if len(name) == 0 {
		return nil
	}
	name = name[:min(len(name), agentBytesMax)]
	a, ok := x[string(name)]
	if !ok {
		a = &agent{name: string(name)}
		x[a.name] = a
	}
	a.refs++
	return a
}

func (x agents) release(a *agent) {
	if a == nil {
		return
	}
	if a.refs--; a.refs == 0 {
		delete(x, a.name)
	}
}
