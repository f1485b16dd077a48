package consensus

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"juno"
)

// NewTerm is a node's message to the leader of a term that it has just entered (RVR): the highest
// prepare certificate that the node knows. After it the node signs nothing for older terms (R4). It
// is the NEW-VIEW message of HotStuff, and the VIEW-CHANGE message of PBFT.
//
// Signed bytes: version (1), term (8), node (4), candidate (4), term of the certificate (8), its
// position (40).
type NewTerm struct {
	Term      juno.Term
	Node      juno.NodeID
	Candidate juno.NodeID // leader of Term
	Rank      Rank        // of the highest certificate
	Pos       juno.Pos    // its position; Rank.Index is Pos.Index
	signed
	// Certificate proves Rank and Pos. It is nil if Pos is the base of the epoch.
	Certificate *juno.QuorumCertificate
}

const newTermVersion = 1

// Kind implements Message.
func (*NewTerm) Kind() MessageKind { return KindNewTerm }

// Sender implements Message.
func (r *NewTerm) Sender() juno.NodeID { return r.Node }

func (r *NewTerm) body() []byte {
	b := juno.AppendU64(append(make([]byte, 0, 72), newTermVersion), uint64(r.Term))
	b = juno.AppendU32(juno.AppendU32(b, uint32(r.Node)), uint32(r.Candidate))
	return juno.AppendPos(juno.AppendU64(b, uint64(r.Rank.Term)), r.Pos)
}

// own appends the statement of the message itself, without those of its certificate.
func (r *NewTerm) own(all []Statement) []Statement {
	return append(all, Statement{
		Epoch: r.Term.Epoch(), Node: r.Node,
		Envelope: r.envelope(juno.KindNewTerm, r.body()),
	})
}

func (r *NewTerm) statements(all []Statement) []Statement {
	return certificateStatements(r.own(all), r.Certificate)
}

func (r *NewTerm) signBy(s Signer) { r.sign(s, juno.KindNewTerm, r.body()) }

// appendOwn appends the message without its certificate.
func (r *NewTerm) appendOwn(b []byte) []byte { return r.signed.appendTo(append(b, r.body()...)) }

func (r *NewTerm) appendTo(b []byte) []byte {
	return appendOptionalCertificate(r.appendOwn(b), r.Certificate)
}

func decodeNewTermOwn(d *juno.Decoder) *NewTerm {
	d.Version(newTermVersion, "new-term message")
	r := &NewTerm{
		Term: juno.Term(d.U64()), Node: juno.NodeID(d.U32()),
		Candidate: juno.NodeID(d.U32()),
	}
	r.Rank.Term, r.Pos = juno.Term(d.U64()), d.Pos()
	r.Rank.Index = r.Pos.Index
	if d.Err() == nil && (r.Node == 0 || r.Candidate == 0) {
		d.Fail("new-term of %s to %s", r.Node, r.Candidate)
	}
	r.decode(d)
	return r
}

func decodeNewTerm(d *juno.Decoder) Message {
	r := decodeNewTermOwn(d)
	r.Certificate = decodeOptionalCertificate(d)
	return r
}

// appendOptionalCertificate appends whether there is a certificate, and the certificate.
func appendOptionalCertificate(b []byte, c *juno.QuorumCertificate) []byte {
	b = juno.AppendBool(b, c != nil)
	if c != nil {
		b = juno.AppendCertificate(b, c)
	}
	return b
}

func decodeOptionalCertificate(d *juno.Decoder) *juno.QuorumCertificate {
	if !d.Bool() || d.Err() != nil {
		return nil
	}
	return d.Certificate()
}

// ElectionCertificate proves that the leader of a term may lead, and from where (EC): a quorum of
// new-term messages, and the certificate of the highest of them. The chain of the term begins
// there.
//
// Canonical bytes: term (8), new-term messages (count, then each without its certificate),
// certificate of the base (flag, then the certificate).
type ElectionCertificate struct {
	Term     juno.Term
	NewTerms []*NewTerm // q, by distinct voters, in the order of their ids, without certificates
	// Base proves the highest of the messages. It is nil if that is the base of the epoch.
	Base *juno.QuorumCertificate
}

const electionTag = "juno1/election"

// Hash identifies the election: SHA-256 of "juno1/election" and the canonical bytes. The TermStart
// entry of the term holds it.
func (e *ElectionCertificate) Hash() juno.Hash {
	return sha256.Sum256(appendElection([]byte(electionTag), e))
}

// top returns the highest of the new-term messages: the term begins at its position.
func (e *ElectionCertificate) top() *NewTerm {
	top := e.NewTerms[0]
	for _, r := range e.NewTerms[1:] {
		if top.Rank.Less(r.Rank) {
			top = r
		}
	}
	return top
}

