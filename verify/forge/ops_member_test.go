package forge

import (
	"bytes"
	"slices"

	"juno"
)

// memberOperators break how one membership follows from another.
var memberOperators = []operator{
	{"self-made members in the log", logKinds, selfMadeInLog},
	{"self-made members in the ends of epochs", everyKind, selfMadeInEpochs},
	{"approvals of a change", everyKind, changeApprovals},
	{"end of an epoch left out, doubled or moved", everyKind, moveEnds},
	{"end of an epoch at another entry", everyKind, relocateEnd},
	{"end of an epoch of another ledger", everyKind, foreignEnd},
	{"entry that ends an epoch", everyKind, changeEnd},
}

// usurp returns a membership that follows another one, in which the forger has a quorum.
func (f *forger) usurp(present *juno.EpochConfig) juno.EpochConfig {
	next := *present
	next.Epoch++
	next.Voters, next.Observers = slices.Clone(next.Voters), nil
	if f.chance(50) {
		next.Voters = next.Voters[:1]
	}
	for i := range next.Voters {
		next.Voters[i].Public = f.outsider(20 + i).Public()
	}
	next.FirstLeader = next.Voters[0].ID
	return next
}

// changeTo returns the change to a membership, approved and possessed as far as the forger can.
func (f *forger) changeTo(present *juno.EpochConfig, next juno.EpochConfig) *juno.ConfigChange {
	c := &juno.ConfigChange{Previous: present.Hash(), Next: next}
	f.possess(c, present)
	f.approve(c, present)
	return c
}

func (f *forger) possess(c *juno.ConfigChange, present *juno.EpochConfig) {
	known := make(map[juno.KeyID]bool)
	for _, k := range configKeys(present) {
		known[k.ID()] = true
	}
	for _, public := range configKeys(&c.Next) {
		if known[public.ID()] {
			continue
		}
		if k, ok := f.has(public); ok {
			c.Possess(k, f.w.cluster)
		} else {
			// A key whose owner has not agreed.
			c.Possess(f.outsider(9), f.w.cluster)
			last := &c.Possessed[0]
			last.Key = public.ID()
			sortApprovals(c.Possessed)
		}
	}
	if len(c.Possessed) == 0 || f.chance(80) {
		return
	}
	i := f.rng.IntN(len(c.Possessed))
	if f.chance(50) {
		c.Possessed = slices.Delete(c.Possessed, i, i+1)
		f.note("a proof of possession is missing")
		return
	}
	c.Possessed[i].Signature[4] ^= 1
	f.note("a proof of possession is wrong")
}

func sortApprovals(all []juno.Approval) {
	slices.SortFunc(all, func(a, b juno.Approval) int { return bytes.Compare(a.Key[:], b.Key[:]) })
}

// approve puts approvals under a change.
func (f *forger) approve(c *juno.ConfigChange, present *juno.EpochConfig) {
	c.Approvals = nil
	var honest []juno.Admin
	for _, a := range present.Admins {
		if k, ok := f.has(a.Public); ok && len(c.Approvals) < present.AdminThreshold {
			c.Approve(k, f.w.cluster)
		} else if !ok {
			honest = append(honest, a)
		}
	}
	missing := present.AdminThreshold - len(c.Approvals)
	if missing == 0 && f.chance(75) {
		return
	}
	if missing == 0 {
		c.Approvals, missing = c.Approvals[:len(c.Approvals)-1], 1
	}
	how := f.rng.IntN(7)
	f.note("approvals: %s", [...]string{
		"too few", "one twice", "of nobody", "of nodes and clients", "badly signed",
		"of a removed administrator", "of another change",
	}[how])
	for i := range missing {
		switch how {
		case 1:
			if len(c.Approvals) > 0 {
				c.Approvals = append(c.Approvals, c.Approvals[0])
			}
		case 2:
			c.Approve(f.outsider(30+i), f.w.cluster)
		case 3:
			k := clientKey(mallory, 0)
			for _, m := range slices.Concat(present.Voters, present.Observers) {
				if own, ok := f.has(m.Public); ok && f.chance(70) {
					k = own
				}
			}
			c.Approve(k, f.w.cluster)
		case 4:
			if i < len(honest) {
				c.Approvals = append(c.Approvals, juno.Approval{Key: honest[i].Public.ID()})
				sortApprovals(c.Approvals)
			}
		case 5:
			for _, e := range f.w.epochs {
				for _, a := range e.config.Admins {
					if k, ok := f.has(a.Public); ok && !slices.Contains(present.Admins, a) {
						c.Approve(k, f.w.cluster)
					}
				}
			}
		case 6:
			f.borrowApproval(c, present)
		}
	}
}

