package juno

import "fmt"

// CertificateKind says what a quorum attests.
type CertificateKind uint8

// The kinds of certificates. The numbers are part of the format.
const (
	Prepare CertificateKind = 1 // a quorum accepted the position: no other one of that term can win
	Commit  CertificateKind = 2 // a quorum prepared the position: it is final
)

// String returns "prepare" or "commit".
func (k CertificateKind) String() string {
	switch k {
	case Prepare:
		return "prepare"
	case Commit:
		return "commit"
	}
	return fmt.Sprintf("certificate(%d)", uint8(k))
}

// certificateHeadersMax bounds how far ahead of the position its votes may be: the entries that can
// be in flight at once (docs/SPECIFICATION.md, N1).
const certificateHeadersMax = 65536

// QuorumCertificate is the proof that a quorum of one term stands behind a position (a QC). With it
// anyone who knows the epoch's members can check, alone, that the position was accepted (Prepare)
// or is final (Commit), and with it everything before.
//
// A vote may be for a later position on the same chain. Whoever holds the log checks that from
// the log; for everybody else Detached carries the links that lead there.
type QuorumCertificate struct {
	Term  Term
	Pos   Pos
	Kind  CertificateKind
	Votes []SignedVote
	// Detached is set where the verifier holds no log. Head is the entry at Pos, by which its
	// term is known; Links are the entries from Pos.Index+1 on, up to the furthest vote.
	Detached bool
	PrevHash Hash
	Head     EntryHeader
	Headers  []EntryHeader
}

// History is what a verifier knows of a log: its own, or what a Detached certificate brings.
type History interface {
	// HashAt returns the chain hash at index, and whether the history reaches there.
	HashAt(index Index) (Hash, bool)
	// HeaderAt returns the entry at index without its payload, and whether it is known.
	HeaderAt(index Index) (EntryHeader, bool)
}

// detachedHistory is the stretch of log that a certificate carries.
type detachedHistory struct {
	first  Index // index of links[0]
	hashes []Hash
	links  []EntryHeader
}

func (h *detachedHistory) HashAt(i Index) (Hash, bool) {
	if i < h.first || i-h.first >= Index(len(h.hashes)) {
		return Hash{}, false
	}
	return h.hashes[i-h.first], true
}

func (h *detachedHistory) HeaderAt(i Index) (EntryHeader, bool) {
	if i < h.first || i-h.first >= Index(len(h.links)) {
		return EntryHeader{}, false
	}
	return h.links[i-h.first], true
}

// history rolls the chain through the links that the certificate carries.
func (c *QuorumCertificate) history() History {
	h := &detachedHistory{first: c.Pos.Index}
	prev := c.PrevHash
	for i, l := range append([]EntryHeader{c.Head}, c.Headers...) {
		prev = l.Chain(prev, c.Pos.Index+Index(i))
		h.hashes = append(h.hashes, prev)
		h.links = append(h.links, l)
	}
	return h
}

// Detach returns the certificate with the links that its votes need, so that it can be checked
// without a log. log must be the one that it was made from.
func (c *QuorumCertificate) Detach(log History) (*QuorumCertificate, error) {
	if c.Detached {
		return c, nil
	}
	furthest := c.Pos.Index
	for i := range c.Votes {
		furthest = max(furthest, c.support(&c.Votes[i]).Index)
	}
	if furthest-c.Pos.Index > certificateHeadersMax {
		return nil, fmt.Errorf("%s certificate at %s: a vote is for index %d, more than %d further",
			c.Kind, c.Pos, furthest, certificateHeadersMax)
	}
	d := &QuorumCertificate{Term: c.Term, Pos: c.Pos, Kind: c.Kind, Votes: c.Votes, Detached: true}
	var held bool
	if d.PrevHash, held = log.HashAt(c.Pos.Index - 1); held {
		d.Head, held = log.HeaderAt(c.Pos.Index)
	}
	for i := c.Pos.Index + 1; held && i <= furthest; i++ {
		var l EntryHeader
		if l, held = log.HeaderAt(i); held {
			d.Headers = append(d.Headers, l)
		}
	}
	if !held {
		return nil, fmt.Errorf("%s certificate at %s: the log does not hold all of [%d,%d)",
			c.Kind, c.Pos, c.Pos.Index-1, furthest+1)
	}
	return d, nil
}

// support returns the lowest position of the vote that can support the certificate, which is the
// one that needs the fewest links; the zero Pos if there is none.
func (c *QuorumCertificate) support(v *SignedVote) Pos {
	var found Pos
	for _, p := range []*Pos{v.Prepared, v.Accepted} {
		counts := p != nil && p.Index >= c.Pos.Index && (p == v.Prepared || c.Kind == Prepare)
		if counts && (found.Index == 0 || p.Index < found.Index) {
			found = *p
		}
	}
	return found
}

