package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// AppendHeader is the signed part of an append (AppendEntries): a stretch of a chain.
//
// Signed bytes: version (1), term (8), leader (4), position before the first entry (40), position
// of the last entry (40), count (4).
type AppendHeader struct {
	Term   juno.Term
	Leader juno.NodeID
	Prev   juno.Pos
	Last   juno.Pos // equal to Prev if Count is 0
	Count  int
	signed
}

// Append carries entries from the leader of a term, or none: a heartbeat, or the seal (N6).
type Append struct {
	AppendHeader
	Entries []juno.Entry
	// Election proves that the leader may lead. It is attached until the follower has shown that it
	// knows the term, and never in round 0, which needs no election.
	Election *ElectionCertificate
}

const appendHeaderVersion = 1

// Kind implements Message.
func (*Append) Kind() MessageKind { return KindAppend }

// Sender implements Message.
func (ae *Append) Sender() juno.NodeID { return ae.Leader }

func (h *AppendHeader) body() []byte {
	b := juno.AppendU64(append(make([]byte, 0, 97), appendHeaderVersion), uint64(h.Term))
	b = juno.AppendU32(b, uint32(h.Leader))
	b = juno.AppendPos(juno.AppendPos(b, h.Prev), h.Last)
	return juno.AppendU32(b, uint32(h.Count))
}

func (h *AppendHeader) statement() Statement {
	return Statement{
		Epoch: h.Term.Epoch(), Node: h.Leader,
		Envelope: h.envelope(juno.KindAppend, h.body()),
	}
}

func (ae *Append) statements(all []Statement) []Statement {
	return ae.Election.statements(append(all, ae.statement()))
}

func (ae *Append) signBy(s Signer) { ae.sign(s, juno.KindAppend, ae.body()) }

func (h *AppendHeader) appendTo(b []byte) []byte {
	return h.signed.appendTo(append(b, h.body()...))
}

func (ae *Append) appendTo(b []byte) []byte {
	b = ae.AppendHeader.appendTo(b)
	for i := range ae.Entries {
		b = juno.AppendEntry(b, &ae.Entries[i])
	}
	return appendOptionalElection(b, ae.Election)
}

// appendEntriesMax bounds the entries of one append: a batch head and all its commands.
const appendEntriesMax = juno.BatchCommandsMax + 1

func decodeAppendHeader(d *juno.Decoder) (h AppendHeader) {
	d.Version(appendHeaderVersion, "append header")
	h.Term, h.Leader = juno.Term(d.U64()), juno.NodeID(d.U32())
	h.Prev, h.Last = d.Pos(), d.Pos()
	count := d.U32()
	if d.Err() == nil && (h.Leader == 0 || count > appendEntriesMax ||
		h.Last.Index-h.Prev.Index != juno.Index(count) || (count == 0 && h.Last != h.Prev)) {
		d.Fail("append header of %s with %d entries from %s to %s", h.Leader, count, h.Prev, h.Last)
	}
	h.Count = int(count)
	h.decode(d)
	return h
}

func decodeAppend(d *juno.Decoder) Message {
	ae := &Append{AppendHeader: decodeAppendHeader(d)}
	ae.Entries = decodeEntries(d, ae.Count)
	ae.Election = decodeOptionalElection(d)
	return ae
}

// decodeEntries reads n entries. It allocates as it reads, so a large count alone costs nothing.
func decodeEntries(d *juno.Decoder, n int) []juno.Entry {
	if n == 0 {
		return nil
	}
	entries := make([]juno.Entry, 0, min(n, d.Rest()/juno.EntryBytesMin))
	for range n {
		if d.Err() != nil {
			return nil
		}
		entries = append(entries, d.Entry())
	}
	return entries
}

