package forge

import (
	"slices"

	"juno"
)

// receiptOperators break a receipt.
var receiptOperators = []operator{
	{"result", receiptKind, changeResult},
	{"answers", receiptKind, changeAnswers},
	{"batch", receiptKind, changeBatch},
	{"signer", receiptKind, changeSigner},
	{"entry", receiptKind, changeReceiptEntry},
	{"headers", receiptKind, changeHeaders},
	{"forged entry with a certificate", receiptKind, forgeReceipt},
	{"entry of an earlier epoch", receiptKind, forgeEarlier},
	{"terminal sequences", receiptKind, escapeReceipt},
	{"genesis", everyKind, changeGenesis},
	{"epochs of the receipt", receiptKind, trimEpochs},
}

// answers puts answers for the claimed result into the receipt, of as many as it takes.
func (f *forger) answers(n int) {
	r := f.p.receipt
	number := len(f.p.epochs)
	if number >= len(f.w.epochs) {
		number = len(f.w.epochs) - 1
	}
	cfg := &f.w.epochs[number].config
	c, err := juno.ParseCommand(r.Entry.Payload)
	if err != nil || r.Result == nil {
		return
	}
	a := juno.Answer{
		Client: f.clientName(c.Key), Request: c.Request, Command: juno.CommandID(r.Entry.Payload),
		Pos:    juno.Pos{Index: r.Entry.Index, Hash: r.Entry.ChainHash(r.Prev)},
		Result: *r.Result,
	}
	r.Answers = nil
	liars := 0
	for _, m := range cfg.Voters {
		if k, ok := f.has(m.Public); ok && f.liesAt(m.Public, number) && len(r.Answers) < n {
			a.Node = m.ID
			a.Sign(k, f.w.cluster)
			r.Answers = append(r.Answers, a)
			liars++
		}
	}
	how := f.rng.IntN(6)
	f.note("%d answers of the forger's own, %s", liars, [...]string{
		"no more", "one twice", "other names", "bad signatures", "outsiders", "another ledger's",
	}[how])
	for i := 0; len(r.Answers) < n && how > 0; i++ {
		m := cfg.Voters[i%len(cfg.Voters)]
		if slices.ContainsFunc(r.Answers, func(b juno.Answer) bool { return b.Node == m.ID }) &&
			how != 1 && how != 4 && i < len(cfg.Voters) {
			continue
		}
		a.Node = m.ID
		switch how {
		case 1:
			if liars == 0 {
				return
			}
			a = r.Answers[0]
		case 2, 3:
			k := f.anyKey(cfg)
			if k.Public() == m.Public { // it is stolen, but f+1 liars are more than is promised
				k = f.outsider(i)
			}
			a.Sign(k, f.w.cluster)
			if how == 3 {
				a.Key = m.Public.ID()
			}
		case 4:
			a.Node = juno.NodeID(900 + i)
			k := f.outsider(i)
			if len(cfg.Observers) > 0 {
				if own, ok := f.has(cfg.Observers[0].Public); ok && i == 0 {
					a.Node, k = cfg.Observers[0].ID, own
				}
			}
			a.Sign(k, f.w.cluster)
		default:
			a.Sign(f.keyOf(m.Public), f.w.foreign)
		}
		r.Answers = append(r.Answers, a)
	}
}

// liesAt reports whether a voter's key may be used for a false answer: f+1 equal answers are true
// as long as no more than f voters lie.
func (f *forger) liesAt(public juno.PublicKey, epoch int) bool {
	return f.broken[epoch] || slices.Contains(f.w.lying, public.ID())
}

// clientName returns whose key it is, as far as the forger knows.
func (f *forger) clientName(id juno.KeyID) string {
	if _, known := f.w.keys[id]; known {
		return f.w.clientOf(id)
	}
	return "nobody"
}

func (f *forger) faultyMore() int {
	number := min(len(f.p.epochs), len(f.w.epochs)-1)
	return f.w.epochs[number].config.Faulty() + 1
}

// changeResult claims another result.
func changeResult(f *forger) bool {
	r := f.p.receipt
	if r.Entry.Type != juno.EntryCommand {
		r.Result = &juno.Result{Status: juno.StatusOK}
		return true
	}
	result := juno.Result{Status: juno.StatusOK, Value: "you are rich"}
	if f.chance(50) {
		result = juno.Result{Status: juno.StatusRefused, Code: juno.CodeFunds}
	}
	r.Result = &result
	if f.chance(75) {
		f.answers(f.faultyMore())
	}
	return true
}

