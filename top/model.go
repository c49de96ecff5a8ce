package top

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ssed/ssed/nsindex"
)

const (
	pollInterval = 2 * time.Second
	// pollShare limits the time spent on polls to one part in pollShare. With a hundred thousand
	// namespaces, or over a slow network, polls are less frequent.
	pollShare = 10
	// connectionsShown limits the number of requested connections. There may be a hundred thousand,
	// and the first ones are the most interesting.
	connectionsShown = 500
)

// A daemon answers the model's requests: a Client, or a fake in tests.
type daemon interface {
	status(context.Context, query) (*status, error)
	namespaces(context.Context) ([]set, error)
	disconnect(ctx context.Context, id uint64) (gone bool, err error)
}

// The messages to the model, besides keys and the size of the screen.
type (
	// samplesMsg contains new samples or, with begin set, all samples of the daemon.
	samplesMsg struct {
		samples []sample
		begin   bool
	}
	// lostMsg reports that the stream of samples has ended, and why.
	lostMsg struct{ why error }
	// pollMsg is the daemon's answer to a poll.
	pollMsg struct {
		query  query
		status *status
		sets   []set
		err    error
		at     time.Time
		took   time.Duration
	}
	// tickMsg starts a poll, unless a later tick was scheduled.
	tickMsg int
	// disconnectedMsg is the result of a disconnection.
	disconnectedMsg struct {
		who  string
		gone bool
		err  error
	}
)

// A pane is one of the tables.
type pane int

const (
	connections pane = iota
	namespaces
	panes
)

// A model is the state of the program: the answers of the daemon and the choices of the user. Only
// Bubble Tea's goroutine uses it; requests run on other goroutines and return messages.
type model struct {
	daemon daemon
	where  string
	style  style

	width, height int

	samples []sample
	status  *status
	loops   []loopRow
	sets    []row
	counted time.Time // when the last poll was answered, which has the counts of loops and sets
	lost    string    // why there is no stream of samples; "" while there is one
	trouble string    // the error of the last poll; "" if it succeeded

	query   query
	polling bool
	tick    tickMsg // the last scheduled tick
	focus   pane
	lists   [panes]list
	busiest bool // the namespaces are sorted by rate, not by name

	helping bool
	typing  bool        // the user types a filter
	typed   string      // the filter so far
	asking  *connection // the connection for which confirmation is requested
	note    string      // shown until the next key press
}

// A row is a subscription set with its messages per second.
type row struct {
	set
	rate float64
}

func newModel(d daemon, where string, first *status, color bool) *model {
	m := &model{daemon: d, where: where, style: style{color}, query: query{limit: connectionsShown}, width: 80, height: 24}
	m.takeLoops(first, time.Time{})
	m.take(first)
	return m
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return m.poll() }

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		m.paste(msg.Content)
	case samplesMsg:
		return m, m.sampled(msg)
	case lostMsg:
		m.lost = string(clean(msg.why.Error()))
		m.asking = nil // after a restart of the daemon, the id may belong to another connection
	case pollMsg:
		return m, m.polled(msg)
	case tickMsg:
		if msg == m.tick && !m.polling {
			return m, m.poll()
		}
	case disconnectedMsg:
		m.note = msg.words()
		return m, m.now()
	}
	return m, nil
}

func (d disconnectedMsg) words() string {
	switch {
	case d.err != nil:
		return string(clean(d.err.Error()))
	case d.gone:
		return d.who + " was already disconnected"
	}
	return "disconnected " + d.who
}

// sampled adds samples. The first samples after a loss show that the connection is restored.
func (m *model) sampled(msg samplesMsg) tea.Cmd {
	if msg.begin {
		m.samples = nil
	}
	m.samples = append(m.samples, msg.samples...)
	if more := len(m.samples) - samplesMax; more > 0 {
		m.samples = slices.Delete(m.samples, 0, more)
	}
	if m.lost == "" {
		return nil
	}
	m.lost, m.trouble, m.note = "", "", "reconnected"
	return m.now()
}