// borrowApproval takes an approval of the change that the administrators did sign.
func (f *forger) borrowApproval(c *juno.ConfigChange, present *juno.EpochConfig) {
	if int(present.Epoch) >= len(f.w.ends) {
		return
	}
	real, err := juno.ParseConfigChange(f.w.ends[present.Epoch].Payload)
	if err != nil {
		return
	}
	a := pick(f, real.Approvals...)
	if !slices.ContainsFunc(c.Approvals, func(b juno.Approval) bool { return a.Key == b.Key }) {
		c.Approvals = append(c.Approvals, a)
		sortApprovals(c.Approvals)
	}
}

// endOf returns the proof that an epoch ended with the entry at the end of a chain.
func (f *forger) endOf(cfg *juno.EpochConfig, h juno.History, e juno.Entry) juno.EpochChange {
	prev, _ := h.HashAt(e.Index - 1)
	return juno.EpochChange{Prev: prev, Entry: e, Certificate: f.certify(cfg, h, e.Index)}
}

func recordOf(e *juno.EpochChange, next *juno.EpochConfig) record {
	return record{kind: juno.RecordEpoch, index: e.Entry.Index, end: &juno.EpochRecord{
		Payload: e.Entry.Payload, Next: next, Certificate: copyCertificate(e.Certificate),
	}}
}

// selfMadeInLog ends an epoch with members of the forger's, who certify what follows.
func selfMadeInLog(f *forger) bool {
	at, ok := f.somewhere()
	if !ok || at == f.p.start.Index {
		return false
	}
	p := f.p
	number := f.epochAt(at + 1)
	present := f.configOf(uint32(number))
	if f.chance(30) { // in the place of the true end
		for i := range p.entries {
			if e := &p.entries[i]; e.Type == juno.EntryConfig {
				at, number = e.Index-1, f.epochAt(e.Index)
				present = f.configOf(uint32(number))
			}
		}
		if at <= p.start.Index {
			return false
		}
	}
	next := f.usurp(present)
	c := f.changeTo(present, next)
	f.note("at %d", at+1)
	f.cutBack(at)
	f.extend(1)
	e := &p.entries[len(p.entries)-1]
	e.Type, e.Payload = juno.EntryConfig, c.Payload()
	end := f.endOf(present, p.chain(), *e)
	if f.chance(75) {
		p.records = append(p.records, recordOf(&end, &next))
	}
	if f.chance(60) {
		p.epochs = append(p.epochs, end)
		p.noEpochs = false
	}
	f.extend(1 + f.rng.IntN(3))
	f.proveAs(&next, p.last())
	return true
}

