package consensus

import (
	"fmt"

	"juno"
)

// restore rebuilds the durable state from the log. A node that restarts is merely slow: everything
// that it sent was on disk before (docs/SPECIFICATION.md §2.2).
func (c *Core) restore(st *Stored, store Log) error {
	if err := st.Genesis.Check(); err != nil {
		return err
	}
	genesis := juno.Pos{Hash: c.cluster}
	start, last := st.Start, st.Last
	if last == (juno.Pos{}) {
		start, last = genesis, genesis
	}
	c.epoch = c.newEpoch(st.Genesis, genesis, nil)
	if err := c.restoreEpochs(st.Records); err != nil {
		return err
	}
	c.hard.Term, c.highQC = c.epoch.firstTerm(), c.epoch.baseQC()
	c.commit = c.epoch.base
	if start.Index > c.commit.Index {
		c.commit = start
	}
	for i := range st.Records {
		if err := c.restoreRecord(&st.Records[i]); err != nil {
			return err
		}
	}
	if c.hard.Committed.Index > c.commit.Index {
		c.commit = c.hard.Committed
	}
	c.hard.Committed = c.commit
	if err := c.restoreLog(store, start, last); err != nil {
		return err
	}
	return c.checkRestored()
}

func (c *Core) restoreEpochs(records []juno.Record) error {
	for i := range records {
		if records[i].Kind != juno.RecordEpoch {
			continue
		}
		r, err := juno.ParseEpochRecord(records[i].Bytes)
		if err != nil {
			return err
		}
		if len(c.past) > 0 && r.Next.Epoch != c.epoch.config.Epoch+1 {
			return fmt.Errorf("epoch %d follows epoch %d", r.Next.Epoch, c.epoch.config.Epoch)
		}
		c.past = append(c.past, r)
		c.epoch = c.newEpoch(r.Next, r.Certificate.Pos, r)
	}
	return nil
}

func (c *Core) restoreRecord(r *juno.Record) (err error) {
	switch r.Kind {
	case juno.RecordHardState:
		c.hard, err = ParseHardState(r.Bytes)
	case juno.RecordAccepted:
		c.accepted, err = ParseAccepted(r.Bytes)
		c.everAccepted = true
	case juno.RecordHighQC:
		var h HighQC
		if h, err = ParseHighQC(r.Bytes); err == nil && c.highQC.Rank.Less(h.Rank) {
			c.highQC = h
		}
	case juno.RecordHeaders:
		c.term.headers, err = ParseHeaders(r.Bytes)
	case juno.RecordProof:
		var proof *juno.QuorumCertificate
		if proof, err = juno.ParseProof(r.Bytes); err == nil && proof.Pos.Index > c.commit.Index {
			c.commit, c.newestProof = proof.Pos, proof
		}
	case juno.RecordCheckpoint:
		c.checkpoints.newest, err = juno.ParseCheckpointCertificate(r.Bytes)
	}
	return err
}

// restoreLog opens the log and keeps the end of it in memory.
func (c *Core) restoreLog(store Log, start, last juno.Pos) error {
	from := start
	if keep := juno.Index(c.limits.CacheEntriesMax); c.commit.Index > start.Index+keep {
		h, ok := store.HashAt(c.commit.Index - keep)
		if !ok {
			return fmt.Errorf("log: no hash at %d", c.commit.Index-keep)
		}
		from = juno.Pos{Index: c.commit.Index - keep, Hash: h}
	}
	var err error
	c.log, err = newChain(store, from, last)
	return err
}

// checkRestored checks that the state fits the log, and derives what is not stored.
func (c *Core) checkRestored() error {
	switch {
	case c.hard.Term.Epoch() != c.epoch.config.Epoch:
		return fmt.Errorf("term %s in epoch %d", c.hard.Term, c.epoch.config.Epoch)
	case !c.log.has(c.commit):
		return fmt.Errorf("log: committed %s, the log ends at %s", c.commit, c.log.tip())
	case c.highQC.Pos.Index <= c.log.tip().Index && !c.log.has(c.highQC.Pos) &&
		!c.archived(c.highQC.Pos):
		return fmt.Errorf("log: the highest certificate is at %s, the log ends at %s",
			c.highQC.Pos, c.log.tip())
	case c.hasAccepted() && !c.mayNotAccept() && !c.keepsAccepted():
		return fmt.Errorf("log: accepted %s, the log ends at %s", c.accepted.Pos, c.log.tip())
	}
	if c.highQC.Pos.Index+1 == c.log.lowest() {
		c.log.anchored(c.highQC.Certificate)
	}
	c.sync.incomplete = c.highQC.Pos.Index > c.log.tip().Index
	if p := c.newestProof; p != nil && c.highQC.Certificate == nil && p.Pos == c.highQC.Pos {
		c.highQC.Certificate = p
	}
	if c.hasAccepted() && c.highQC.Rank.Term == c.hard.Term {
		p := c.highQC.Pos
		c.prepared = &p
	}
	c.delivered = c.commit.Index
	c.log.finalized(0, c.commit.Index)
	tip := c.log.tip().Index
	c.out.handed, c.out.durable = tip, tip
	return nil
}

// begin takes the role that follows from the restored state.
func (c *Core) begin() {
	headers := c.term.headers
	c.resetPeers()
	c.openRound0()
	for _, h := range headers {
		if h.Term == c.hard.Term && c.hasAccepted() && c.log.has(h.Last) && c.log.has(h.Prev) {
			c.term.headers = append(c.term.headers, h)
		}
	}
	c.pruneHeaders()
	c.timers.start(c)
	c.out.dirtyVote = true
	c.takeRole()
	switch {
	case c.role == Follower && c.hard.EverLed && c.hard.Led == c.hard.Term:
		// The node led this term before it stopped, and the newest proposals may be lost: never
		// lead a term twice (F8). Ask for the next term.
		c.requestTerm(c.hard.Term+1, CauseResign)
	case c.role == Candidate && c.epoch.alone():
		// The node stopped between entering the term and opening it. A single voter has no
		// heartbeat that repeats the new-term message, and no other node could lead.
		c.wantNewTerm()
	}
}

// AloneRecords returns the hard state with which a single voter goes on after a log that it was
// given, for instance by an import. The log ends at the entry that proof, a commit certificate,
// proves. Everything up to there is final, and the term of proof will not be led again. This is
// correct for a cluster of one voter only: with more voters a node must never use an identity whose
// earlier messages it does not know (docs/SPECIFICATION.md §3.4).
func AloneRecords(proof *juno.QuorumCertificate) []juno.Record {
	hard := HardState{Term: proof.Term, Led: proof.Term, EverLed: true, Committed: proof.Pos}
	accepted := Accepted{Term: proof.Term, Pos: proof.Pos}
	high := HighQC{
		Rank: Rank{Term: proof.Term, Index: proof.Pos.Index}, Pos: proof.Pos,
		Certificate: proof,
	}
	return []juno.Record{hard.record(), accepted.record(), high.record()}
}
