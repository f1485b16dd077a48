package forge

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"juno"
)

// falsehood looks for something false in what a verifier calls proven. It returns what that is, or
// "". Nothing is false about evidence that is refused.
func (f *forger) falsehood(out *outcome) string {
	if out.crash != nil {
		return fmt.Sprintf("the verifier panics: %v", out.crash)
	}
	if s := hiddenIn(out.text); s != "" {
		return "what people are shown holds " + s
	}
	if out.err != nil || !out.verified {
		return ""
	}
	if pinned := f.options.Pinned != (juno.ClusterID{}); out.pinned != pinned {
		return fmt.Sprintf("it says pinned: %t", out.pinned)
	}
	if out.ledger != f.w.cluster {
		if out.pinned {
			return "another ledger than the one that was pinned"
		}
		if !strings.Contains(strings.ToLower(out.text), "not pinned") &&
			!strings.Contains(out.text, "not proven: that this is the cluster") {
			return "nothing says that the ledger was not pinned"
		}
		return "" // it may hold anything: everybody can make a genesis
	}
	if !strings.Contains(out.text, out.head.Hash.String()) ||
		!strings.Contains(out.text, out.ledger.String()) {
		return "the hashes of ledger and head are not shown in full"
	}
	if out.report != nil {
		return f.receiptFalsehood(out)
	}
	return f.logFalsehood(out)
}

// hiddenIn names the first thing in a text that a terminal would act upon.
func hiddenIn(s string) string {
	if !utf8.ValidString(s) {
		return "bytes that are not UTF-8"
	}
	for _, r := range s {
		switch {
		case r == '\n', r >= 0x20 && r < 0x7f, r >= 0xa0 && r < 0x2000:
		case r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e,
			r >= 0x2060 && r <= 0x206f:
			return fmt.Sprintf("%U", r)
		}
	}
	return ""
}

// excused reports whether the forger may have written the entry at an index of a chain that is true
// before it: it owns a quorum of the epoch.
func (f *forger) excused(i juno.Index) bool { return f.broken[f.w.epochAt(i).config.Epoch] }

// receiptFalsehood judges the report on a receipt.
func (f *forger) receiptFalsehood(out *outcome) string {
	w, r := f.w, out.report
	if why := f.epochsFalsehood(); why != "" {
		return why
	}
	if int(r.Epoch) >= len(w.epochs) {
		return fmt.Sprintf("there is no epoch %d", r.Epoch)
	}
	for _, check := range []func(*outcome) string{
		f.attestFalsehood, f.placeFalsehood, f.orderFalsehood, f.signerFalsehood,
		f.resultFalsehood,
	} {
		if why := check(out); why != "" {
			return why
		}
	}
	if !w.onChain(r.Pos) {
		if f.excused(f.epochStart(r.Pos.Index)) {
			return ""
		}
		return fmt.Sprintf("entry %s is not in the ledger", r.Pos)
	}
	e := &w.entries[r.Pos.Index-1]
	switch {
	case r.Term != e.Term, r.Time != e.Time, r.Type != e.Type:
		return fmt.Sprintf("entry %d has another term, time or type", e.Index)
	case r.Signer != w.signerOf(e.Index):
		return "the signer is another one"
	case w.onChain(r.Certified), f.excused(f.epochStart(r.Certified.Index)):
		return ""
	}
	return fmt.Sprintf("position %s was not committed", r.Certified)
}

// epochStart returns an entry of the epoch that an index lies in, as the evidence has it: where
// the ends that it proves are not the true ones, an old quorum has moved them.
func (f *forger) epochStart(i juno.Index) juno.Index {
	number := 0
	for k := range f.p.epochs {
		if f.p.epochs[k].Entry.Index < i {
			number = k + 1
		}
	}
	if f.p.torn || number >= len(f.w.epochs) {
		return min(i, f.w.last())
	}
	return f.w.epochs[number].first
}

