package forge

import (
	"slices"

	"juno"
)

// certificateOperators break one commit certificate of the evidence.
var certificateOperators = []operator{
	{"certificate made anew", everyKind, remakeCertificate},
	{"certificate of another position", everyKind, moveCertificate},
	{"certificate of a branch that died", everyKind, certifyBranch},
	{"kind of a certificate", everyKind, changeKind},
	{"term of a certificate", everyKind, changeTerm},
	{"certificate of elsewhere", everyKind, swapCertificate},
	{"headers of a certificate", everyKind, spoilHeaders},
	{"vote left out or doubled", everyKind, spoilVotes},
}

// certificates returns the places of all commit certificates in the evidence.
func (p *pieces) certificates() []**juno.QuorumCertificate {
	var all []**juno.QuorumCertificate
	if p.receipt != nil {
		all = append(all, &p.receipt.Certificate)
	}
	for i := range p.records {
		r := &p.records[i]
		if r.proof != nil {
			all = append(all, &r.proof)
		}
		if r.end != nil {
			all = append(all, &r.end.Certificate)
		}
	}
	for i := range p.epochs {
		all = append(all, &p.epochs[i].Certificate)
	}
	return all
}

// someCertificate draws a certificate; of many, mostly one of the last.
func (f *forger) someCertificate() **juno.QuorumCertificate {
	all := f.p.certificates()
	if len(all) == 0 {
		return nil
	}
	if f.p.kind == aReceipt || f.chance(40) {
		return all[f.rng.IntN(len(all))]
	}
	newest := all[0]
	for _, c := range all {
		if (*c).Pos.Index > (*newest).Pos.Index {
			newest = c
		}
	}
	return newest
}

// configOf returns the true membership of an epoch, or that of the last one.
func (f *forger) configOf(number uint32) *juno.EpochConfig {
	return &f.w.epochs[min(int(number), len(f.w.epochs)-1)].config
}

// chainOf returns the chain that the evidence has: its log, or, of a receipt, the true one.
func (f *forger) chainOf() juno.History {
	if f.p.kind == aReceipt {
		return f.w
	}
	return f.p.chain()
}

// noteRecord keeps the index of a record that of its certificate, mostly.
func (f *forger) noteRecord(c *juno.QuorumCertificate) {
	for i := range f.p.records {
		if f.p.records[i].proof == c && f.chance(80) {
			f.p.records[i].index = c.Pos.Index
		}
	}
}

func remakeCertificate(f *forger) bool {
	at := f.someCertificate()
	if at == nil {
		return false
	}
	c := *at
	f.fill(f.configOf(c.Term.Epoch()), c)
	if c.Detached {
		headers := c.Headers
		detach(c, f.chainOf())
		if len(c.Headers) < len(headers) && f.chance(50) {
			c.Headers = headers
		}
	}
	return true
}

// moveCertificate makes a certificate of another entry, in its own term or that of the entry.
func moveCertificate(f *forger) bool {
	at := f.someCertificate()
	if at == nil {
		return false
	}
	h, c := f.chainOf(), *at
	to := c.Pos.Index + juno.Index(f.rng.IntN(9)) - 4
	if f.chance(40) {
		to = 1 + juno.Index(f.rng.IntN(int(f.w.last())))
	}
	head, held := h.HeaderAt(to)
	if !held || to == c.Pos.Index {
		return false
	}
	hash, _ := h.HashAt(to)
	c.Pos = juno.Pos{Index: to, Hash: hash}
	if f.chance(50) {
		c.Term = head.Term
	}
	f.note("of term %s to entry %d of term %s", c.Term, to, head.Term)
	if f.chance(70) {
		f.fill(f.configOf(c.Term.Epoch()), c)
	}
	if c.Detached {
		detach(c, h)
	}
	f.noteRecord(c)
	return true
}

// certifyBranch makes a commit certificate out of what voters said about a branch that died.
func certifyBranch(f *forger) bool {
	at := f.someCertificate()
	var branches []*branch
	for _, d := range f.w.dead {
		if d.prepared != nil {
			branches = append(branches, d)
		}
	}
	if at == nil || len(branches) == 0 {
		return false
	}
	d := pick(f, branches...)
	c := copyCertificate(d.prepared)
	if f.chance(70) {
		c.Kind = juno.Commit
	}
	cfg := f.configOf(d.term.Epoch())
	switch f.rng.IntN(3) {
	case 0: // its prepare votes as they are
	case 1: // what is missing in commit votes comes from the forger
		c.Votes = f.ownVotes(cfg, c, cfg.Quorum())
		for _, v := range f.w.votes {
			if v.Prepared != nil && *v.Prepared == c.Pos && v.Term == c.Term {
				c.Votes = append(c.Votes, v)
			}
		}
	default:
		f.fill(cfg, c)
	}
	f.note("%s of %d votes, at %d", c.Kind, len(c.Votes), c.Pos.Index)
	if f.p.kind == aReceipt {
		return f.receiptOfBranch(d, c)
	}
	*at = c
	f.noteRecord(c)
	if f.p.start.Index <= d.base && f.p.last() > d.base {
		f.p.entries = append(f.p.entries[:d.base-f.p.start.Index], copyEntries(d.entries)...)
		f.dropBehind(d.base + juno.Index(len(d.entries)))
	}
	return true
}

