package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/sse"
)

// The reasons why a stream is not used.
var (
	// errStreamDiffers marks a stream that somebody made with other settings.
	errStreamDiffers = errors.New("the stream has other settings")
	// errStreamUnfit marks a stream that cannot serve, whatever the flags say.
	errStreamUnfit = errors.New("the stream cannot serve")
)

const (
	// duplicatesDefault is how long the stream remembers keys. It bounds how late a
	// publisher may repeat itself, and what a server holds in memory for it.
	duplicatesDefault = 2 * time.Minute

	// streamNameBytesMax is the server's own limit: it names folders after streams.
	streamNameBytesMax = 255

	// streamPatience is how long one attempt waits for an answer. A cluster in which
	// a stream was just made, or lost its leader, answers some questions about it
	// never at all, so they have to be asked again.
	streamPatience = 2 * time.Second
)

// A streamConfig is what the flags ask of the stream. 0 is no limit; of Replicas it is 1.
type streamConfig struct {
	Stream
	Duplicates time.Duration // how long keys are remembered; 0: duplicatesDefault, or MaxAge if that is less
	Log        *slog.Logger  // hears of a stream that was made or changed
}

// ensureStream returns the stream, and makes it if it is missing; several daemons
// may do so at once. One that has other settings is changed only if cfg says so:
// it belongs to others, too, and a lower limit throws messages away. Where nobody
// answers it asks again until ctx ends. Errors of ours wrap errStreamDiffers or
// errStreamUnfit and say what to do.
func ensureStream(ctx context.Context, js jetstream.JetStream, cfg streamConfig) (jetstream.Stream, error) {
	if err := checkStreamName(cfg.Name); err != nil {
		return nil, err
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	for {
		attempt, cancel := context.WithTimeout(ctx, streamPatience)
		stream, err := cfg.ensure(attempt, js)
		cancel()
		if err == nil || !errors.Is(err, context.DeadlineExceeded) {
			return stream, err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("stream %q: nobody answers for it; most of its servers must run, and reach each other: %w", cfg.Name, ctx.Err())
		}
	}
}

// ensure is one attempt. It may be repeated wherever it ended: who asks for a stream
// that is there with the same settings gets it.
func (cfg streamConfig) ensure(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, cfg.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, cfg.onto(jetstream.StreamConfig{Name: cfg.Name}))
		switch {
		case err == nil:
			cfg.Log.Info("the stream is ready", "stream", cfg.Name, "created", stream.CachedInfo().Created)
		case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse): // somebody was faster, and wanted something else
			stream, err = js.Stream(ctx, cfg.Name)
		}
	}
	if err != nil {
		return nil, explainStream(ctx, js, cfg.Name, err)
	}
	has := stream.CachedInfo().Config
	if err := checkFit(has); err != nil {
		return nil, err
	}
	wants := cfg.onto(has)
	differing := differences(has, wants)
	if len(differing) == 0 {
		return stream, nil
	}
	changes := strings.Join(differing, ", ")
	if !cfg.Update {
		return nil, fmt.Errorf("stream %q: %w than these flags ask for: %s; give flags that match it, or --nats-stream-update to change the stream", cfg.Name, errStreamDiffers, changes)
	}
	if stream, err = js.UpdateStream(ctx, wants); err != nil {
		return nil, fmt.Errorf("stream %q cannot be changed (%s): %w", cfg.Name, changes, err)
	}
	cfg.Log.Warn("the stream was changed", "stream", cfg.Name, "changes", changes)
	return stream, nil
}