// changeAnswers changes the answers to the true result.
func changeAnswers(f *forger) bool {
	r := f.p.receipt
	if len(r.Answers) == 0 {
		return false
	}
	i := f.rng.IntN(len(r.Answers))
	switch f.rng.IntN(7) {
	case 0:
		r.Answers = append(r.Answers, r.Answers[i])
	case 1:
		r.Answers[i].Signature[0] ^= 1
	case 2:
		r.Answers[i].Result.Value += "!"
	case 3:
		r.Result = nil
	case 4:
		r.Answers[i].Pos.Index++
	case 5:
		r.Answers[i].Node = 900
	default:
		r.Answers[i].Client = "somebody else"
	}
	return true
}

// changeBatch moves the proof that a command is one of a batch.
func changeBatch(f *forger) bool {
	r := f.p.receipt
	if r.Batch == nil {
		if r.Entry.Type != juno.EntryCommand {
			return false
		}
		r.Batch = &juno.BatchProof{}
		return true
	}
	b := *r.Batch
	b.Path = slices.Clone(b.Path)
	switch f.rng.IntN(7) {
	case 0:
		r.Batch = nil
		return true
	case 1:
		b.Head.Count++
	case 2:
		b.Head.FirstRequest++
	case 3:
		b.Head.Root[0] ^= 1
	case 4:
		if len(b.Path) == 0 {
			return false
		}
		b.Path[0][0] ^= 1
	case 5:
		b.Path = append(b.Path, juno.Hash{1})
	default: // a batch of the forger's, of the same command
		h, payloads := juno.SignBatch(clientKey(mallory, 0), f.w.cluster, 1,
			[]juno.Command{{Text: "CreateAccount a"}, {Text: "CreateAccount b"}})
		b.Head = h
		b.Path = []juno.Hash{juno.MerkleLeaf(payloads[1])}
		r.Signer = clientKey(mallory, 0).Public()
	}
	r.Batch = &b
	return true
}

func changeSigner(f *forger) bool {
	r := f.p.receipt
	r.Signer = pick(f, clientKey(mallory, 0).Public(), clientKey(alice, 0).Public(),
		f.outsider(3).Public(), juno.PublicKey{}, juno.PublicKey{1})
	return true
}

// changeReceiptEntry changes the entry itself, and leaves the chain or not.
func changeReceiptEntry(f *forger) bool {
	e := &f.p.receipt.Entry
	switch f.rng.IntN(6) {
	case 0:
		e.Index++
	case 1:
		e.Term++
	case 2:
		e.Time++
	case 3:
		e.Type = pick(f, juno.EntryNoop, juno.EntryCommand, juno.EntryMode)
	case 4:
		f.p.receipt.Prev[0] ^= 1
	default:
		e.Payload = slices.Clone(e.Payload)
		return f.changePayload(e)
	}
	return true
}

func changeHeaders(f *forger) bool {
	r := f.p.receipt
	r.Headers = slices.Clone(r.Headers)
	if len(r.Headers) == 0 || f.chance(30) {
		r.Headers = append(r.Headers, r.Entry.Header())
		return true
	}
	i := f.rng.IntN(len(r.Headers))
	switch f.rng.IntN(4) {
	case 0:
		r.Headers = slices.Delete(r.Headers, i, i+1)
	case 1:
		r.Headers[i].Time--
	case 2:
		r.Headers[i].Term++
	default:
		r.Headers[i].PayloadHash[1] ^= 1
	}
	return true
}

// forgeReceipt proves an entry that never was, with a certificate of the forger's: at the entry, or
// some entries behind it, whose times and terms may go back.
func forgeReceipt(f *forger) bool {
	w := f.w
	at := 1 + juno.Index(f.rng.IntN(int(w.last())))
	e := w.epochAt(at)
	_, entry := f.branchAt(at, juno.EntryCommand, f.nextCommand(), e.config.Epoch)
	switch {
	case f.chance(25):
		entry = w.entries[at-1] // a true entry with another payload
		entry.Payload = slices.Clone(entry.Payload)
		f.changePayload(&entry)
	case f.chance(30) && len(w.pending) > 0:
		entry.Payload = pick(f, w.pending...)
	}
	r := f.p.receipt
	r.Entry, r.Prev, r.Batch, r.Headers, r.Result, r.Answers = entry, w.hashes[at-1], nil, nil, nil,
		nil
	if f.chance(15) {
		r.Prev = hashOf([]byte("made up"))
	}
	entries := []juno.Entry{entry}
	for i := range f.rng.IntN(4) {
		n := juno.Entry{
			Index: at + juno.Index(i) + 1, Term: entry.Term, Time: entry.Time, Type: juno.EntryNoop,
		}
		if f.chance(15) {
			n.Time = entry.Time - 3
			f.note("time goes back")
		}
		if f.chance(15) && entry.Term.Round() > 0 {
			n.Term--
			f.note("term goes back")
		}
		entries = append(entries, n)
	}
	h := &history{start: at - 1, hashes: []juno.Hash{r.Prev}, entries: entries}
	for i := range entries {
		h.hashes = append(h.hashes, entries[i].ChainHash(h.hashes[i]))
	}
	to := entries[len(entries)-1].Index
	for i := 1; i < len(entries)-1; i++ {
		r.Headers = append(r.Headers, entries[i].Header())
	}
	r.Certificate = f.certify(&e.config, h, to)
	r.Signer = juno.PublicKey{}
	if c, err := juno.ParseCommand(entry.Payload); err == nil {
		if k, known := w.keys[c.Key]; known {
			r.Signer = k.Public()
		}
	}
	f.p.epochs = copyChanges(w.changes()[:e.config.Epoch])
	f.note("entry %d, certified at %d", at, to)
	if f.chance(30) {
		r.Result = &juno.Result{Status: juno.StatusOK, Value: "sure"}
		f.answers(f.faultyMore())
	}
	return true
}

