package shell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"juno"
)

// bulkAtOnce is how many commands are handed over at once, so that ten million outcomes are never
// in memory together. It is a whole number of client batches.
const bulkAtOnce = 16 * juno.BatchCommandsMax

// tally counts outcomes.
type tally struct {
	sent, ok, replayed, unknown, failed int
	refused                             map[juno.Code]int
	why                                 map[juno.Code]string // the first message of each code
	first, last                         juno.Index
	err                                 error // the first of a command that is not in the log
}

func (t *tally) add(outcomes []juno.Outcome) {
	for i := range outcomes {
		o := &outcomes[i]
		t.sent++
		switch {
		case errors.Is(o.Err, juno.ErrUnknown):
			t.unknown++
		case o.Err != nil:
			t.failed++
		case o.Result.Status == juno.StatusOK:
			t.ok++
		default:
			if t.refused[o.Result.Code]++; t.refused[o.Result.Code] == 1 {
				t.why[o.Result.Code] = o.Result.Message
			}
		}
		if o.Err != nil && (t.err == nil || errors.Is(o.Err, juno.ErrUnknown)) {
			t.err = o.Err
		}
		if o.Replayed {
			t.replayed++
		}
		if o.Err == nil && (t.first == 0 || o.Index < t.first) {
			t.first = o.Index
		}
		t.last = max(t.last, o.Index)
	}
}

func (t *tally) refusals() int {
	n := 0
	for _, c := range t.refused {
		n += c
	}
	return n
}

// bulk runs `batch test:N` or `many test:N`.
func (s *session) bulk(ctx context.Context, u unit) error {
	b := u.bulk
	how, label, mode := "individually", "many", juno.Single
	if b.batch {
		how, label, mode = "batched", "batch", juno.Batch
	}
	if s.interactive {
		s.note(fmt.Sprintf("Sending %d '%s' transactions %s", b.count, b.text, how))
	}
	texts := make([]string, min(b.count, bulkAtOnce))
	for i := range texts {
		texts[i] = b.text
	}
	t := &tally{refused: make(map[juno.Code]int), why: make(map[juno.Code]string)}
	bar := s.bar(label)
	started := s.now()
	var err error
	for t.sent < b.count && err == nil && ctx.Err() == nil {
		sent := t.sent
		part := texts[:min(len(texts), b.count-sent)]
		var outcomes []juno.Outcome
		outcomes, err = s.ledger.Submit(ctx, part, mode, func(done, _ int) {
			bar.Report(sent+done, b.count)
		})
		if err == nil && len(outcomes) != len(part) {
			panic(fmt.Sprintf("shell: %d commands, %d outcomes", len(part), len(outcomes)))
		}
		t.add(outcomes)
	}
	elapsed := s.now().Sub(started)
	bar.Stop()
	if t.sent > 0 {
		if err := s.tellTally(t, elapsed); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return err
	case t.err != nil:
		return fmt.Errorf("%d of %d commands: %w", t.unknown+t.failed, b.count, t.err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case t.refusals() > 0:
		return errFailed
	}
	return nil
}

// tellTally prints what became of many commands, and their rate.
func (s *session) tellTally(t *tally, elapsed time.Duration) error {
	perSecond := rate(int64(t.ok+t.refusals()), elapsed)
	if !s.format.forPeople() {
		rows := table("commands", "ok", "refused", "unknown", "failed", "first_index", "last_index",
			"milliseconds", "per_second")
		rows.add(integerValue(t.sent), integerValue(t.ok), integerValue(t.refusals()),
			integerValue(t.unknown), integerValue(t.failed), indexOrNull(t.first),
			indexOrNull(t.last), integerValue(elapsed.Milliseconds()), integerValue(perSecond))
		return s.answer(rows)
	}
	out, err := s.output()
	if err != nil {
		return err
	}
	st := out.look.style
	fmt.Fprintf(out, "%s %s", grouped(t.ok), st.good("ok"))
	for _, code := range slices.Sorted(maps.Keys(t.refused)) {
		fmt.Fprintf(out, ", %s %s %s", grouped(t.refused[code]), st.bad("refused"),
			clean(string(code)))
	}
	if t.unknown > 0 {
		fmt.Fprintf(out, ", %s %s", grouped(t.unknown), st.bad("unknown"))
	}
	if t.failed > 0 {
		fmt.Fprintf(out, ", %s not sent", grouped(t.failed))
	}
	if t.replayed > 0 {
		fmt.Fprintf(out, ", %s of them replayed", grouped(t.replayed))
	}
	if t.first > 0 {
		fmt.Fprintf(out, "; entries %d to %d", t.first, t.last)
	}
	fmt.Fprintf(out, "; %s, %s/s\n", took(elapsed), st.bold(grouped(perSecond)))
	for _, code := range slices.Sorted(maps.Keys(t.why)) {
		fmt.Fprintf(out, "first %s: %s\n", clean(string(code)), cleanLines(t.why[code]))
	}
	return errors.Join(out.Flush(), out.close())
}
