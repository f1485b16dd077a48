package verify

import (
	"errors"
	"fmt"

	"juno"
)

// ProvenPosition is an entry that is committed, and with it everything before it.
type ProvenPosition struct {
	members *ProvenMembership
	pos     juno.Pos
	entry   juno.EntryHeader // at pos
	nodes   []juno.NodeID
}

// Pos returns the position.
func (p *ProvenPosition) Pos() juno.Pos { return p.pos }

// Header returns the entry at the position, without its payload.
func (p *ProvenPosition) Header() juno.EntryHeader { return p.entry }

// Members returns the membership of the epoch that the position lies in.
func (p *ProvenPosition) Members() *ProvenMembership { return p.members }

// Attested returns the voters whose signatures are the proof. The caller must not change it.
func (p *ProvenPosition) Attested() []juno.NodeID { return p.nodes }

// Attestation is a commit certificate that passed every rule but the check of its signatures.
type Attestation struct {
	members     *ProvenMembership
	certificate *juno.QuorumCertificate
	entry       juno.EntryHeader
}

// Pos returns the position that the certificate is for.
func (a *Attestation) Pos() juno.Pos { return a.certificate.Pos }

// Attest checks a commit certificate against the membership of the epoch in which its position
// lies, and against the log that it speaks of; log may be nil if the certificate is detached. What
// is left are the signatures, which Prove checks, many at a time.
func (m *Memberships) Attest(c *juno.QuorumCertificate, log juno.History) (*Attestation, error) {
	if c.Kind != juno.Commit { // rule: commit
		return nil, fmt.Errorf("%s certificate at %s: want a commit certificate", c.Kind, c.Pos)
	}
	of, err := m.inForce(c.Term.Epoch(), c.Pos)
	if err != nil {
		return nil, fmt.Errorf("%s certificate of term %s at %s: %w", c.Kind, c.Term, c.Pos, err)
	}
	if log != nil {
		if h, ok := log.HashAt(c.Pos.Index); !ok || h != c.Pos.Hash { // rule: on-chain
			return nil, fmt.Errorf("%s certificate at %s: the log has hash %s there", c.Kind, c.Pos,
				h.Short())
		}
	}
	if err := c.Check(of.config, log); err != nil { // rule: certificate
		return nil, err
	}
	a := &Attestation{members: of, certificate: c, entry: c.Head}
	if c.Detached {
		err = checkHeaders(c)
	} else {
		a.entry, _ = log.HeaderAt(c.Pos.Index)
	}
	if next := m.Of(of.config.Epoch + 1); err == nil && next != nil &&
		a.entry.Type == juno.EntryConfig && c.Pos != next.begin { // rule: epoch-end-entry
		err = fmt.Errorf("certificate at %s, which ends epoch %d: it ended at %s", c.Pos,
			of.config.Epoch, next.begin)
	}
	if err == nil && a.entry.Time < of.time { // rule: position-time
		err = fmt.Errorf("certificate at %s: the entry is of %s, its epoch began at %s", c.Pos,
			a.entry.Time, of.time)
	}
	return a, err
}

// checkHeaders wants neither terms nor times to go back along the entries of a detached
// certificate.
func checkHeaders(c *juno.QuorumCertificate) error {
	last := c.Head
	for i, h := range c.Headers {
		if err := CheckOrder(last, h, c.Pos.Index+1+juno.Index(i)); err != nil {
			return fmt.Errorf("%s certificate at %s: %w", c.Kind, c.Pos, err)
		}
		last = h
	}
	return nil
}

// CheckOrder wants the next entry of a chain, which has an index, to follow the one before: neither
// term nor time goes back, and a new epoch begins behind a Config entry and nowhere else.
func CheckOrder(before, next juno.EntryHeader, index juno.Index) error {
	epoch := before.Term.Epoch()
	if before.Type == juno.EntryConfig {
		epoch++
	}
	if next.Term.Epoch() != epoch { // rule: epoch-entries
		return fmt.Errorf("entry %d is of epoch %d, want one of epoch %d", index, next.Term.Epoch(),
			epoch)
	}
	if next.Term < before.Term { // rule: term-order
		return fmt.Errorf("entry %d is of term %s, the one before of %s", index, next.Term,
			before.Term)
	}
	if next.Time < before.Time { // rule: time-order
		return fmt.Errorf("entry %d is of %s, the one before of %s", index, next.Time, before.Time)
	}
	return nil
}

// Outcome is what came of one attestation: a proven position, or why not.
type Outcome struct {
	Position *ProvenPosition
	Err      error
}

// Prove checks the signatures of attestations, in one batch for each epoch. batch, which is empty,
// is the caller's: it remembers keys from one call to the next. Several goroutines, each with a
// batch of its own, may prove at the same time.
func Prove(batch *juno.BatchVerifier, all []*Attestation) []Outcome {
	out := make([]Outcome, len(all))
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].members == all[from].members {
			to++
		}
		proveEpoch(batch, all[from:to], out[from:to])
		from = to
	}
	return out
}

// proveEpoch proves attestations of one epoch.
func proveEpoch(batch *juno.BatchVerifier, all []*Attestation, out []Outcome) {
	var envelopes []juno.Envelope
	for _, a := range all {
		for i := range a.certificate.Votes {
			envelopes = append(envelopes, a.certificate.Votes[i].Envelope())
		}
	}
	opened := all[0].members.ring.OpenAllWith(batch, envelopes, 0)
	for n, a := range all {
		c := a.certificate
		p := &ProvenPosition{members: a.members, pos: c.Pos, entry: a.entry}
		for i := range c.Votes {
			if err := opened[i].By(c.Votes[i].Node); err != nil { // rule: vote-signature
				out[n].Err = errors.Join(out[n].Err, fmt.Errorf(
					"%s certificate at %s: vote of %s: %w", c.Kind, c.Pos, c.Votes[i].Node, err))
				continue
			}
			p.nodes = append(p.nodes, c.Votes[i].Node)
		}
		opened = opened[len(c.Votes):]
		if out[n].Err == nil {
			out[n].Position = p
		}
	}
}

// Position proves a position by its commit certificate. log may be nil if that is detached.
func (m *Memberships) Position(
	c *juno.QuorumCertificate, log juno.History,
) (*ProvenPosition, error) {
	a, err := m.Attest(c, log)
	if err != nil {
		return nil, err
	}
	out := Prove(juno.NewBatchVerifier(len(c.Votes)), []*Attestation{a})
	return out[0].Position, out[0].Err
}