// stepAppend processes an append of a leader, received directly or relayed: the leader's signature
// makes both equally good (N2 to N6).
func (c *Core) stepAppend(ae *Append) error {
	if err := c.ofEpoch(ae.Term, ae.Leader); err != nil {
		return err
	}
	if leader := c.epoch.config.Leader(ae.Term); leader != ae.Leader {
		return fmt.Errorf("append of %s in term %s, which %s leads", ae.Leader, ae.Term, leader)
	}
	if ae.Term < c.hard.Term {
		return fmt.Errorf("append of term %s: this node is in term %s", ae.Term, c.hard.Term)
	}
	hashes, err := ae.roll()
	if err != nil {
		return err
	}
	if err := c.admitTerm(ae); err != nil {
		return err
	}
	if ae.Leader == c.id && c.role == Leader {
		return nil // an own append, relayed back
	}
	c.timers.leaderHeard = c.ticks
	return c.accept(ae, hashes)
}

// ofEpoch returns an error for a message of another epoch, and helps the node that is behind (N2).
func (c *Core) ofEpoch(t juno.Term, from juno.NodeID) error {
	switch present := c.epoch.config.Epoch; {
	case t.Epoch() < present:
		c.sendEpochEnd(from, t.Epoch())
		return fmt.Errorf("message of %s in term %s: this node is in epoch %d", from, t, present)
	case t.Epoch() > present:
		c.Behind(from)
		return fmt.Errorf("message of %s in term %s: this node is still in epoch %d", from, t,
			present)
	}
	return nil
}

// roll checks that the entries lead from Prev to Last, and returns the chain hash at each.
func (ae *Append) roll() ([]juno.Hash, error) {
	if len(ae.Entries) != ae.Count || ae.Last.Index-ae.Prev.Index != juno.Index(ae.Count) {
		return nil, fmt.Errorf("append of %s from %s to %s with %d entries",
			ae.Leader, ae.Prev, ae.Last, len(ae.Entries))
	}
	hashes := make([]juno.Hash, len(ae.Entries))
	hash := ae.Prev.Hash
	for i := range ae.Entries {
		e := &ae.Entries[i]
		if e.Index != ae.Prev.Index+1+juno.Index(i) {
			return nil, fmt.Errorf("append of %s: entry %d at place %d after %s",
				ae.Leader, e.Index, i, ae.Prev)
		}
		hash = e.ChainHash(hash)
		hashes[i] = hash
	}
	if hash != ae.Last.Hash {
		return nil, fmt.Errorf("append of %s: the entries lead to %s, the header says %s",
			ae.Leader, hash.Short(), ae.Last)
	}
	return hashes, nil
}

// errElection reports an append of a term whose election certificate is not known.
var errElection = errors.New("no proof that the leader was elected")

// admitTerm checks that the leader may lead, and enters its term (N2).
func (c *Core) admitTerm(ae *Append) error {
	if ae.Term == c.hard.Term && c.term.known {
		return nil
	}
	if ae.Election == nil {
		c.requestFrom(ae.Leader)
		return fmt.Errorf("append of %s in term %s: %w", ae.Leader, ae.Term, errElection)
	}
	if err := c.checkElection(ae.Election, ae.Term); err != nil {
		return err
	}
	base := ae.Election.top()
	if err := c.checkFits(base.Pos, ae.Term); err != nil {
		return err
	}
	if ae.Term > c.hard.Term {
		c.enterTerm(ae.Term)
	}
	c.setBase(base.Pos, ae.Election)
	return nil
}

// admitElection enters the term of an election certificate that came without an append.
func (c *Core) admitElection(e *ElectionCertificate) error {
	if e.Term < c.hard.Term || e.Term.Epoch() != c.epoch.config.Epoch ||
		(e.Term == c.hard.Term && c.term.known) {
		return nil
	}
	return c.admitTerm(&Append{
		AppendHeader: AppendHeader{Term: e.Term, Leader: c.epoch.config.Leader(e.Term)},
		Election:     e,
	})
}

