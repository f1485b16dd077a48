package forge

import (
	"slices"

	"juno"
	"juno/db/state"
)

// logOperators break the log of a directory or an export.
var logOperators = []operator{
	{"fork", logKinds, fork},
	{"fork before the end of an epoch", logKinds, forkAtEnd},
	{"entry changed", logKinds, changeEntry},
	{"entry left out, doubled or moved", logKinds, moveEntry},
	{"command slipped in", logKinds, slipIn},
	{"entries behind the head", logKinds, appendTail},
	{"end cut off", logKinds, cutOff},
	{"spliced with another ledger", logKinds, splice},
	{"log forged, certificates kept", logKinds, hollow},
	{"record of another index", logKinds, lieIndex},
	{"records left out, doubled or moved", logKinds, moveRecords},
	{"start of the log", logKinds, moveStart},
}

// nextCommand returns a valid command of one of the forger's clients.
func (f *forger) nextCommand() []byte {
	name, text := olga, pick(f, "CreateAccount loot", "AdjustAccount a1 1000000000%1",
		"AdjustAccount loot 5%1")
	if f.chance(30) {
		name, text = mallory, "CreateAccount m"
	}
	f.request++
	c := juno.Command{Request: f.request, Language: state.Detect(text), Text: text}
	c.Sign(clientKey(name, 0), f.w.cluster)
	return c.Payload()
}

// extend appends n valid entries to the log, in the term of the last one.
func (f *forger) extend(n int) {
	p := f.p
	for range n {
		e := juno.Entry{
			Index: p.last() + 1, Type: juno.EntryCommand, Payload: f.nextCommand(),
			Term: juno.TermOf(uint32(f.epochAt(p.last()+1)), 0), Time: f.w.genesis.Created,
		}
		if len(p.entries) > 0 {
			before := p.entries[len(p.entries)-1]
			e.Term, e.Time = max(e.Term, before.Term), before.Time
		}
		if f.chance(25) {
			e.Type, e.Payload = juno.EntryNoop, nil
		}
		p.entries = append(p.entries, e)
	}
}

// epochAt returns the number of the epoch that an entry of the forged log belongs to: that of its
// beginning, and one more for each config entry before.
func (f *forger) epochAt(i juno.Index) int {
	n := int(f.w.epochAt(min(f.p.start.Index+1, f.w.last())).config.Epoch)
	for k := range f.p.entries {
		if e := &f.p.entries[k]; e.Index < i && e.Type == juno.EntryConfig {
			n++
		}
	}
	return n
}

// somewhere draws an index of the log, between client batches.
func (f *forger) somewhere() (juno.Index, bool) {
	p := f.p
	if len(p.entries) == 0 {
		return 0, false
	}
	for range 20 {
		i := p.start.Index + juno.Index(f.rng.IntN(len(p.entries)))
		if !f.w.insideBatch(i) {
			return i, true
		}
	}
	return 0, false
}

// dropBehind drops the records, and the ends of epochs, behind an entry.
func (f *forger) dropBehind(i juno.Index) {
	p := f.p
	p.records = slices.DeleteFunc(p.records, func(r record) bool { return r.index > i })
	p.epochs = slices.DeleteFunc(p.epochs, func(e juno.EpochChange) bool {
		return e.Entry.Index > i
	})
	p.snaps = slices.DeleteFunc(p.snaps, func(s *snap) bool { return s.manifest.Pos.Index > i })
	p.dead = slices.DeleteFunc(p.dead, func(d branch) bool { return d.base >= i })
}

// prove puts a certificate of an entry of the forged log into it.
func (f *forger) prove(at juno.Index) {
	number := f.epochAt(at)
	if number >= len(f.w.epochs) {
		number = len(f.w.epochs) - 1
	}
	f.proveAs(&f.w.epochs[number].config, at)
}

func (f *forger) proveAs(cfg *juno.EpochConfig, at juno.Index) {
	c := f.certify(cfg, f.p.chain(), at)
	if f.p.kind == aDirectory && f.chance(15) {
		c.Detached, c.PrevHash, c.Head, c.Headers = false, juno.Hash{}, juno.EntryHeader{}, nil
	}
	f.p.records = append(f.p.records, record{kind: juno.RecordProof, index: at, proof: c})
}