func (e *ElectionCertificate) statements(all []Statement) []Statement {
	if e == nil {
		return all
	}
	for _, r := range e.NewTerms {
		all = r.own(all)
	}
	return certificateStatements(all, e.Base)
}

func appendElection(b []byte, e *ElectionCertificate) []byte {
	b = juno.AppendU64(b, uint64(e.Term))
	b = juno.AppendUvarint(b, uint64(len(e.NewTerms)))
	for _, r := range e.NewTerms {
		b = r.appendOwn(b)
	}
	return appendOptionalCertificate(b, e.Base)
}

func appendOptionalElection(b []byte, e *ElectionCertificate) []byte {
	b = juno.AppendBool(b, e != nil)
	if e != nil {
		b = appendElection(b, e)
	}
	return b
}

func decodeOptionalElection(d *juno.Decoder) *ElectionCertificate {
	if !d.Bool() || d.Err() != nil {
		return nil
	}
	e := &ElectionCertificate{Term: juno.Term(d.U64())}
	for i := range d.Count(juno.VotersMax) {
		if d.Err() != nil {
			return e
		}
		r := decodeNewTermOwn(d)
		if d.Err() == nil && i > 0 && e.NewTerms[i-1].Node >= r.Node {
			d.Fail("election with the new-term messages of %s and %s in this order",
				e.NewTerms[i-1].Node, r.Node)
		}
		e.NewTerms = append(e.NewTerms, r)
	}
	e.Base = decodeOptionalCertificate(d)
	return e
}

// wantNewTerm adds a new-term message to the next Ready.
func (c *Core) wantNewTerm() {
	c.out.dirtyNewTerm = true
}

// sendNewTerm sends the highest known certificate to the leader of the present term (RVR), until
// the base of the term is known. Like a vote it is made when the host takes a Ready, so that it
// agrees with the records that go to disk before it.
func (c *Core) sendNewTerm() {
	if !c.out.dirtyNewTerm {
		return
	}
	c.out.dirtyNewTerm = false
	if !c.mayVote() || c.term.known || c.hasAccepted() || c.logIncomplete() {
		return
	}
	leader := c.epoch.config.Leader(c.hard.Term)
	r := &NewTerm{
		Term: c.hard.Term, Node: c.id, Candidate: leader, Rank: c.highQC.Rank,
		Pos: c.highQC.Pos, Certificate: c.highQC.Certificate,
	}
	if c.highQC.Pos == c.epoch.base {
		r.Certificate = nil
	}
	if leader == c.id {
		c.sendAfter(nil, r, true)
		return
	}
	c.sendAfter([]juno.NodeID{leader}, r, false)
}

// stepNewTerm collects new-term messages as the designated leader of the term (E4).
func (c *Core) stepNewTerm(r *NewTerm) error {
	if err := c.ofEpoch(r.Term, r.Node); err != nil {
		return err
	}
	if voter := c.epoch.voter(r.Node); voter >= 0 {
		c.noteTermChange(voter, r.Term) // a new-term message counts as a term change
	}
	if r.Term != c.hard.Term || c.role != Candidate {
		return fmt.Errorf("new-term of %s in term %s: this node is %s in term %s",
			r.Node, r.Term, c.role, c.hard.Term)
	}
	if err := c.checkNewTerm(r, r.Term); err != nil {
		return err
	}
	if err := c.checkProven(r.Rank, r.Pos, r.Certificate); err != nil {
		return fmt.Errorf("new-term of %s: %w", r.Node, err)
	}
	c.term.newTerms = insertNewTerm(c.term.newTerms, r)
	c.tryLead()
	return nil
}

// insertNewTerm keeps the messages in the order of the nodes, the newest of each.
func insertNewTerm(all []*NewTerm, r *NewTerm) []*NewTerm {
	i, found := slices.BinarySearchFunc(all, r.Node, func(o *NewTerm, n juno.NodeID) int {
		return int(int64(o.Node) - int64(n))
	})
	if found {
		all[i] = r
		return all
	}
	return slices.Insert(all, i, r)
}

// checkNewTerm checks a new-term message by itself, without its certificate.
func (c *Core) checkNewTerm(r *NewTerm, t juno.Term) error {
	switch leader := c.epoch.config.Leader(t); {
	case c.epoch.voter(r.Node) < 0:
		return fmt.Errorf("new-term of %s: not a voter", r.Node)
	case r.Term != t || r.Candidate != leader:
		return fmt.Errorf("new-term of %s to %s in term %s: term %s is led by %s",
			r.Node, r.Candidate, r.Term, t, leader)
	case r.Rank.Term >= t:
		return fmt.Errorf("new-term of %s in term %s with a certificate of term %s",
			r.Node, t, r.Rank.Term)
	}
	return nil
}

