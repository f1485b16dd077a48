package forge

import (
	"fmt"
	"strings"

	"juno"
	"juno/db/state"
)

// logFalsehood judges the verdict on a directory, an export or a snapshot.
func (f *forger) logFalsehood(out *outcome) string {
	w := f.w
	if why := f.skippedFalsehood(out); why != "" {
		return why
	}
	if f.p.torn || f.p.kind == aSnapshot {
		return f.headFalsehood(out)
	}
	h := f.p.chain()
	first, differs := f.difference(h, out)
	if differs && !f.excused(min(first, w.last())) {
		if first > w.committed {
			return fmt.Sprintf("entry %d is proven, and not final", first)
		}
		return fmt.Sprintf("entry %d is not that of the ledger, and proven is %s", first, out.head)
	}
	if at, held := h.HashAt(out.head.Index); held && at != out.head.Hash {
		return fmt.Sprintf("the head is %s, the evidence holds another entry there", out.head)
	}
	if why := f.promises(h, out); why != "" {
		return why
	}
	return f.statesFalsehood(out, differs)
}

// skippedFalsehood wants a verdict to name what was not checked.
func (f *forger) skippedFalsehood(out *outcome) string {
	o := f.options
	if (o.SkipSignatures || o.HashOnly) && f.p.kind != aSnapshot &&
		!strings.Contains(out.text, "not checked: client signatures") {
		return "nothing says that the signatures were not checked"
	}
	if (o.SkipReplay || o.HashOnly) && f.p.kind != aSnapshot &&
		!strings.Contains(out.text, "execution") {
		return "nothing says that nothing was executed"
	}
	if o.HashOnly && f.p.kind == aDirectory && !strings.Contains(out.text, "order of terms") {
		return "nothing says that terms and times were not compared"
	}
	return ""
}

// headFalsehood judges by what is said alone, where nobody can read the evidence.
func (f *forger) headFalsehood(out *outcome) string {
	w := f.w
	if !w.onChain(out.head) && !f.excused(min(max(out.head.Index, 1), w.last())) {
		return fmt.Sprintf("the head %s is not in the ledger", out.head)
	}
	if out.base == nil || out.base.Pos().Index == 0 {
		return ""
	}
	at := out.base.Pos()
	if f.excused(min(max(at.Index, 1), w.last())) {
		return ""
	}
	if !w.onChain(at) || out.base.Hash() != w.roots[at.Index] {
		return fmt.Sprintf("the state at %s is not that of the ledger", at)
	}
	return ""
}

// difference returns the first entry at or below the proven head that is not a final one of the
// ledger. What the evidence holds up to there is what people take for proven.
func (f *forger) difference(h *history, out *outcome) (juno.Index, bool) {
	w, end := f.w, out.head.Index
	for i := range h.hashes {
		at := h.start + juno.Index(i)
		if at > end {
			return 0, false
		}
		if at > w.committed || h.hashes[i] != w.hashes[at] {
			return max(at, 1), true
		}
	}
	if end > f.p.last() && !w.onChain(out.head) {
		return min(f.p.last()+1, w.last()), true
	}
	return 0, false
}

