package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// EvidenceKind is a kind of misbehaviour.
type EvidenceKind uint8

// The kinds of evidence. The numbers are part of the format.
const (
	// EvidenceTwoChains: a leader signed two chains in one term.
	EvidenceTwoChains EvidenceKind = 1
	// EvidenceInvalid: a leader signed entries that are not valid. Every receiver validates them
	// itself, as if the leader had sent them.
	EvidenceInvalid EvidenceKind = 2
	// EvidenceTwoVotes: a voter signed two chains in one term.
	EvidenceTwoVotes EvidenceKind = 3
)

// String returns the kind in words.
func (k EvidenceKind) String() string {
	switch k {
	case EvidenceTwoChains:
		return "two chains of one leader in one term"
	case EvidenceInvalid:
		return "invalid entries"
	case EvidenceTwoVotes:
		return "votes for two chains in one term"
	}
	return fmt.Sprintf("evidence(%d)", uint8(k))
}

// Evidence is what a node signed that no correct node signs: two statements that contradict each
// other, or one that contradicts the rules. Anyone who knows the node's key can check it.
//
// Canonical bytes: version (1), kind (1), then by kind: two append headers, each with its
// signature, and the entry headers of the second (count, then 49 each); or an append header and its
// entries; or two signed votes.
type Evidence struct {
	What         EvidenceKind
	Headers      []AppendHeader     // two, or one
	EntryHeaders []juno.EntryHeader // of the entries of the second header
	Entries      []juno.Entry       // of the header
	Votes        []juno.SignedVote  // two
}

const evidenceVersion = 1

// Kind implements Message.
func (*Evidence) Kind() MessageKind { return KindEvidence }

// Sender implements Message. It does not matter which node found the evidence.
func (*Evidence) Sender() juno.NodeID { return 0 }

// Accused returns the node that the evidence is against, and the term of its misbehaviour.
func (e *Evidence) Accused() (juno.NodeID, juno.Term) {
	if len(e.Votes) > 0 {
		return e.Votes[0].Node, e.Votes[0].Term
	}
	return e.Headers[0].Leader, e.Headers[0].Term
}

func (e *Evidence) statements(all []Statement) []Statement {
	for i := range e.Headers {
		all = append(all, e.Headers[i].statement())
	}
	for i := range e.Votes {
		all = append(all, voteStatement(&e.Votes[i]))
	}
	return all
}

func (*Evidence) signBy(Signer) {}

// evidenceEntriesBytesMax bounds the entries in evidence. A larger batch is not relayed: every node
// that received it from the leader finds it by itself.
const evidenceEntriesBytesMax = 1 << 20

func (e *Evidence) appendTo(b []byte) []byte {
	b = append(b, evidenceVersion, byte(e.What))
	for i := range e.Headers {
		b = e.Headers[i].appendTo(b)
	}
	for i := range e.Votes {
		b = juno.AppendSignedVote(b, &e.Votes[i])
	}
	for i := range e.Entries {
		b = juno.AppendEntry(b, &e.Entries[i])
	}
	if e.What == EvidenceTwoChains {
		b = juno.AppendUvarint(b, uint64(len(e.EntryHeaders)))
		for i := range e.EntryHeaders {
			b = juno.AppendEntryHeader(b, e.EntryHeaders[i])
		}
	}
	return b
}

func decodeEvidence(d *juno.Decoder) Message {
	d.Version(evidenceVersion, "evidence")
	e := &Evidence{What: EvidenceKind(d.U8())}
	switch e.What {
	case EvidenceTwoChains:
		e.Headers = []AppendHeader{decodeAppendHeader(d), decodeAppendHeader(d)}
		for range d.Count(appendEntriesMax) {
			if d.Err() != nil {
				return e
			}
			e.EntryHeaders = append(e.EntryHeaders, d.EntryHeader())
		}
	case EvidenceInvalid:
		e.Headers = []AppendHeader{decodeAppendHeader(d)}
		e.Entries = decodeEntries(d, e.Headers[0].Count)
	case EvidenceTwoVotes:
		e.Votes = []juno.SignedVote{d.SignedVote(), d.SignedVote()}
	default:
		d.Fail("evidence of kind %d", e.What)
	}
	return e
}

// ParseEvidence reads the bytes of a juno.RecordEvidence.
func ParseEvidence(b []byte) (*Evidence, error) {
	d := juno.NewDecoder(b)
	m := decodeEvidence(d)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return m.(*Evidence), nil
}

// Check returns an error if the evidence proves nothing. It does not verify the signatures, and it
// cannot validate entries, which needs the log before them.
func (e *Evidence) Check() error {
	switch e.What {
	case EvidenceTwoChains:
		return e.checkChains()
	case EvidenceTwoVotes:
		a, b := &e.Votes[0], &e.Votes[1]
		if a.Node != b.Node || a.Term != b.Term || !votesConflict(a, b) {
			return fmt.Errorf("%s: the votes of %s and %s agree", e.What, a.Node, b.Node)
		}
		return nil
	}
	return nil
}