// Check verifies everything but the signatures: a quorum of distinct voters of cfg, all of the
// certificate's term, each on the certificate's chain at or beyond its position, and the term
// match rule: the entry at the position is of the certificate's own term, or ends its epoch
// (docs/SPECIFICATION.md §3.3). log may be nil if the certificate is Detached.
func (c *QuorumCertificate) Check(cfg *EpochConfig, log History) error {
	if c.Detached {
		log = c.history()
	}
	if err := c.checkPosition(cfg, log); err != nil {
		return err
	}
	seen := make(map[NodeID]bool, len(c.Votes))
	for i := range c.Votes {
		v := &c.Votes[i]
		if _, ok := cfg.Voter(v.Node); !ok || seen[v.Node] || v.Term != c.Term {
			return fmt.Errorf("%s certificate at %s: vote %d, of %s in term %s, does not count",
				c.Kind, c.Pos, i, v.Node, v.Term)
		}
		seen[v.Node] = true
		if !c.covers(v, log) {
			return fmt.Errorf("%s certificate at %s: the vote of %s is for another chain",
				c.Kind, c.Pos, v.Node)
		}
	}
	if len(seen) < cfg.Quorum() {
		return fmt.Errorf("%s certificate at %s: %d votes, want %d",
			c.Kind, c.Pos, len(seen), cfg.Quorum())
	}
	return nil
}

func (c *QuorumCertificate) checkPosition(cfg *EpochConfig, log History) error {
	if c.Term.Epoch() != cfg.Epoch || (c.Kind != Prepare && c.Kind != Commit) {
		return fmt.Errorf("%s certificate of term %s, want one of epoch %d",
			c.Kind, c.Term, cfg.Epoch)
	}
	if c.Pos.Index == 0 {
		return fmt.Errorf("%s certificate at index 0: the first entry has index 1", c.Kind)
	}
	if log == nil {
		return fmt.Errorf("%s certificate at %s: no log to check it against", c.Kind, c.Pos)
	}
	if h, ok := log.HashAt(c.Pos.Index); !ok || h != c.Pos.Hash {
		return fmt.Errorf("%s certificate at %s: the log has hash %s there",
			c.Kind, c.Pos, h.Short())
	}
	head, ok := log.HeaderAt(c.Pos.Index)
	if !ok || !TermMatch(head, c.Term) {
		return fmt.Errorf("%s certificate of term %s at %s: the entry is of term %s",
			c.Kind, c.Term, c.Pos, head.Term)
	}
	return nil
}

// TermMatch is the rule that makes the protocol safe: a vote or certificate of a term counts only
// at an entry of that very term, or at the entry that ends the term's epoch (docs/SPECIFICATION.md,
// F1).
func TermMatch(head EntryHeader, t Term) bool {
	return head.Term == t || (head.Type == EntryConfig && head.Term.Epoch() == t.Epoch())
}

// covers reports whether a vote is for c.Pos or for a later position on the same chain.
func (c *QuorumCertificate) covers(v *SignedVote, log History) bool {
	on := func(p *Pos) bool {
		if p == nil || p.Index < c.Pos.Index {
			return false
		}
		h, ok := log.HashAt(p.Index)
		return ok && h == p.Hash
	}
	return on(v.Prepared) || (c.Kind == Prepare && on(v.Accepted))
}

// Verify is Check, and the signatures under the keys of the epoch.
func (c *QuorumCertificate) Verify(cfg *EpochConfig, ring *Keyring, log History) error {
	if err := c.Check(cfg, log); err != nil {
		return err
	}
	envelopes := make([]Envelope, len(c.Votes))
	for i := range c.Votes {
		envelopes[i] = c.Votes[i].Envelope()
	}
	for i, o := range ring.OpenAll(envelopes, 0) {
		if err := o.By(c.Votes[i].Node); err != nil {
			return fmt.Errorf("%s certificate at %s: vote of %s: %w", c.Kind, c.Pos,
				c.Votes[i].Node, err)
		}
	}
	return nil
}

const (
	certificateVersion  = 1
	certificateDetached = 1
)

// AppendCertificate appends the canonical bytes: version (1), kind (1), flags (1: bit 0 detached),
// term (8), position (40), votes (count, then signed votes); if detached the previous hash (32),
// the head link (49) and the other links (count, then 49 each).
func AppendCertificate(b []byte, c *QuorumCertificate) []byte {
	flags := byte(0)
	if c.Detached {
		flags = certificateDetached
	}
	b = append(b, certificateVersion, byte(c.Kind), flags)
	b = AppendPos(AppendU64(b, uint64(c.Term)), c.Pos)
	b = AppendUvarint(b, uint64(len(c.Votes)))
	for i := range c.Votes {
		b = AppendSignedVote(b, &c.Votes[i])
	}
	if !c.Detached {
		return b
	}
	b = AppendEntryHeader(append(b, c.PrevHash[:]...), c.Head)
	b = AppendUvarint(b, uint64(len(c.Headers)))
	for _, l := range c.Headers {
		b = AppendEntryHeader(b, l)
	}
	return b
}

// QuorumCertificate reads what AppendCertificate wrote. It checks the form only.
func (d *Decoder) Certificate() *QuorumCertificate {
	d.Version(certificateVersion, "certificate")
	c := &QuorumCertificate{Kind: CertificateKind(d.U8())}
	flags := d.U8()
	if d.err == nil && ((c.Kind != Prepare && c.Kind != Commit) || flags > certificateDetached) {
		d.fail("%s certificate with flags %d", c.Kind, flags)
	}
	c.Term, c.Pos = Term(d.U64()), d.Pos()
	for range d.Count(VotersMax) {
		if d.err != nil {
			return c
		}
		c.Votes = append(c.Votes, d.SignedVote())
	}
	if c.Detached = flags&certificateDetached != 0; !c.Detached {
		return c
	}
	c.PrevHash, c.Head = d.Hash(), d.EntryHeader()
	for range d.Count(certificateHeadersMax) {
		if d.err != nil {
			return c
		}
		c.Headers = append(c.Headers, d.EntryHeader())
	}
	return c
}
