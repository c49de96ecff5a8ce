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

// The reasons why an existing stream is not used.
var (
	// errStreamDiffers marks a stream whose settings differ from the flags.
	errStreamDiffers = errors.New("the settings differ")
	// errStreamUnfit marks a stream that ssed cannot use, whatever the flags are.
	errStreamUnfit = errors.New("ssed cannot use the stream")
)

const (
	// duplicatesDefault is how long the stream remembers keys. It limits how late a
	// publisher may repeat a message, and how much memory a server uses for keys.
	duplicatesDefault = 2 * time.Minute

	// streamNameBytesMax is the server's own limit: it names folders after streams.
	streamNameBytesMax = 255

	// streamPatience is the timeout of one attempt. A cluster in which a stream was just created,
	// or lost its leader, never answers some requests about the stream, so they must be repeated.
	streamPatience = 2 * time.Second
)

// A streamConfig holds the settings of the stream that the flags ask for. 0 means no limit, and
// for Replicas it means 1.
type streamConfig struct {
	Stream
	Duplicates time.Duration // how long keys are remembered; 0: duplicatesDefault, or MaxAge if that is less
	Log        *slog.Logger  // logs when the stream is created or changed
}

// ensureStream returns the stream. It creates the stream if it is missing; several daemons may
// do so at the same time. It changes the settings of an existing stream only if cfg.Update is
// set. The stream may also belong to other programs, and a lower limit deletes messages.
//
// While there is no answer it retries until ctx ends. Errors about the stream itself wrap
// errStreamDiffers or errStreamUnfit and contain advice for the operator.
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
			return nil, fmt.Errorf("stream %q: no answer; check that most of its servers run and reach each other: %w", cfg.Name, ctx.Err())
		}
	}
}

// ensure is one attempt. It can be repeated after it failed at any point: JetStream answers the
// creation of a stream that exists with the same settings as a success.
func (cfg streamConfig) ensure(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, cfg.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, cfg.onto(jetstream.StreamConfig{Name: cfg.Name}))
		switch {
		case err == nil:
			cfg.Log.Info("stream created", "stream", cfg.Name, "created", stream.CachedInfo().Created)
		case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse): // another program created it first, with other settings
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
		return nil, fmt.Errorf("stream %q: %w: %s; change the flags to match the stream, or pass --nats-stream-update to change the stream", cfg.Name, errStreamDiffers, changes)
	}
	if stream, err = js.UpdateStream(ctx, wants); err != nil {
		return nil, fmt.Errorf("stream %q cannot be changed (%s): %w", cfg.Name, changes, err)
	}
	cfg.Log.Warn("stream settings changed", "stream", cfg.Name, "changes", changes)
	return stream, nil
}