// forgeEarlier proves an entry of one epoch by a certificate of a later one, along a chain that
// does not go through the end of the earlier one.
func forgeEarlier(f *forger) bool {
	w := f.w
	if len(w.epochs) < 2 {
		return false
	}
	e := w.epochs[1+f.rng.IntN(len(w.epochs)-1)]
	at := e.first - 1 - juno.Index(f.rng.IntN(int(min(3, e.first-1))))
	_, entry := f.branchAt(at, juno.EntryCommand, f.nextCommand(), w.epochAt(at).config.Epoch)
	entries := []juno.Entry{entry}
	for i := at + 1; i <= e.first; i++ {
		n := w.entries[i-1]
		entries = append(entries, n)
	}
	r := f.p.receipt
	r.Entry, r.Prev, r.Batch, r.Result, r.Answers = entry, w.hashes[at-1], nil, nil, nil
	h := &history{start: at - 1, hashes: []juno.Hash{r.Prev}, entries: entries}
	for i := range entries {
		h.hashes = append(h.hashes, entries[i].ChainHash(h.hashes[i]))
	}
	r.Headers = nil
	for i := 1; i < len(entries)-1; i++ {
		r.Headers = append(r.Headers, entries[i].Header())
	}
	to := entries[len(entries)-1].Index
	if f.chance(30) { // at the wrong side of the border itself
		to = at
		r.Headers = nil
	}
	r.Certificate = f.certify(&e.config, h, to)
	r.Signer = f.signerOf(&entry)
	f.p.epochs = copyChanges(w.changes()[:e.config.Epoch])
	f.note("entry %d, certified at %d in epoch %d", at, to, e.config.Epoch)
	return true
}

// sequences are texts that a terminal acts upon, or that look like another text.
var sequences = []string{
	"\x1b[2J\x1b[1;1Hproven: everything", "\x9b31m", "\u202eneb\u202c", "a\rproven", "x\ny", "\x00",
	"\u200b\u2066", "E-\x1b[31mFUNDS", "E-OK\nproven: its result is ok", "\x7f\x08\x08", "\xff\xfe",
}

func escapeReceipt(f *forger) bool {
	r := f.p.receipt
	if r.Entry.Type != juno.EntryCommand {
		return false
	}
	s := pick(f, sequences...)
	f.note("%q", s)
	if r.Result == nil {
		result := juno.Result{Status: juno.StatusOK}
		r.Result = &result
	}
	switch f.rng.IntN(5) {
	case 0:
		r.Result.Value = s
	case 1:
		r.Result.Message = s
	case 2:
		r.Result.Status, r.Result.Code = juno.StatusRefused, juno.Code(s)
	case 3:
		r.Result.Status, r.Result.Code = juno.StatusRefused, juno.Code("E-A"+s)
	default:
		for i := range r.Answers {
			r.Answers[i].Client = s
		}
		return len(r.Answers) > 0
	}
	r.Answers = nil
	if f.chance(60) {
		f.answers(f.faultyMore())
	}
	return true
}

// changeGenesis replaces the genesis by one whose members are the forger's.
func changeGenesis(f *forger) bool {
	g := f.p.genesis
	switch f.rng.IntN(3) {
	case 0:
		g.Nonce[0] ^= 1
	case 1:
		*g = *copyGenesis(f.otherWorld().genesis)
	default:
		for i := range g.Config.Voters {
			g.Config.Voters[i].Public = f.outsider(40 + i).Public()
		}
	}
	f.note("%s", g.ID().Short())
	return true
}

// trimEpochs takes more or fewer ends of epochs than the certificate needs.
func trimEpochs(f *forger) bool {
	n := f.rng.IntN(len(f.w.epochs))
	if n == len(f.p.epochs) {
		return false
	}
	f.p.epochs = copyChanges(f.w.changes()[:n])
	return true
}
