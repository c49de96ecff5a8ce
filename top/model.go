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
	// pollShare is the share of time that polls may take: with a hundred thousand
	// namespaces, or over a thin line, they come less often.
	pollShare = 10
	// connectionsShown bounds how many connections are asked for. There may be a
	// hundred thousand, and the first are those to look at.
	connectionsShown = 500
)

// A daemon is whom the model asks: a Client, or one that a test made up.
type daemon interface {
	status(context.Context, query) (*status, error)
	namespaces(context.Context) ([]set, error)
	disconnect(ctx context.Context, id uint64) (gone bool, err error)
}

// What reaches the model, besides keys and the size of the screen.
type (
	// samplesMsg has new samples, or with begin all that the daemon has.
	samplesMsg struct {
		samples []sample
		begin   bool
	}
	// lostMsg tells that the samples no longer come, and why.
	lostMsg struct{ why error }
	// pollMsg is what the daemon answered to a poll.
	pollMsg struct {
		query  query
		status *status
		sets   []set
		err    error
		at     time.Time
		took   time.Duration
	}
	// tickMsg tells that it is time for a poll, if it is the last one arranged.
	tickMsg int
	// disconnectedMsg tells what came of a disconnection.
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

// A model is all that is known and chosen. Update and View are functions of it.
type model struct {
	daemon daemon
	where  string
	style  style

	width, height int

	samples []sample
	status  *status
	sets    []row
	counted time.Time // when the messages of sets were
	lost    string    // why the samples do not come; "": they do
	trouble string    // what was wrong with the last poll; "": nothing

	query   query
	polling bool
	tick    tickMsg // the last one arranged
	focus   pane
	lists   [panes]list
	busiest bool // the order of the namespaces

	helping bool
	typing  bool   // a filter
	typed   string // of it
	asking  *connection
	note    string // until the next key
}

// A row is a subscription set and how fast messages come there.
type row struct {
	set
	rate float64
}

func newModel(d daemon, where string, first *status, color bool) *model {
	m := &model{daemon: d, where: where, style: style{color}, query: query{limit: connectionsShown}, width: 80, height: 24}
	m.take(first)
	return m
}

// Init is that of tea.Model.
func (m *model) Init() tea.Cmd { return m.poll() }

// Update is that of tea.Model.
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
		m.asking = nil // a daemon that began anew counts its connections anew, too
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
		return d.who + " had left already"
	}
	return "disconnected " + d.who
}

// sampled takes samples, and tells when they come again after a loss.
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
	m.lost, m.trouble, m.note = "", "", "connected again"
	return m.now()
}

// poll asks for everything that does not come by itself.
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

// now polls at once, or as soon as the poll on its way is back (see polled).
func (m *model) now() tea.Cmd {
	m.tick++
	if m.polling {
		return nil
	}
	return m.poll()
}

// polled takes the answer to a poll, and arranges the next. If something else
// was chosen meanwhile, the answer is to a question that no longer matters.
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
		m.note = "the daemon has been restarted at " + time.Unix(s.StartupTime, 0).Format(time.TimeOnly)
	}
	m.status = s
	keys := make([]uint64, len(s.Connections))
	for i := range s.Connections {
		keys[i] = s.Connections[i].ID
	}
	m.lists[connections].set(keys)
}

// takeSets takes the subscription sets that the filter lets pass. Their rates are
// by what was counted the last time.
func (m *model) takeSets(sets []set, at time.Time) {
	before := map[uint64]uint64{}
	for i := range m.sets {
		before[m.sets[i].Stream] = m.sets[i].Messages
	}
	passed := at.Sub(m.counted).Seconds()
	m.sets, m.counted = nil, at
	for _, s := range sets {
		if !m.query.hears(s.Namespaces) {
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

// sortSets puts the busiest first, if that was chosen. They come by name.
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

// hears tells whether one of the namespaces is the chosen one, or below it.
func (q query) hears(all []text) bool {
	return q.namespace == "" || slices.ContainsFunc(all, func(ns text) bool {
		return nsindex.Within([]byte(ns), q.namespace)
	})
}

// disconnect ends a connection.
func (m *model) disconnect(c *connection) tea.Cmd {
	d, who := m.daemon, c.who()
	return func() tea.Msg {
		gone, err := d.disconnect(context.Background(), c.ID)
		return disconnectedMsg{who, gone, err}
	}
}

// who names a connection for a question.
func (c *connection) who() string {
	return fmt.Sprintf("%s on %s", c.ClientIP, joined(c.Namespaces))
}