// epochsFalsehood judges the ends of epochs that were accepted: their memberships are those that
// the administrators approved, in order, each end behind the one before and not before its time.
func (f *forger) epochsFalsehood() string {
	if f.p.torn {
		return ""
	}
	w, last, time := f.w, juno.Index(0), juno.Millis(0)
	for i := range f.p.epochs {
		e := &f.p.epochs[i]
		at := juno.Pos{Index: e.Entry.Index, Hash: e.Entry.ChainHash(e.Prev)}
		c, err := juno.ParseConfigChange(e.Entry.Payload)
		switch {
		case i >= len(w.ends):
			return fmt.Sprintf("epoch %d has not ended", i)
		case err != nil || c.Next.Hash() != w.epochs[i+1].config.Hash():
			return fmt.Sprintf("these are not the members of epoch %d", i+1)
		case approvedBy(c, &w.epochs[i].config, w) < w.epochs[i].config.AdminThreshold:
			return fmt.Sprintf("epoch %d was not approved", i+1)
		case at.Index <= last:
			return fmt.Sprintf("epoch %d ends at %d, the one before at %d", i, at.Index, last)
		case e.Entry.Time < time:
			return fmt.Sprintf("epoch %d ends before the one before it", i)
		case e.Entry.Term.Epoch() != uint32(i) || e.Entry.Type != juno.EntryConfig:
			return fmt.Sprintf("epoch %d ends with %s in term %s", i, e.Entry.Type, e.Entry.Term)
		case at.Index == 1 && e.Prev != w.cluster:
			return "entry 1 does not follow the genesis"
		case !w.onChain(at) && !f.broken[i]:
			return fmt.Sprintf("epoch %d did not end at %s", i, at)
		}
		last, time = at.Index, e.Entry.Time
	}
	return ""
}

// approvedBy counts the administrators who did approve a change, without the code that is tested.
func approvedBy(c *juno.ConfigChange, present *juno.EpochConfig, w *world) int {
	n := 0
	for _, a := range present.Admins {
		again := juno.ConfigChange{Previous: c.Previous, Next: c.Next}
		again.Approve(w.keys[a.Public.ID()], w.cluster)
		for _, b := range c.Approvals {
			if b == again.Approvals[0] {
				n++
				break
			}
		}
	}
	return n
}

// attestFalsehood wants a quorum of true voters behind the certificate.
func (f *forger) attestFalsehood(out *outcome) string {
	r := out.report
	e := f.w.epochs[r.Epoch]
	seen := make(map[juno.NodeID]bool)
	for _, id := range r.Attested {
		if _, ok := e.config.Voter(id); !ok || seen[id] {
			return fmt.Sprintf("%s attests, once, as a voter of epoch %d", id, r.Epoch)
		}
		seen[id] = true
	}
	if len(seen) < e.config.Quorum() || r.Voters != len(e.config.Voters) {
		return fmt.Sprintf("%d of %d voters are a quorum", len(seen), r.Voters)
	}
	return ""
}

// placeFalsehood wants the certificate to lie in its epoch, and the chain from the entry to it to go
// through the ends of epochs in between.
func (f *forger) placeFalsehood(out *outcome) string {
	if f.p.torn {
		return ""
	}
	r, c := f.p.receipt, f.p.receipt.Certificate
	number := int(c.Term.Epoch())
	if number > 0 && number <= len(f.p.epochs) {
		if begin := f.p.epochs[number-1].Entry.Index; c.Pos.Index <= begin {
			return fmt.Sprintf("a position at %d is of epoch %d, which begins behind %d",
				c.Pos.Index, number, begin)
		}
	}
	if number < len(f.p.epochs) && c.Pos.Index > f.p.epochs[number].Entry.Index {
		return fmt.Sprintf("a position at %d is of epoch %d, which has ended", c.Pos.Index, number)
	}
	hash, at := r.Entry.ChainHash(r.Prev), r.Entry.Index
	for i := -1; ; i++ {
		for k := range f.p.epochs {
			e := &f.p.epochs[k].Entry
			if e.Index == at && e.ChainHash(f.p.epochs[k].Prev) != hash {
				return fmt.Sprintf("entry %d is not the one that ended epoch %d", at, k)
			}
		}
		if at++; i+1 >= len(r.Headers) {
			break
		}
		hash = r.Headers[i+1].Chain(hash, at)
	}
	if r.Entry.Index == c.Pos.Index {
		return ""
	}
	if hash != c.PrevHash {
		return "the chain does not lead from the entry to the certificate"
	}
	for k := range f.p.epochs {
		if at := f.p.epochs[k].Certificate.Pos; at.Index == c.Pos.Index && at != c.Pos {
			return fmt.Sprintf("position %s is not the one that ended epoch %d", c.Pos, k)
		}
	}
	return ""
}