// receiptOfBranch proves the last entry of a branch.
func (f *forger) receiptOfBranch(d *branch, c *juno.QuorumCertificate) bool {
	r := f.p.receipt
	r.Entry = copyEntries(d.entries[len(d.entries)-1:])[0]
	r.Prev, r.Headers, r.Certificate, r.Batch = c.PrevHash, nil, c, nil
	r.Result, r.Answers, r.Signer = nil, nil, juno.PublicKey{}
	if cmd, err := juno.ParseCommand(r.Entry.Payload); err == nil {
		r.Signer = f.w.keys[cmd.Key].Public()
	}
	f.p.epochs = copyChanges(f.w.changes()[:d.term.Epoch()])
	return true
}

func changeKind(f *forger) bool {
	at := f.someCertificate()
	if at == nil {
		return false
	}
	c := *at
	c.Kind = juno.Prepare
	if f.chance(50) {
		f.fill(f.configOf(c.Term.Epoch()), c)
	}
	return true
}

func changeTerm(f *forger) bool {
	at := f.someCertificate()
	if at == nil {
		return false
	}
	c := *at
	epochs := uint32(len(f.w.epochs))
	c.Term = pick(f, c.Term+1, c.Term-1, c.Term+3,
		juno.TermOf(f.rng.Uint32N(epochs+1), c.Term.Round()))
	f.note("%s", c.Term)
	if f.chance(80) {
		f.fill(f.configOf(c.Term.Epoch()), c)
	}
	return true
}

// swapCertificate takes another certificate of the same ledger, or of another one.
func swapCertificate(f *forger) bool {
	at := f.someCertificate()
	w := f.w
	if f.chance(30) {
		w = f.otherWorld()
	}
	if at == nil {
		return false
	}
	c := copyCertificate(pick(f, w.proofs...))
	f.note("of world %d at %d", w.seed, c.Pos.Index)
	if f.chance(50) { // in the place of the old one, word for word
		c.Pos = (*at).Pos
	}
	*at = c
	f.noteRecord(c)
	return true
}

func spoilHeaders(f *forger) bool {
	at := f.someCertificate()
	if at == nil || !(*at).Detached {
		return false
	}
	c := *at
	switch f.rng.IntN(8) {
	case 0:
		c.PrevHash[f.rng.IntN(len(c.PrevHash))] ^= 1
	case 1:
		c.Head.Time++
	case 2:
		c.Head.PayloadHash[0] ^= 1
	case 3:
		c.Head.Term++
	case 4:
		c.Detached, c.PrevHash, c.Head, c.Headers = false, juno.Hash{}, juno.EntryHeader{}, nil
	case 5:
		c.Headers = append(c.Headers, c.Head)
	case 6:
		c.Head.Type = pick(f, juno.EntryConfig, juno.EntryNoop, juno.EntryCommand)
	default:
		if len(c.Headers) == 0 {
			return false
		}
		i := f.rng.IntN(len(c.Headers))
		switch f.rng.IntN(3) {
		case 0:
			c.Headers[i].PayloadHash[5] ^= 4
		case 1:
			c.Headers = slices.Delete(c.Headers, i, i+1)
		default:
			c.Headers = append(c.Headers, c.Headers[i])
		}
	}
	return true
}

func spoilVotes(f *forger) bool {
	at := f.someCertificate()
	if at == nil || len((*at).Votes) == 0 {
		return false
	}
	c := *at
	q := f.configOf(c.Term.Epoch()).Quorum()
	i := f.rng.IntN(len(c.Votes))
	switch f.rng.IntN(6) {
	case 0:
		c.Votes = c.Votes[:min(q, len(c.Votes))-1]
	case 1:
		c.Votes = append(c.Votes[:min(q, len(c.Votes))-1], c.Votes[0])
	case 2:
		c.Votes[i].Signature[f.rng.IntN(juno.SignatureBytes)] ^= 1
	case 3:
		c.Votes[i].Node++
	case 4:
		c.Votes[i].Prepared = nil
	default:
		c.Votes[i].Key = pick(f, c.Votes...).Key
	}
	return true
}