// promises judges the entries up to the head by the rules that hold for every log, whoever wrote
// it: indexes, order, terms, memberships, and that clients signed what stands in their names.
func (f *forger) promises(h *history, out *outcome) string {
	w, p := f.w, f.p
	number := int(w.epochAt(min(p.start.Index+1, w.last())).config.Epoch)
	var before *juno.Entry
	for i := range p.entries {
		e := &p.entries[i]
		if at := p.start.Index + juno.Index(i) + 1; e.Index != at {
			return fmt.Sprintf("entry %d stands at %d", e.Index, at)
		}
		if e.Index > out.head.Index {
			break
		}
		switch {
		case f.options.HashOnly && p.kind == aDirectory:
		case before != nil && e.Time < before.Time:
			return fmt.Sprintf("the time of entry %d goes back", e.Index)
		case before != nil && e.Term < before.Term:
			return fmt.Sprintf("the term of entry %d goes back", e.Index)
		case int(e.Term.Epoch()) != number:
			return fmt.Sprintf("entry %d of epoch %d is of term %s", e.Index, number, e.Term)
		}
		if e.Type == juno.EntryConfig {
			c, err := juno.ParseConfigChange(e.Payload)
			if err != nil || number+1 >= len(w.epochs) ||
				c.Next.Hash() != w.epochs[number+1].config.Hash() ||
				approvedBy(c, &w.epochs[number].config, w) < w.epochs[number].config.AdminThreshold {
				return fmt.Sprintf("entry %d names members that nobody approved", e.Index)
			}
			number++
		}
		before = e
	}
	return f.clientsFalsehood(out)
}

// clientsFalsehood wants every entry up to the head to be valid where it stands.
func (f *forger) clientsFalsehood(out *outcome) string {
	o, p := f.options, f.p
	if o.SkipSignatures || o.HashOnly {
		return ""
	}
	late := p.start.Index
	var prefix *state.Prefix
	var err error
	if out.base == nil || out.base.Pos().Index == 0 {
		prefix, err = state.NewPrefix(f.w.genesis)
	} else {
		s := p.stateAt(out.base.Pos().Index)
		if s == nil {
			return "nobody knows the state that it began with"
		}
		late = out.base.Pos().Index
		prefix, err = state.LoadPrefix(memoryOf(s.elements))
	}
	if err != nil {
		return "the state that it began with cannot be read: " + err.Error()
	}
	for i := range p.entries {
		e := &p.entries[i]
		if e.Index <= late || e.Index > out.head.Index || o.To != 0 && e.Index >= o.To {
			continue
		}
		if e.Index >= o.From {
			if err := prefix.Verify(p.entries[i : i+1]); err != nil {
				return err.Error()
			}
		}
		if e.Index != prefix.Last()+1 {
			return fmt.Sprintf("entry %d follows the state of entry %d", e.Index, prefix.Last())
		}
		if err := prefix.Append(e); err != nil {
			return err.Error()
		}
	}
	return ""
}

// stateAt returns the state of an entry that the evidence holds.
func (p *pieces) stateAt(i juno.Index) *snap {
	if p.base != nil && p.base.manifest.Pos.Index == i {
		return p.base
	}
	for _, s := range p.snaps {
		if s.manifest.Pos.Index == i {
			return s
		}
	}
	return nil
}

// statesFalsehood wants the states that are proven, and those that an execution went through, to be
// those of the ledger, unless an old quorum has written another one.
func (f *forger) statesFalsehood(out *outcome, differs bool) string {
	w := f.w
	if differs {
		return ""
	}
	if b := out.base; b != nil && b.Pos().Index > 0 {
		at := b.Pos()
		if f.excused(at.Index) {
			return ""
		}
		if !w.onChain(at) || b.Hash() != w.roots[at.Index] {
			return fmt.Sprintf("the state at %s is not that of the ledger", at)
		}
		if s := f.p.stateAt(at.Index); s == nil || rootOf(s.elements) != b.Hash() {
			return fmt.Sprintf("the elements at %s are not those of the proven state", at)
		}
	}
	if f.options.SkipReplay || f.options.HashOnly {
		return ""
	}
	for _, s := range f.p.snaps {
		at := s.manifest.Pos
		if f.options.To != 0 && at.Index >= f.options.To || at.Index > out.head.Index ||
			out.base == nil || at.Index < out.base.Pos().Index {
			continue
		}
		if s.manifest.StateHash != w.roots[at.Index] || at != w.pos(at.Index) ||
			rootOf(s.elements) != w.roots[at.Index] {
			return fmt.Sprintf("snapshot %d is not of the ledger", at.Index)
		}
	}
	return ""
}