// cutBack cuts the log back to an entry, with what speaks of the entries behind.
func (f *forger) cutBack(at juno.Index) {
	if at >= f.p.start.Index && at <= f.p.last() {
		f.p.entries = f.p.entries[:at-f.p.start.Index]
	}
	f.dropBehind(at)
}

// fork writes the log anew from an entry on.
func fork(f *forger) bool {
	at, ok := f.somewhere()
	if !ok {
		return false
	}
	f.note("behind %d", at)
	f.cutBack(at)
	f.extend(1 + f.rng.IntN(4))
	f.prove(f.p.last())
	return true
}

// forkAtEnd leaves out the end of an epoch, and lets the epoch go on.
func forkAtEnd(f *forger) bool {
	var ends []juno.Index
	for i := range f.p.entries {
		if f.p.entries[i].Type == juno.EntryConfig {
			ends = append(ends, f.p.entries[i].Index)
		}
	}
	if len(ends) == 0 {
		return false
	}
	at := pick(f, ends...)
	number := f.epochAt(at)
	keep := f.chance(50) // the end of the epoch itself
	if !keep {
		at--
	}
	f.note("at %d, kept %t", at, keep)
	kept := copyChanges(f.p.epochs)
	f.cutBack(at)
	if f.chance(50) {
		f.p.epochs = kept
	}
	f.extend(1 + f.rng.IntN(4))
	if keep && f.chance(70) { // certified by the epoch that has ended
		for i := range f.p.entries {
			if e := &f.p.entries[i]; e.Index > at {
				e.Term = juno.TermOf(uint32(number), e.Term.Round()+9)
			}
		}
		f.proveAs(f.configOf(uint32(number)), f.p.last())
		return true
	}
	f.prove(f.p.last())
	return true
}

// changeEntry changes an entry, and makes the certificates behind it anew.
func changeEntry(f *forger) bool {
	p := f.p
	if len(p.entries) == 0 {
		return false
	}
	i := f.rng.IntN(len(p.entries))
	e := &p.entries[i]
	switch f.rng.IntN(7) {
	case 0:
		if i == 0 {
			return false
		}
		e.Time = p.entries[i-1].Time - 1 - juno.Millis(f.rng.IntN(5))
		f.note("time of %d goes back", e.Index)
	case 1:
		e.Term -= pick(f, juno.Term(1), juno.Term(1)<<32)
		f.note("term of %d is %s", e.Index, e.Term)
	case 2:
		e.Term += pick(f, juno.Term(1), juno.Term(1)<<32)
		f.note("term of %d is %s", e.Index, e.Term)
	case 3:
		e.Type = pick(f, juno.EntryNoop, juno.EntryTermStart, juno.EntryCommand)
		f.note("type of %d is %s", e.Index, e.Type)
	default:
		if !f.changePayload(e) {
			return false
		}
		f.note("payload of %d", e.Index)
	}
	f.remake(e.Index)
	return true
}

// changePayload changes what somebody else signed.
func (f *forger) changePayload(e *juno.Entry) bool {
	b := slices.Clone(e.Payload)
	switch {
	case len(b) == 0:
		return false
	case e.Type == juno.EntryCommand && f.chance(70):
		c, err := juno.ParseCommand(b)
		if err != nil {
			return false
		}
		c.Text = "AdjustAccount a1 77%1"
		b = c.Payload()
	case e.Type == juno.EntryMode && f.chance(80):
		m, err := juno.ParseModeChange(b)
		if err != nil {
			return false
		}
		m.Halted = !m.Halted
		b = m.Payload()
	default:
		b[f.rng.IntN(len(b))] ^= 1 << f.rng.IntN(8)
	}
	e.Payload = b
	return true
}

