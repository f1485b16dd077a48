package forge

import (
	"math/rand/v2"
	"slices"

	"juno"
)

// soundPieces draws a sound piece of evidence of a world.
func soundPieces(w *world, kind artifact, rng *rand.Rand) *pieces {
	p := &pieces{w: w, kind: kind, genesis: copyGenesis(w.genesis), version: 2}
	switch kind {
	case aReceipt:
		p.soundReceipt(rng)
	case anExport:
		p.soundExport(rng)
	default:
		p.soundDirectory(rng)
	}
	return p
}

func (p *pieces) soundReceipt(rng *rand.Rand) {
	w := p.w
	at := 1 + juno.Index(rng.IntN(int(w.committed)))
	c := w.proofAt(at)
	if rng.IntN(3) == 0 {
		c = w.proofAt(min(w.committed, c.Pos.Index+juno.Index(rng.IntN(12))))
	}
	newest := int(c.Term.Epoch())
	if rng.IntN(3) == 0 {
		newest += rng.IntN(len(w.epochs) - newest)
	}
	p.epochs = copyChanges(w.changes()[:newest])
	p.expect, p.asText = w.pos(at), rng.IntN(4) == 0
	signer := w.signerOf(at)
	r, err := juno.NewReceipt(p.genesis, nil, w, w.entries[at-1], copyCertificate(c), signer)
	if err != nil {
		panic(err)
	}
	if head := w.heads[at-1]; head != 0 {
		h, payloads := w.batchAt(head)
		if err := r.AddBatch(h, payloads); err != nil {
			panic(err)
		}
	}
	p.receipt = r
	r.Entry.Payload = slices.Clone(r.Entry.Payload)
	if r.Entry.Type == juno.EntryCommand && rng.IntN(4) > 0 {
		result := w.results[at-1]
		r.Result = &result
		e := w.epochs[newest]
		for _, i := range rng.Perm(len(e.config.Voters))[:rng.IntN(len(e.config.Voters)+1)] {
			r.Answers = append(r.Answers, w.answer(e, e.config.Voters[i].ID, at))
		}
	}
}

// answer is what a correct voter of an epoch answers to a command.
func (w *world) answer(e *epoch, id juno.NodeID, at juno.Index) juno.Answer {
	payload := w.entries[at-1].Payload
	c, err := juno.ParseCommand(payload)
	if err != nil {
		panic(err)
	}
	a := juno.Answer{
		Node: id, Client: w.clientOf(c.Key), Request: c.Request, Command: juno.CommandID(payload),
		Pos: w.pos(at), Result: w.results[at-1],
	}
	a.Sign(e.key(w, id), w.cluster)
	return a
}

// clientOf returns whose key it is.
func (w *world) clientOf(id juno.KeyID) string {
	for _, name := range []string{alice, bob, carol, mallory, olga, eve} {
		for generation := range 8 {
			if clientKey(name, generation).Public().ID() == id {
				return name
			}
		}
	}
	panic("a key of nobody")
}

// signerOf returns the key that signed an entry, zero for none.
func (w *world) signerOf(at juno.Index) juno.PublicKey {
	e := &w.entries[at-1]
	var id juno.KeyID
	switch e.Type {
	case juno.EntryCommand:
		c, _ := juno.ParseCommand(e.Payload)
		id = c.Key
	case juno.EntryBatchHead:
		h, _ := juno.ParseBatchHead(e.Payload)
		id = h.Key
	case juno.EntryKeyOp:
		o, _ := juno.ParseKeyOp(e.Payload)
		id = o.Key
	default:
		return juno.PublicKey{}
	}
	return w.keys[id].Public()
}

// batchAt returns the head of a batch and the payloads of its commands.
func (w *world) batchAt(head juno.Index) (juno.BatchHead, [][]byte) {
	h, err := juno.ParseBatchHead(w.entries[head-1].Payload)
	if err != nil {
		panic(err)
	}
	payloads := make([][]byte, h.Count)
	for i := range payloads {
		payloads[i] = slices.Clone(w.entries[int(head)+i].Payload)
	}
	return h, payloads
}