// orderFalsehood wants neither terms nor times to go back from the entry to the last header, and
// each term to be of its epoch.
func (f *forger) orderFalsehood(out *outcome) string {
	if f.p.torn {
		return ""
	}
	r, c := f.p.receipt, f.p.receipt.Certificate
	all := append([]juno.EntryHeader{r.Entry.Header()}, r.Headers...)
	if c.Pos.Index != r.Entry.Index {
		all = append(all, c.Head)
	}
	all = append(all, c.Headers...)
	for i, h := range all {
		at := r.Entry.Index + juno.Index(i)
		number := 0
		for k := range f.p.epochs {
			if f.p.epochs[k].Entry.Index < at {
				number = k + 1
			}
		}
		switch {
		case i > 0 && h.Term < all[i-1].Term:
			return fmt.Sprintf("the term of entry %d goes back", at)
		case i > 0 && h.Time < all[i-1].Time:
			return fmt.Sprintf("the time of entry %d goes back", at)
		case int(h.Term.Epoch()) != number:
			return fmt.Sprintf("entry %d of epoch %d is of term %s", at, number, h.Term)
		}
	}
	if r.Entry.Index == 1 && r.Prev != f.w.cluster {
		return "entry 1 does not follow the genesis"
	}
	return ""
}

// signerFalsehood wants what is said to be signed by a client to be so: even a quorum of nodes
// cannot sign for it.
func (f *forger) signerFalsehood(out *outcome) string {
	r := out.report
	if r.Signer == (juno.PublicKey{}) || f.p.torn {
		return ""
	}
	payload := f.p.receipt.Entry.Payload
	if _, own := f.has(r.Signer); own {
		return ""
	}
	if k, known := f.w.keys[r.Signer.ID()]; !known || k.Public() != r.Signer {
		return fmt.Sprintf("key %s signed something", r.Signer)
	}
	if !f.w.said[hashOf(payload)] {
		return fmt.Sprintf("key %s signed what it did not", r.Signer.ID())
	}
	return ""
}

// resultFalsehood wants a result that is called proven to be the true one.
func (f *forger) resultFalsehood(out *outcome) string {
	r, w := out.report, f.w
	if !r.ResultProven() {
		return ""
	}
	if int(r.AnswerEpoch) >= len(w.epochs) {
		return fmt.Sprintf("there is no epoch %d to answer", r.AnswerEpoch)
	}
	e := w.epochs[r.AnswerEpoch]
	seen := make(map[juno.NodeID]bool)
	for _, id := range r.Answered {
		if _, ok := e.config.Voter(id); !ok || seen[id] {
			return fmt.Sprintf("%s answers, once, as a voter of epoch %d", id, r.AnswerEpoch)
		}
		seen[id] = true
	}
	if f.broken[r.AnswerEpoch] {
		return ""
	}
	if !w.onChain(r.Pos) {
		return "voters answered for an entry that is not in the ledger"
	}
	if want := w.results[r.Pos.Index-1]; want.Hash() != r.Result.Hash() {
		return fmt.Sprintf("the result is %+v, not %+v", want, *r.Result)
	}
	return ""
}