// selfMadeInEpochs puts a change to the forger's members into the ends of epochs. A receipt proves
// an entry of theirs, a snapshot a state.
func selfMadeInEpochs(f *forger) bool {
	p := f.p
	keep := f.rng.IntN(len(p.epochs) + 1)
	present := f.configOf(uint32(keep))
	last := juno.Index(0)
	if keep > 0 {
		last = p.epochs[keep-1].Entry.Index
	}
	next := f.usurp(present)
	at := min(last+1+juno.Index(f.rng.IntN(6)), f.w.last())
	h, e := f.branchAt(at, juno.EntryConfig, f.changeTo(present, next).Payload(), present.Epoch)
	p.epochs = append(p.epochs[:keep], f.endOf(present, h, e))
	p.noEpochs = false
	f.note("epoch %d at %d", next.Epoch, at)
	switch p.kind {
	case aReceipt:
		f.receiptOf(&next, at+1)
	case aSnapshot:
		s := p.snaps[0]
		s.manifest.Pos = juno.Pos{Index: at + 1, Hash: hashOf([]byte("made up"))}
		f.enrich(s)
		f.certifyState(s, &next)
		s.key, s.manifest.Node = f.outsider(20), next.Voters[0].ID
		s.seal()
	}
	return true
}

// branchAt returns a chain that leaves the true one before an entry, with another one there.
func (f *forger) branchAt(at juno.Index, t juno.EntryType, payload []byte, epoch uint32,
) (*history, juno.Entry) {
	w := f.w
	e := juno.Entry{
		Index: at, Type: t, Payload: payload, Term: juno.TermOf(epoch, 0),
		Time: w.entries[min(at, w.last())-1].Time,
	}
	if at > 1 && w.entries[at-2].Term.Epoch() == epoch {
		e.Term = w.entries[at-2].Term
	}
	prev := w.hashes[at-1]
	h := &history{
		start: at - 1, hashes: []juno.Hash{prev, e.ChainHash(prev)}, entries: []juno.Entry{e},
	}
	return h, e
}

// receiptOf makes the receipt one of an entry that the forger's members have certified.
func (f *forger) receiptOf(cfg *juno.EpochConfig, at juno.Index) {
	r := f.p.receipt
	prev := f.p.epochs[len(f.p.epochs)-1].Certificate.Pos.Hash
	if f.chance(30) {
		prev = hashOf([]byte("made up"))
	}
	e := juno.Entry{
		Index: at, Type: juno.EntryCommand, Payload: f.nextCommand(),
		Term: juno.TermOf(cfg.Epoch, 0), Time: f.w.entries[f.w.last()-1].Time,
	}
	h := &history{
		start: at - 1, hashes: []juno.Hash{prev, e.ChainHash(prev)}, entries: []juno.Entry{e},
	}
	r.Entry, r.Prev, r.Headers, r.Batch, r.Result, r.Answers = e, prev, nil, nil, nil, nil
	r.Certificate = f.certify(cfg, h, at)
	r.Signer = f.signerOf(&e)
}

// signerOf returns the key that a command of the forger's clients is signed with.
func (f *forger) signerOf(e *juno.Entry) juno.PublicKey {
	c, err := juno.ParseCommand(e.Payload)
	if err != nil {
		return juno.PublicKey{}
	}
	for _, name := range stolenClients {
		if k := clientKey(name, 0).Public(); k.ID() == c.Key {
			return k
		}
	}
	return juno.PublicKey{}
}

// someEnd draws one of the ends of epochs.
func (f *forger) someEnd() *juno.EpochChange {
	if len(f.p.epochs) == 0 {
		return nil
	}
	return &f.p.epochs[f.rng.IntN(len(f.p.epochs))]
}

// recertify makes an end of an epoch one of its own entry again, certified as far as can be.
func (f *forger) recertify(e *juno.EpochChange, cfg *juno.EpochConfig) {
	h := &history{
		start: e.Entry.Index - 1, hashes: []juno.Hash{e.Prev, e.Entry.ChainHash(e.Prev)},
		entries: []juno.Entry{e.Entry},
	}
	e.Certificate = f.certify(cfg, h, e.Entry.Index)
}