// cutAt takes the log from behind an entry to another one, and its records.
func (p *pieces) cutAt(from, to juno.Index) {
	w := p.w
	p.start = w.pos(from)
	p.entries = copyEntries(w.entries[from:to])
	for i := from + 1; i <= to; i++ {
		for _, c := range w.proofs {
			if c.Pos.Index == i && furthest(c) <= to {
				p.records = append(p.records,
					record{kind: juno.RecordProof, index: i, proof: copyCertificate(c)})
				p.expect = c.Pos
			}
		}
		for _, r := range w.ends {
			if r.Certificate.Pos.Index == i {
				p.records = append(p.records,
					record{kind: juno.RecordEpoch, index: i, end: copyEnd(r)})
			}
		}
		if k := w.pointAt(i); k != nil && p.kind != anExport {
			p.records = append(p.records,
				record{kind: juno.RecordCheckpoint, index: i, point: copyPoint(k)})
		}
	}
}

// ends returns the ends of epochs up to an entry.
func (w *world) endsUpTo(i juno.Index) []juno.EpochChange {
	all := w.changes()
	for len(all) > 0 && all[len(all)-1].Entry.Index > i {
		all = all[:len(all)-1]
	}
	return copyChanges(all)
}

// provenStates returns where a state is proven: by a checkpoint certificate, or by the only voter.
func (w *world) provenStates() []juno.Index {
	return slices.DeleteFunc(w.snapshotIndexes(), func(i juno.Index) bool {
		single := len(w.epochAt(i).config.Voters) == 1
		return i > w.committed || w.pointAt(i) == nil && !single
	})
}

func (p *pieces) soundExport(rng *rand.Rand) {
	w := p.w
	var ends []juno.Index
	for _, c := range w.proofs {
		if furthest(c) == c.Pos.Index {
			ends = append(ends, c.Pos.Index)
		}
	}
	to := ends[len(ends)-1-min(rng.IntN(4)*rng.IntN(8), len(ends)-1)]
	from := juno.Index(0)
	if bases := w.provenStates(); len(bases) > 0 && rng.IntN(2) == 0 {
		if from = bases[rng.IntN(len(bases))]; from >= to {
			from = 0
		}
	}
	if rng.IntN(3) == 0 && w.epochAt(from).config.Epoch == 0 {
		p.version = 1
	}
	if from > 0 {
		p.base = w.snapOf(rng, from)
	}
	p.cutAt(from, to)
	if p.version > 1 {
		p.epochs = w.endsUpTo(to)
	}
	p.late = from
}

func (p *pieces) soundDirectory(rng *rand.Rand) {
	w := p.w
	p.segment = 4096 << rng.IntN(4)
	from, bases := juno.Index(0), w.provenStates()
	bases = slices.DeleteFunc(bases, func(i juno.Index) bool { return i >= w.committed })
	if len(bases) > 0 && rng.IntN(2) == 0 {
		oldest := bases[rng.IntN(len(bases))]
		from = oldest - juno.Index(rng.IntN(int(min(8, oldest))))
		for from > 0 && w.insideBatch(from) {
			from--
		}
		p.late = oldest
	}
	for _, i := range w.snapshotIndexes() {
		if i <= w.committed && i >= from && (i == p.late || i > p.late && rng.IntN(3) > 0) {
			p.snaps = append(p.snaps, w.snapOf(rng, i))
		}
	}
	if from == 0 {
		p.late = 0
	}
	p.cutAt(from, w.last())
	p.epochs = w.endsUpTo(w.last())
	for i := range w.dead {
		if w.dead[i].base > from && w.dead[i].base < w.last() {
			d := *w.dead[i]
			d.entries = copyEntries(d.entries)
			p.dead = append(p.dead, d)
		}
	}
	keep := len(w.endsUpTo(from))
	if rng.IntN(3) == 0 { // the file may lack the newest, which are in the log
		p.epochs = p.epochs[:keep+rng.IntN(len(p.epochs)-keep+1)]
	}
	p.noEpochs = len(p.epochs) == 0
	if p.kind == aSnapshot {
		p.soundSnapshot()
	}
}

// soundSnapshot leaves only one snapshot in the directory, whose state is proven, and all ends of
// epochs that it may need.
func (p *pieces) soundSnapshot() {
	proven := p.w.provenStates()
	for _, s := range p.snaps {
		if slices.Contains(proven, s.manifest.Pos.Index) {
			p.snaps = []*snap{s}
			p.epochs, p.noEpochs = p.w.endsUpTo(p.w.last()), false
			p.expect = s.manifest.Pos
			return
		}
	}
	p.kind = aDirectory
}