// poll requests the data that the daemon does not stream: the status and the subscription sets.
func (m *model) poll() tea.Cmd {
	m.polling = true
	d, q := m.daemon, m.query
	return func() tea.Msg {
		begin := time.Now()
		answer := pollMsg{query: q}
		if answer.status, answer.err = d.status(context.Background(), q); answer.err == nil {
			answer.sets, answer.err = d.namespaces(context.Background())
		}
		answer.at = time.Now()
		answer.took = answer.at.Sub(begin)
		return answer
	}
}

// now polls immediately or, if a poll is in progress, after that poll (see polled).
func (m *model) now() tea.Cmd {
	m.tick++
	if m.polling {
		return nil
	}
	return m.poll()
}

// polled stores the answer to a poll, and schedules the next poll. If the query has changed since
// the poll began, it drops the answer and polls again immediately.
func (m *model) polled(msg pollMsg) tea.Cmd {
	m.polling = false
	if msg.query != m.query {
		return m.poll()
	}
	wait := pollInterval
	if msg.err != nil {
		m.trouble = string(clean(msg.err.Error()))
	} else {
		m.trouble = ""
		m.takeLoops(msg.status, msg.at)
		m.take(msg.status)
		m.takeSets(msg.sets, msg.at)
		wait = max(wait, (pollShare-1)*msg.took)
	}
	m.tick++
	next := m.tick
	return tea.Tick(wait, func(time.Time) tea.Msg { return next })
}

func (m *model) take(s *status) {
	if m.status != nil && s.StartupTime != m.status.StartupTime {
		m.note = "the daemon was restarted at " + time.Unix(s.StartupTime, 0).Format(time.TimeOnly)
	}
	m.status = s
	keys := make([]uint64, len(s.Connections))
	for i := range s.Connections {
		keys[i] = s.Connections[i].ID
	}
	m.lists[connections].set(keys)
}

// takeSets stores the subscription sets that match the filter, and computes their rates since the
// previous poll.
func (m *model) takeSets(sets []set, at time.Time) {
	before := map[uint64]uint64{}
	for i := range m.sets {
		before[m.sets[i].Stream] = m.sets[i].Messages
	}
	passed := at.Sub(m.counted).Seconds()
	m.sets, m.counted = nil, at
	for _, s := range sets {
		if !m.query.covers(s.Namespaces) {
			continue
		}
		rate := math.NaN()
		if n, ok := before[s.Stream]; ok && s.Messages >= n && passed > 0 {
			rate = float64(s.Messages-n) / passed
		}
		m.sets = append(m.sets, row{s, rate})
	}
	m.sortSets()
}

// sortSets sorts the sets by name or, if the user has chosen this, by rate with the busiest first.
func (m *model) sortSets() {
	slices.SortStableFunc(m.sets, func(a, b row) int {
		byName := slices.Compare(a.Namespaces, b.Namespaces)
		if m.busiest {
			return cmp.Or(cmp.Compare(b.rate, a.rate), byName) // NaN is the lowest
		}
		return byName
	})
	keys := make([]uint64, len(m.sets))
	for i := range m.sets {
		keys[i] = m.sets[i].Stream
	}
	m.lists[namespaces].set(keys)
}

// covers reports whether a set contains the chosen namespace, or a namespace below it.
func (q query) covers(all []text) bool {
	return q.namespace == "" || slices.ContainsFunc(all, func(ns text) bool {
		return nsindex.Within([]byte(ns), q.namespace)
	})
}

// disconnect returns a command that closes a connection.
func (m *model) disconnect(c *connection) tea.Cmd {
	d, who := m.daemon, c.who()
	return func() tea.Msg {
		gone, err := d.disconnect(context.Background(), c.ID)
		return disconnectedMsg{who, gone, err}
	}
}

// who describes a connection by its address and namespaces.
func (c *connection) who() string {
	return fmt.Sprintf("%s on %s", c.ClientIP, joined(c.Namespaces))
}