// remake brings the certificates at and behind an entry in line with the chain as it is now, each
// with the votes that the forger can have; or leaves some of them out.
func (f *forger) remake(from juno.Index) {
	p, h := f.p, f.p.chain()
	p.records = slices.DeleteFunc(p.records, func(r record) bool {
		return r.index >= from && (r.point != nil || r.proof != nil && f.chance(60))
	})
	remake := func(c *juno.QuorumCertificate) {
		if c.Pos.Index < from {
			return
		}
		hash, held := h.HashAt(c.Pos.Index)
		if !held {
			return
		}
		c.Pos.Hash = hash
		if head, _ := h.HeaderAt(c.Pos.Index); f.chance(80) {
			c.Term = head.Term
		}
		f.fill(f.configOf(c.Term.Epoch()), c)
		if c.Detached {
			detach(c, h)
		}
	}
	for i := range p.records {
		if r := &p.records[i]; r.proof != nil {
			remake(r.proof)
		} else if r.end != nil && r.end.Certificate.Pos.Index >= from {
			remake(r.end.Certificate)
			f.renewEnd(r.end)
		}
	}
	for i := range p.epochs {
		e := &p.epochs[i]
		now := p.entryAt(e.Entry.Index)
		if e.Certificate.Pos.Index < from || now == nil {
			continue
		}
		remake(e.Certificate)
		e.Prev, _ = h.HashAt(e.Entry.Index - 1)
		e.Entry = *now
	}
}

// renewEnd lets an epoch record hold the config entry that is in the log now.
func (f *forger) renewEnd(r *juno.EpochRecord) {
	if e := f.p.entryAt(r.Certificate.Pos.Index); e != nil && e.Type == juno.EntryConfig {
		r.Payload = e.Payload
	}
}

// moveEntry leaves an entry out, repeats it or swaps it with the next one.
func moveEntry(f *forger) bool {
	p := f.p
	if len(p.entries) < 3 {
		return false
	}
	i := f.rng.IntN(len(p.entries) - 1)
	at := p.entries[i].Index
	how := f.rng.IntN(3)
	f.note("%s %d", [...]string{"left out", "doubled", "swapped"}[how], at)
	switch how {
	case 0:
		p.entries = slices.Delete(p.entries, i, i+1)
	case 1:
		p.entries = slices.Insert(p.entries, i, p.entries[i])
	default:
		p.entries[i], p.entries[i+1] = p.entries[i+1], p.entries[i]
	}
	if f.chance(80) {
		f.renumber()
	}
	f.remake(at)
	return true
}

func (f *forger) renumber() {
	for i := range f.p.entries {
		f.p.entries[i].Index = f.p.start.Index + juno.Index(i) + 1
	}
}

// slipIn puts a command where it must not be: by a revoked key, twice, by nobody, unsigned.
func slipIn(f *forger) bool {
	at, ok := f.somewhere()
	if !ok {
		return false
	}
	p := f.p
	f.cutBack(at)
	f.extend(1)
	e := &p.entries[len(p.entries)-1]
	c := juno.Command{Request: 20_000, Text: "CreateAccount slip"}
	how := f.rng.IntN(6)
	switch how {
	case 0:
		c.Sign(clientKey(eve, 0), f.w.cluster)
	case 1:
		c.Sign(f.outsider(7), f.w.cluster)
	case 2:
		c.Sign(clientKey(mallory, 0), f.w.foreign)
	case 3:
		c.Sign(clientKey(mallory, 0), f.w.cluster)
		c.Key = clientKey(alice, 0).Public().ID()
	case 4:
		c.Sign(clientKey(mallory, 0), f.w.cluster)
		c.Batched = true
	default:
		before := f.rng.IntN(len(p.entries))
		c, _ = juno.ParseCommand(p.entries[before].Payload)
	}
	e.Type, e.Payload = juno.EntryCommand, c.Payload()
	f.note("%s at %d", [...]string{
		"revoked or unknown", "unknown key", "another ledger's", "in another name", "batch of none",
		"repeated",
	}[how], e.Index)
	f.prove(p.last())
	return true
}