// checkProven checks that a certificate proves a rank and a position.
func (c *Core) checkProven(rank Rank, pos juno.Pos, cert *juno.QuorumCertificate) error {
	if pos == c.epoch.base && rank == c.epoch.baseRank {
		return nil // proven by the end of the epoch before
	}
	if cert == nil {
		return fmt.Errorf("certificate of term %s at %s: it is missing", rank.Term, pos)
	}
	if cert.Term != rank.Term || cert.Pos != pos {
		return fmt.Errorf("certificate of term %s at %s: it is of term %s at %s",
			rank.Term, pos, cert.Term, cert.Pos)
	}
	return c.checkCertificate(cert)
}

// checkCertificate checks a certificate of the present epoch that came from outside. It must be
// detached, because the node's log may not reach its position.
func (c *Core) checkCertificate(cert *juno.QuorumCertificate) error {
	if !cert.Detached {
		return fmt.Errorf("certificate of term %s at %s: it holds no head", cert.Term, cert.Pos)
	}
	return cert.Check(c.epoch.config, nil)
}

// checkElection checks an election certificate of term t (validEC).
func (c *Core) checkElection(e *ElectionCertificate, t juno.Term) error {
	if e.Term != t || len(e.NewTerms) < c.epoch.quorum {
		return fmt.Errorf("election of term %s with %d new-term messages: want %d of term %s",
			e.Term, len(e.NewTerms), c.epoch.quorum, t)
	}
	for i, r := range e.NewTerms {
		if i > 0 && e.NewTerms[i-1].Node >= r.Node {
			return fmt.Errorf("election of term %s: the new-term messages of %s and %s in this "+
				"order", t, e.NewTerms[i-1].Node, r.Node)
		}
		if err := c.checkNewTerm(r, t); err != nil {
			return fmt.Errorf("election of term %s: %w", t, err)
		}
	}
	top := e.top()
	if err := c.checkProven(top.Rank, top.Pos, e.Base); err != nil {
		return fmt.Errorf("election of term %s: %w", t, err)
	}
	return nil
}

// tryLead opens the term once the messages of a quorum are here whose chains the node holds (E4).
func (c *Core) tryLead() {
	if c.role != Candidate || c.logIncomplete() || c.hasLed(c.hard.Term) {
		return
	}
	var held []*NewTerm
	for _, r := range c.term.newTerms {
		switch {
		case c.holds(r.Pos) || c.archived(r.Pos):
			if c.isWhole(r.Pos, c.fragmentTo(r.Pos)) {
				held = append(held, r)
			}
		case r.Node != c.id:
			c.ask(r.Node, &r.Pos)
		}
	}
	if len(held) < c.epoch.quorum {
		return
	}
	// Any quorum is valid. The highest messages drop the fewest entries.
	slices.SortStableFunc(held, func(a, b *NewTerm) int {
		switch {
		case b.Rank.Less(a.Rank):
			return -1
		case a.Rank.Less(b.Rank):
			return 1
		}
		return 0
	})
	e := &ElectionCertificate{Term: c.hard.Term, Base: held[0].Certificate}
	for _, r := range held[:c.epoch.quorum] {
		own := *r
		own.Certificate = nil
		e.NewTerms = insertNewTerm(e.NewTerms, &own)
	}
	if held[0].Pos == c.epoch.base {
		e.Base = nil
	}
	c.openTerm(e)
}

// archived reports a position before the log, of which only the index can be compared. Everything
// there is final: as the base of a term it does not fit, and otherwise its chain is not needed.
func (c *Core) archived(p juno.Pos) bool { return p.Index+1 < c.log.lowest() }

// openTerm adopts the base of an election, and leads from there.
func (c *Core) openTerm(e *ElectionCertificate) {
	base := e.top().Pos
	if err := c.checkFits(base, c.hard.Term); err != nil {
		return
	}
	if err := c.adoptBase(base); err != nil {
		c.alarm("E4: the base of term %s cannot be taken: %v", c.hard.Term, err)
		return
	}
	c.setBase(base, e)
	if !c.log.has(c.highQC.Pos) {
		c.raise(c.baseCertificate())
	}
	c.lead()
}

// adoptBase makes the log end at the base of the term.
func (c *Core) adoptBase(base juno.Pos) error {
	if c.log.has(base) {
		return c.replace(base.Index, nil, nil)
	}
	f := c.fragmentTo(base)
	entries, hashes := f.followedBy(base.Index, nil, nil)
	return c.replace(f.start.Index, entries, hashes)
}

// hasLed reports whether the node has led the term, perhaps before a restart (F8).
func (c *Core) hasLed(t juno.Term) bool {
	return c.hard.EverLed && c.hard.Led >= t
}