// checkChains looks for an index at which the two append headers, with the entry headers, name two
// hashes.
func (e *Evidence) checkChains() error {
	a, b := &e.Headers[0], &e.Headers[1]
	if a.Leader != b.Leader || a.Term != b.Term {
		return fmt.Errorf("%s: headers of %s in term %s and of %s in term %s",
			e.What, a.Leader, a.Term, b.Leader, b.Term)
	}
	points := []juno.Pos{b.Prev, b.Last}
	if len(e.EntryHeaders) > 0 {
		at := b.Prev
		for i := range e.EntryHeaders {
			at = juno.Pos{Index: at.Index + 1, Hash: e.EntryHeaders[i].Chain(at.Hash, at.Index+1)}
			points = append(points, at)
		}
		if at != b.Last {
			return fmt.Errorf("%s: the links lead to %s, not to %s", e.What, at, b.Last)
		}
	}
	for _, p := range points {
		if differs(a.Prev, p) || differs(a.Last, p) {
			return nil
		}
	}
	return fmt.Errorf("%s: the headers of %s agree", e.What, a.Leader)
}

func differs(a, b juno.Pos) bool { return a.Index == b.Index && a.Hash != b.Hash }

// votesConflict reports whether two votes of a voter in one term name two chains. The accepted
// position may contradict the committed one: that is so at a muted node (F10).
func votesConflict(a, b *juno.SignedVote) bool {
	for _, p := range [2]*juno.Pos{a.Accepted, a.Prepared} {
		for _, q := range [2]*juno.Pos{b.Accepted, b.Prepared} {
			if p != nil && q != nil && differs(*p, *q) {
				return true
			}
		}
	}
	return differs(a.Committed, b.Committed)
}

// accusation identifies evidence that was sent already.
type accusation struct {
	node juno.NodeID
	term juno.Term
	what EvidenceKind
}

// accusationsMax bounds the remembered accusations. Beyond it the same evidence may be kept twice.
const accusationsMax = 256

// refuseConflict refuses an append that contradicts the chain accepted in the term (N5). The node
// keeps its chain, sends both headers as evidence, and asks for the next term.
func (c *Core) refuseConflict(ae *Append) error {
	for i := range c.term.headers {
		e := &Evidence{
			What: EvidenceTwoChains, Headers: []AppendHeader{c.term.headers[i], ae.AppendHeader},
		}
		for j := range ae.Entries {
			e.EntryHeaders = append(e.EntryHeaders, ae.Entries[j].Header())
		}
		if e.checkChains() == nil {
			c.accuse(e)
			break
		}
	}
	if ae.Leader == c.epoch.config.Leader(c.hard.Term) {
		c.requestTerm(c.hard.Term+1, CauseEvidence)
	}
	return fmt.Errorf("append of %s from %s to %s contradicts the accepted position %s",
		ae.Leader, ae.Prev, ae.Last, c.accepted.Pos)
}

// accuseInvalid sends evidence of invalid entries that the leader signed (N3), and asks for the
// next term.
func (c *Core) accuseInvalid(ae *Append, why error) error {
	size := 0
	for i := range ae.Entries {
		size += juno.EntryBytes(&ae.Entries[i])
	}
	if size <= evidenceEntriesBytesMax {
		c.accuse(&Evidence{
			What: EvidenceInvalid, Headers: []AppendHeader{ae.AppendHeader}, Entries: ae.Entries,
		})
	}
	c.requestTerm(c.hard.Term+1, CauseEvidence)
	return why
}

// checkDoubleVote sends evidence if a voter's votes contradict each other.
func (c *Core) checkDoubleVote(voter int, vote *juno.SignedVote) {
	votes := c.votes[voter].inTerm(vote.Term)
	for i := range votes {
		if votesConflict(&votes[i], vote) {
			c.accuse(&Evidence{
				What: EvidenceTwoVotes, Votes: []juno.SignedVote{votes[i], *vote},
			})
			return
		}
	}
}

// accuse stores evidence and sends it to all peers, once.
func (c *Core) accuse(e *Evidence) {
	node, term := e.Accused()
	a := accusation{node, term, e.What}
	for _, known := range c.accused {
		if known == a {
			return
		}
	}
	if len(c.accused) == accusationsMax {
		c.accused = c.accused[1:]
	}
	c.accused = append(c.accused, a)
	// The same group writes the commit index, so that after a restart it is not behind the index of
	// this record: indices of records must never decrease.
	c.out.lazyHard = true
	c.writeLazily(juno.Record{
		Kind: juno.RecordEvidence, Index: min(c.commit.Index, c.out.durable),
		Bytes: e.appendTo(nil),
	})
	c.out.ready.Evidence = append(c.out.ready.Evidence, e)
	if len(c.epoch.peers) > 0 && c.role != Observer {
		c.send(c.epoch.peers, e)
	}
}

// stepEvidence processes evidence that another node found.
func (c *Core) stepEvidence(e *Evidence) error {
	node, term := e.Accused()
	if term.Epoch() != c.epoch.config.Epoch {
		return fmt.Errorf("evidence against %s of term %s: epoch %d", node, term,
			c.epoch.config.Epoch)
	}
	if e.What == EvidenceInvalid {
		if len(e.Headers) != 1 {
			return errors.New("evidence of invalid entries without their header")
		}
		return c.stepAppend(&Append{AppendHeader: e.Headers[0], Entries: e.Entries})
	}
	if err := e.Check(); err != nil {
		return err
	}
	c.accuse(e)
	if e.What == EvidenceTwoChains && term == c.hard.Term &&
		node == c.epoch.config.Leader(term) {
		c.requestTerm(term+1, CauseEvidence)
	}
	return nil
}
