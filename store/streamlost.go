package store

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/loop"
)

// lost returns the sequence of the newest deleted message in (after, until] that may have been
// in the set, or 0 if there is no such message.
//
// The stream does not know the subject of a deleted message, so any deleted message may have been
// in the set. There is one exception: if the stream has a limit for each namespace, a namespace
// below that limit has lost nothing.
func (r *streamReader) lost(ctx context.Context, info *jetstream.StreamInfo, after, until uint64) (uint64, error) {
	lost := min(info.State.FirstSeq-min(info.State.FirstSeq, 1), until)
	switch {
	case after >= until || info.State.NumDeleted == 0:
	case info.Config.MaxMsgsPerSubject > 0:
		newest, err := r.lostOfFull(ctx, uint64(info.Config.MaxMsgsPerSubject), after, until)
		if err != nil {
			return 0, err
		}
		lost = max(lost, newest)
	case info.State.NumDeleted > deletedMax:
		lost = until
	default:
		details, err := r.stream.Info(ctx, jetstream.WithDeletedDetails(true))
		if err != nil {
			return 0, err
		}
		for _, seq := range details.State.Deleted {
			if seq <= until {
				lost = max(lost, seq)
			}
		}
	}
	if lost <= after {
		return 0, nil
	}
	return lost, nil
}

// lostMeanwhile raises part.Lost if the stream has deleted messages while the part was read. The
// part may lack these messages, and the next part begins after them. It may also contain some of
// them: they are reported as lost nevertheless, because a consumer does not report which messages
// it has skipped.
func (r *streamReader) lostMeanwhile(ctx context.Context, before jetstream.StreamState, part *loop.Part, until uint64) error {
	info, err := r.stream.Info(ctx)
	if err != nil {
		return err
	}
	if info.State.FirstSeq == before.FirstSeq && info.State.NumDeleted == before.NumDeleted {
		return nil
	}
	if n := len(part.Ends); n > 0 && !part.Last {
		until = part.Ends[n-1].Seq // the next part reports the rest
	}
	lost, err := r.lost(ctx, info, part.After, until)
	part.Lost = max(part.Lost, lost)
	return err
}

// lostOfFull is lost for a stream with a limit for each namespace. It examines the namespaces that
// have reached the limit. Messages before the oldest message of one of these namespaces may have
// been deleted.
func (r *streamReader) lostOfFull(ctx context.Context, limit, after, until uint64) (lost uint64, err error) {
	full := 0
	for _, filter := range r.filters {
		info, err := r.stream.Info(ctx, jetstream.WithSubjectFilter(filter))
		if err != nil {
			return 0, err
		}
		for subject, messages := range info.State.Subjects {
			if messages < limit {
				continue
			}
			if full++; full > fullMax {
				return until, nil
			}
			oldest, _, err := r.next(ctx, subject, 0)
			if err != nil {
				return 0, err
			}
			if oldest > after+1 {
				lost = max(lost, min(oldest-1, until))
			}
		}
	}
	return lost, nil
}