// setBase records where the chain of the term begins, and the certificate that proves it.
func (c *Core) setBase(base juno.Pos, e *ElectionCertificate) {
	c.term.known, c.term.base, c.term.election = true, base, e
	c.timers.leaderHeard = c.ticks
}

// checkFits checks the base of a term against the commit index. A base below it is possible only if
// the term itself committed the entries above (Lemma 3).
func (c *Core) checkFits(base juno.Pos, t juno.Term) error {
	if base.Index > c.commit.Index || base == c.commit {
		return nil // whether the base leads through commit is checked when its chain is here
	}
	newest, ok := c.log.entry(c.commit.Index)
	if ok && newest.Term == t && base.Index < c.commit.Index {
		return nil
	}
	if ok && t > newest.Term {
		c.alarm("N2: term %s begins at %s, but %s of term %s is final: more nodes are Byzantine "+
			"than can be tolerated", t, base, c.commit, newest.Term)
	}
	return fmt.Errorf("term %s begins at %s: %s is final", t, base, c.commit)
}

// buffer keeps an append until its predecessors are here, or its time has come.
func (c *Core) buffer(ae *Append) {
	for _, w := range c.term.buffered {
		if w.Prev == ae.Prev && w.Last == ae.Last {
			return
		}
	}
	if len(c.term.buffered) == c.limits.BufferMax {
		c.term.buffered = c.term.buffered[1:]
	}
	c.term.buffered = append(c.term.buffered, ae)
}

// drainBuffered processes buffered appends again, as long as one of them is accepted.
func (c *Core) drainBuffered() {
	for again := len(c.term.buffered) > 0; again; {
		again = false
		all := c.term.buffered
		c.term.buffered = nil
		for i, ae := range all {
			if ae.Term != c.hard.Term {
				continue
			}
			before := c.accepted
			if hashes, err := ae.roll(); err == nil {
				_ = c.accept(ae, hashes) // otherwise it is buffered again, or of no use
			}
			if c.accepted != before {
				c.term.buffered = append(c.term.buffered, all[i+1:]...)
				again = len(c.term.buffered) > 0
				break
			}
		}
	}
}

// keepHeader keeps a header of entries that are not final, so that it can be shown to nodes that
// the leader does not send to.
func (c *Core) keepHeader(h AppendHeader) {
	c.term.headers = append(c.term.headers, h)
	c.pruneHeaders()
	if len(c.term.headers) > headersMax {
		c.term.headers = c.term.headers[len(c.term.headers)-headersMax:]
	}
	c.out.dirtyHeaders = true
}

// headersMax bounds the kept headers: those of a window of entries. A follower that misses older
// ones gets them from the leader or by a commit certificate.
const headersMax = 64

func (c *Core) pruneHeaders() {
	n := 0
	for n < len(c.term.headers) && c.term.headers[n].Last.Index <= c.commit.Index {
		n++
	}
	c.term.headers = c.term.headers[n:]
}

// headersRecord keeps the headers of entries that are accepted and not final, so that the node can
// show them after a restart. No message waits for the record: without it the leader, or another
// node, shows them.
//
// Canonical bytes: version (1), headers (count, then each with its signature).
func headersRecord(headers []AppendHeader, at juno.Index) juno.Record {
	b := juno.AppendUvarint([]byte{recordVersion}, uint64(len(headers)))
	for i := range headers {
		b = headers[i].appendTo(b)
	}
	return juno.Record{Kind: juno.RecordHeaders, Index: at, Bytes: b}
}

// ParseHeaders reads the bytes of a juno.RecordHeaders.
func ParseHeaders(b []byte) ([]AppendHeader, error) {
	d := juno.NewDecoder(b)
	d.Version(recordVersion, "headers")
	var headers []AppendHeader
	for range d.Count(headersMax) {
		if d.Err() != nil {
			break
		}
		headers = append(headers, decodeAppendHeader(d))
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	return headers, nil
}