// changeApprovals approves another membership, or the same one otherwise.
func changeApprovals(f *forger) bool {
	e := f.someEnd()
	if e == nil {
		return false
	}
	c, err := juno.ParseConfigChange(e.Entry.Payload)
	if err != nil {
		return false
	}
	present := f.configOf(c.Next.Epoch - 1)
	switch f.rng.IntN(4) {
	case 0:
		c = f.changeTo(present, c.Next)
	case 1:
		c = f.changeTo(present, f.usurp(present))
	case 2:
		c.Next.Voters = slices.Clone(c.Next.Voters)
		c.Next.Voters[0].Public = f.outsider(20).Public()
	default:
		c.Previous[0] ^= 1
		f.approve(c, present)
	}
	f.replaceEnd(e, c.Payload(), present)
	return true
}

// replaceEnd gives an end of an epoch another payload, in the log as well.
func (f *forger) replaceEnd(e *juno.EpochChange, payload []byte, present *juno.EpochConfig) {
	p := f.p
	e.Entry.Payload = payload
	f.recertify(e, present)
	if now := p.entryAt(e.Entry.Index); now != nil {
		now.Payload = payload
		f.remake(now.Index)
	}
}

// moveEnds leaves ends of epochs out, repeats them or swaps them.
func moveEnds(f *forger) bool {
	p := f.p
	if len(p.epochs) == 0 {
		return false
	}
	i := f.rng.IntN(len(p.epochs))
	switch f.rng.IntN(4) {
	case 0:
		p.epochs = slices.Delete(p.epochs, i, i+1)
	case 1:
		p.epochs = slices.Insert(p.epochs, i, copyChanges(p.epochs[i : i+1])[0])
	case 2:
		j := f.rng.IntN(len(p.epochs))
		p.epochs[i], p.epochs[j] = p.epochs[j], p.epochs[i]
	default:
		p.epochs = p.epochs[:i]
	}
	return true
}

// relocateEnd lets an epoch end with the same change, at another entry.
func relocateEnd(f *forger) bool {
	e := f.someEnd()
	if e == nil {
		return false
	}
	present := f.configOf(e.Certificate.Term.Epoch())
	was := e.Entry.Index
	switch f.rng.IntN(5) {
	case 0:
		e.Entry.Index = 1 + juno.Index(f.rng.IntN(int(f.w.last())))
	case 1:
		e.Entry.Index = 1
	case 2:
		e.Entry.Time = pick(f, 0, f.w.genesis.Created, e.Entry.Time-1)
	case 3:
		e.Entry.Term = pick(f, e.Entry.Term-1, e.Entry.Term+1, e.Entry.Term+1<<32)
	default:
		e.Prev[0] ^= 1
	}
	f.note("of %d at %d of term %s, %d", was, e.Entry.Index, e.Entry.Term, e.Entry.Time)
	f.recertify(e, present)
	return true
}

// foreignEnd takes an end of an epoch from another ledger.
func foreignEnd(f *forger) bool {
	e := f.someEnd()
	other := f.otherWorld()
	if e == nil || len(other.ends) == 0 {
		return false
	}
	f.note("world %d", other.seed)
	all := copyChanges(other.changes())
	*e = all[f.rng.IntN(len(all))]
	return true
}

// changeEnd changes the entry that ends an epoch, and has what is left certified.
func changeEnd(f *forger) bool {
	e := f.someEnd()
	if e == nil {
		return false
	}
	present := f.configOf(e.Certificate.Term.Epoch())
	switch f.rng.IntN(4) {
	case 0:
		e.Entry.Type = juno.EntryNoop
		f.recertify(e, present)
	case 1:
		e.Entry.Payload = slices.Clone(e.Entry.Payload)
		e.Entry.Payload[f.rng.IntN(len(e.Entry.Payload))] ^= 1
		f.recertify(e, present)
	case 2:
		c := copyCertificate(pick(f, f.w.proofs...))
		f.note("certificate of %d", c.Pos.Index)
		e.Certificate = c
	default:
		e.Certificate.Kind = juno.Prepare
		f.fill(present, e.Certificate)
	}
	return true
}