// appendTail appends entries that nobody has committed.
func appendTail(f *forger) bool {
	n := 1 + f.rng.IntN(4)
	f.note("%d", n)
	f.extend(n)
	if f.chance(40) {
		f.prove(f.p.last())
	}
	return true
}

// cutOff cuts the end off, and leaves all or none of what speaks of it.
func cutOff(f *forger) bool {
	p := f.p
	if len(p.entries) < 2 {
		return false
	}
	at := p.start.Index + 1 + juno.Index(f.rng.IntN(len(p.entries)-1))
	f.note("behind %d", at)
	if f.chance(50) {
		f.cutBack(at)
	} else {
		p.entries = p.entries[:at-p.start.Index]
	}
	return true
}

// hollow forges entries, and keeps the true certificates of later ones, which are cut off or not.
func hollow(f *forger) bool {
	at, ok := f.somewhere()
	if !ok {
		return false
	}
	p := f.p
	records := slices.DeleteFunc(slices.Clone(p.records), func(r record) bool {
		return r.index <= at || r.index > f.w.committed
	})
	if f.chance(50) && len(records) > 1 {
		records = records[len(records)-1:]
	}
	epochs, n := copyChanges(p.epochs), len(p.entries)-int(at-p.start.Index)
	f.cutBack(at)
	f.extend(max(1, f.rng.IntN(n+1)))
	p.records = append(p.records, records...)
	if f.chance(60) {
		p.epochs = epochs
	}
	f.note("behind %d, %d entries", at, int(p.last()-at))
	return true
}

// splice goes on with the entries of another ledger.
func splice(f *forger) bool {
	at, ok := f.somewhere()
	other := f.otherWorld()
	if !ok || other == f.w || other.committed <= at {
		return false
	}
	f.note("with world %d behind %d", other.seed, at)
	f.cutBack(at)
	f.p.entries = append(f.p.entries, copyEntries(other.entries[at:other.committed])...)
	if f.chance(50) {
		for _, c := range other.proofs {
			if c.Pos.Index > at {
				f.p.records = append(f.p.records, record{
					kind: juno.RecordProof, index: c.Pos.Index, proof: copyCertificate(c),
				})
			}
		}
	} else {
		f.prove(f.p.last())
	}
	return true
}

// lieIndex gives a record another index than that of what it holds.
func lieIndex(f *forger) bool {
	p := f.p
	if len(p.records) == 0 {
		return false
	}
	r := &p.records[f.rng.IntN(len(p.records))]
	to := pick(f, p.last(), r.index+1, p.last()+1000)
	f.note("of %d as of %d", r.index, to)
	r.index = to
	if f.chance(50) {
		f.extend(1 + f.rng.IntN(3))
		p.records = append(p.records, *r)
		p.records[len(p.records)-1].index = p.last()
	}
	return true
}

func moveRecords(f *forger) bool {
	p := f.p
	if len(p.records) < 2 {
		return false
	}
	i := f.rng.IntN(len(p.records))
	switch how := f.rng.IntN(4); how {
	case 0:
		p.records = slices.Delete(p.records, i, i+1)
	case 1:
		p.records = slices.Insert(p.records, i, p.records[i])
	case 2:
		kind := p.records[i].kind
		p.records = slices.DeleteFunc(p.records, func(r record) bool { return r.kind == kind })
		f.note("no %s", kind)
	default:
		j := f.rng.IntN(len(p.records))
		p.records[i], p.records[j] = p.records[j], p.records[i]
	}
	return true
}

// moveStart lets the log begin elsewhere, or behind another hash.
func moveStart(f *forger) bool {
	p := f.p
	if p.start.Index == 0 || len(p.entries) < 3 {
		return false
	}
	if f.chance(50) {
		p.start.Hash[3] ^= 1
		f.note("another hash")
		f.remake(p.start.Index + 1)
		return true
	}
	n := 1 + f.rng.IntN(len(p.entries)-2)
	p.start = p.chain().pos(p.start.Index + juno.Index(n))
	p.entries = p.entries[n:]
	f.note("behind %d", p.start.Index)
	return true
}