// checkStreamName returns an error if name cannot be the name of a stream and the first token of
// its subjects.
func checkStreamName(name string) error {
	switch {
	case name == "" || len(name) > streamNameBytesMax:
		return fmt.Errorf("stream name: it has %d bytes, expected 1 to %d", len(name), streamNameBytesMax)
	case name[0] == '$' || name[0] == '_':
		return fmt.Errorf("stream name %q: it must not begin with %q, which is reserved for the NATS server", name, name[:1])
	case !utf8.ValidString(name):
		return fmt.Errorf("stream name %q: it is not valid UTF-8", name)
	}
	if i := strings.IndexFunc(name, func(r rune) bool {
		return strings.ContainsRune(`.*>/\`, r) || r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r)
	}); i >= 0 {
		return fmt.Errorf(`stream name %q: byte %d is not allowed; names have no spaces, no control characters and none of . * > / \`, name, i)
	}
	return nil
}

// subjectsOf returns the subjects of a stream: the subject of the root namespace, and all below.
func subjectsOf(name string) []string { return filters(name, []string{"/"}) }

// onto returns a stream's configuration with the settings that the flags ask for. Settings that
// have no flag remain unchanged, such as description, placement and compression. Limits are
// written in the form in which the server reports them.
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
	c.AllowDirect = true // old messages can be read from any replica
	c.NoAck = false
	return c
}

// checkFit returns an error if ssed cannot use the stream, whatever the flags are.
func checkFit(c jetstream.StreamConfig) error {
	problem := ""
	switch outside := slices.IndexFunc(c.Subjects, func(s string) bool { return s != c.Name && !strings.HasPrefix(s, c.Name+".") }); {
	case c.Mirror != nil:
		problem = fmt.Sprintf("it mirrors the stream %q, so it accepts no messages", c.Mirror.Name)
	case len(c.Sources) > 0:
		problem = fmt.Sprintf("it copies messages from other streams, the first is %q", c.Sources[0].Name)
	case c.Retention != jetstream.LimitsPolicy:
		problem = fmt.Sprintf("its retention is %s, which deletes messages once they are read; expected limits, and an update cannot change that", retention(c.Retention))
	case c.Storage != jetstream.FileStorage:
		problem = "its storage is memory; expected file, and an update cannot change that"
	case c.Sealed:
		problem = "it is sealed, so it accepts no messages, and an update cannot change that"
	case c.SubjectTransform != nil:
		problem = fmt.Sprintf("it stores messages under other subjects than they were published to (%q becomes %q)", c.SubjectTransform.Source, c.SubjectTransform.Destination)
	case outside >= 0:
		problem = fmt.Sprintf("its subject %q has no namespace; expected only %s", c.Subjects[outside], quoted(subjectsOf(c.Name)))
	default:
		return nil
	}
	return fmt.Errorf("stream %q: %w: %s; choose another name with --nats-stream, and ssed creates that stream", c.Name, errStreamUnfit, problem)
}

func retention(p jetstream.RetentionPolicy) string { return strings.ToLower(p.String()) }

// differences returns the settings in which two configurations differ, with both values.
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

// explainStream adds the stream's name to err. If the stream was refused because another stream
// has some of its subjects, the error names that stream.
func explainStream(ctx context.Context, js jetstream.JetStream, name string, err error) error {
	if refusal, ok := errors.AsType[*jetstream.APIError](err); ok && refusal.ErrorCode == subjectsOverlap {
		other, lookupErr := js.StreamNameBySubject(ctx, name+".>")
		if lookupErr == nil {
			return fmt.Errorf("stream %q: %w: the stream %q already has subjects of %s; pass that name or a different one to --nats-stream", name, errStreamUnfit, other, quoted(subjectsOf(name)))
		}
	}
	return fmt.Errorf("stream %q: %w", name, err)
}

// subjectsOverlap is the server's error code if two streams would have the same subject.
const subjectsOverlap = 10065

// epochOf returns the epoch of the stream's ids. It is derived from the time when the stream was
// created, so it is the same in every daemon and after every restart. It changes when the stream is
// deleted and created again, because sequences then start at 1 again. With an embedded server, it
// also changes with each generation.
func epochOf(info *jetstream.StreamInfo, generation uint64) string {
	const prime = 1_000_000_007 // nanoseconds; two streams are not created exactly this far apart
	return sse.NewEpoch(uint64(info.Created.UnixNano()) + generation*prime)
}

// heardWithin is how recently a stream's leader must have heard from most of the stream's
// servers. Servers that do not hear from the leader elect another one after four seconds.
const heardWithin = 3 * time.Second

// errCutOff means that the server that answers for the stream may not be its leader any more.
var errCutOff = errors.New("the stream's leader has no contact with most of the other servers: it may be cut off and outdated")

// leads reports whether info comes from the stream's leader. It is false in two cases:
//
//   - A leader that is cut off. For a while it does not know that the others have elected a new
//     leader and that the stream has grown. But it reports that it has not heard from them.
//   - Another server that is cut off. It reports its own figures, without a leader.
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