// checkStreamName tells whether a name can be a stream's and a subject's root.
func checkStreamName(name string) error {
	switch {
	case name == "" || len(name) > streamNameBytesMax:
		return fmt.Errorf("stream name: it has %d bytes, 1 to %d are allowed", len(name), streamNameBytesMax)
	case name[0] == '$' || name[0] == '_':
		return fmt.Errorf("stream name %q: subjects that begin with %q are the server's own", name, name[:1])
	case !utf8.ValidString(name):
		return fmt.Errorf("stream name %q: it is not valid UTF-8", name)
	}
	if i := strings.IndexFunc(name, func(r rune) bool {
		return strings.ContainsRune(`.*>/\`, r) || r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r)
	}); i >= 0 {
		return fmt.Errorf(`stream name %q: no name holds spaces, control characters or one of . * > / \ as this does at byte %d`, name, i)
	}
	return nil
}

// subjectsOf are a stream's subjects: the root namespace's own, and all below.
func subjectsOf(name string) []string { return filters(name, []string{"/"}) }

// onto lays what the flags ask for over a stream's configuration. What they know
// nothing of stays: a description, placement, compression. Limits are written as the
// server answers them.
func (cfg streamConfig) onto(c jetstream.StreamConfig) jetstream.StreamConfig {
	c.Subjects = subjectsOf(cfg.Name)
	c.Storage, c.Retention = jetstream.FileStorage, jetstream.LimitsPolicy
	c.Discard, c.DiscardNewPerSubject = jetstream.DiscardOld, false
	c.MaxAge = cfg.MaxAge
	c.MaxMsgs = -1
	c.MaxBytes = cmp.Or(cfg.MaxBytes, -1)
	c.MaxMsgsPerSubject = cmp.Or(cfg.PerNamespace, -1)
	c.Replicas = cmp.Or(cfg.Replicas, 1)
	c.Duplicates = cmp.Or(cfg.Duplicates, duplicatesDefault)
	if c.MaxAge > 0 { // the server refuses a window that is longer
		c.Duplicates = min(c.Duplicates, c.MaxAge)
	}
	c.AllowDirect = true // any replica answers who reads old messages
	c.NoAck = false
	return c
}

// checkFit refuses what no flag can mend.
func checkFit(c jetstream.StreamConfig) error {
	why := ""
	switch outside := slices.IndexFunc(c.Subjects, func(s string) bool { return s != c.Name && !strings.HasPrefix(s, c.Name+".") }); {
	case c.Mirror != nil:
		why = fmt.Sprintf("it mirrors the stream %q, so nobody can publish to it", c.Mirror.Name)
	case len(c.Sources) > 0:
		why = fmt.Sprintf("it takes messages from other streams, the first is %q", c.Sources[0].Name)
	case c.Retention != jetstream.LimitsPolicy:
		why = fmt.Sprintf("its retention is %s, so messages go once somebody has read them; limits is needed, and an update cannot change that", retention(c.Retention))
	case c.Storage != jetstream.FileStorage:
		why = "it is in memory; files are needed, and an update cannot change that"
	case c.Sealed:
		why = "it is sealed, so nobody can publish to it, and an update cannot change that"
	case c.SubjectTransform != nil:
		why = fmt.Sprintf("it keeps messages under other subjects than they were published to (%q becomes %q)", c.SubjectTransform.Source, c.SubjectTransform.Destination)
	case outside >= 0:
		why = fmt.Sprintf("its subject %q has no namespace, only %s have", c.Subjects[outside], quoted(subjectsOf(c.Name)))
	default:
		return nil
	}
	return fmt.Errorf("stream %q: %w: %s; name another with --nats-stream, it is made if it is missing", c.Name, errStreamUnfit, why)
}

func retention(p jetstream.RetentionPolicy) string { return strings.ToLower(p.String()) }

// differences says in which settings has is not as wants, and both values.
func differences(has, wants jetstream.StreamConfig) (found []string) {
	add := func(setting, is, asked string) {
		if is != asked {
			found = append(found, fmt.Sprintf("%s is %s and should be %s", setting, is, asked))
		}
	}
	inOrder := func(subjects []string) string { return quoted(slices.Sorted(slices.Values(subjects))) }
	add("subjects", inOrder(has.Subjects), inOrder(wants.Subjects))
	add("age", limitTime(has.MaxAge), limitTime(wants.MaxAge))
	add("bytes", limit(has.MaxBytes), limit(wants.MaxBytes))
	add("per-namespace", limit(has.MaxMsgsPerSubject), limit(wants.MaxMsgsPerSubject))
	add("messages", limit(has.MaxMsgs), limit(wants.MaxMsgs))
	add("replicas", strconv.Itoa(has.Replicas), strconv.Itoa(wants.Replicas))
	add("duplicate window", limitTime(has.Duplicates), limitTime(wants.Duplicates))
	add("discard", discard(has), discard(wants))
	add("direct reads", allowed(has.AllowDirect), allowed(wants.AllowDirect))
	add("acknowledgements", allowed(!has.NoAck), allowed(!wants.NoAck))
	return found
}

func limit(n int64) string {
	if n <= 0 {
		return "unlimited"
	}
	return strconv.FormatInt(n, 10)
}

func limitTime(d time.Duration) string {
	if d <= 0 {
		return "unlimited"
	}
	return d.String()
}

func allowed(yes bool) string {
	if yes {
		return "on"
	}
	return "off"
}

func discard(c jetstream.StreamConfig) string {
	if c.Discard == jetstream.DiscardOld {
		return "old"
	}
	if c.DiscardNewPerSubject {
		return "new, per subject"
	}
	return "new"
}

func quoted(subjects []string) string { return fmt.Sprintf("%q", subjects) }

// explainStream says which stream is in the way where that is why ours was refused.
func explainStream(ctx context.Context, js jetstream.JetStream, name string, err error) error {
	if refusal, ok := errors.AsType[*jetstream.APIError](err); ok && refusal.ErrorCode == subjectsOverlap {
		other, lookupErr := js.StreamNameBySubject(ctx, name+".>")
		if lookupErr == nil {
			return fmt.Errorf("stream %q: %w: the stream %q has subjects of %s; name that one, or another name altogether, with --nats-stream", name, errStreamUnfit, other, quoted(subjectsOf(name)))
		}
	}
	return fmt.Errorf("stream %q: %w", name, err)
}

// subjectsOverlap is the server's error code where two streams would have one subject.
const subjectsOverlap = 10065

// epochOf is the stream's identity: the same for every daemon and after every
// restart, and another once the stream was deleted and created again, since its
// sequences begin at 1 again then. An embedded store also gets a new epoch with each generation.
func epochOf(info *jetstream.StreamInfo, generation uint64) string {
	const prime = 1_000_000_007 // far from what lies between two streams
	return sse.NewEpoch(uint64(info.Created.UnixNano()) + generation*prime)
}

// heardWithin is how lately a stream's leader must have heard of most of its servers
// to be one. Those that do not hear of it elect another one after four seconds.
const heardWithin = 3 * time.Second

// errCutOff means that who answers for the stream may not be its leader any more.
var errCutOff = errors.New("the server that leads the stream does not hear of most others: it may be cut off, and know less than they do")

// leads tells whether who gave info is the stream's leader. One that is cut off does
// not know for a while that there is another, and that the stream has grown; and any
// other that is cut off says what it has, and that nobody leads.
func leads(info *jetstream.StreamInfo) bool {
	if info.Config.Replicas <= 1 || info.Cluster == nil {
		return true
	}
	if info.Cluster.Leader == "" {
		return false
	}
	near := 1 // itself
	for _, replica := range info.Cluster.Replicas {
		if !replica.Offline && replica.Active < heardWithin {
			near++
		}
	}
	return 2*near > info.Config.Replicas
}
