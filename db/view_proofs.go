package db

import (
	"cmp"
	"iter"
	"slices"

	"juno"
	"juno/db/sql"
)

// Proofs returns who attested what: one row per vote of a commit certificate. The row stands at
// the entry that the certificate commits; the hash signed is that of the position that the node
// had prepared then, which is the same or a later one.
func (v *view) Proofs(scan sql.Range) (sql.Cursor[sql.ProofRow], error) {
	p := &proofScan{v: v, Range: scan, size: proofStretchMin, stop: func() {}}
	p.From = v.firstEntry(p.From)
	before, err := p.lastBefore(p.From)
	if err != nil {
		return nil, err
	}
	if p.covers = before + 1; scan.Descending {
		p.load = p.loadBackward
	} else {
		certificate, stop := iter.Pull2(v.l.options.Log.Certificates(p.From, p.To))
		p.load = func() (bool, error) { return p.loadForward(certificate()) }
		p.stop = stop
	}
	return &cursor[sql.ProofRow]{ctx: v.ctx, next: p.next, end: func() { p.stop() }}, nil
}

// proofScan makes rows of certificates.
type proofScan struct {
	sql.Range
	v      *view
	covers juno.Index // first entry that the first certificate in the range covers
	size   juno.Index // of the next stretch that is read backward
	load   func() (more bool, err error)
	stop   func()
	rows   []sql.ProofRow
	used   int
}

func (p *proofScan) next() (*sql.ProofRow, error) {
	for p.used == len(p.rows) {
		p.rows, p.used = p.rows[:0], 0
		if more, err := p.load(); err != nil || !more {
			return nil, err
		}
	}
	p.used++
	return &p.rows[p.used-1], nil
}

// loadForward takes the next certificate.
func (p *proofScan) loadForward(c *juno.QuorumCertificate, err error, ok bool) (bool, error) {
	if !ok || err != nil {
		return false, err
	}
	p.rows = appendProofRows(p.rows, c, p.covers)
	p.covers = c.Pos.Index + 1
	return true, nil
}

func appendProofRows(
	rows []sql.ProofRow, c *juno.QuorumCertificate, covers juno.Index,
) []sql.ProofRow {
	first := len(rows)
	for i := range c.Votes {
		vote := &c.Votes[i]
		row := sql.ProofRow{
			LogIndex: c.Pos.Index, CoversFrom: min(covers, c.Pos.Index), Node: vote.Node,
			KeyID: vote.Key, Signature: vote.Signature,
		}
		if vote.Prepared != nil {
			row.SignedHash = vote.Prepared.Hash
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows[first:], func(a, b sql.ProofRow) int {
		return cmp.Compare(a.Node, b.Node)
	})
	return rows
}

// proofStretchMin is how many entries the newest certificates are first looked for in.
const proofStretchMin = 64

// loadBackward takes the newest stretch that was not read. What the first certificate in it covers
// is known only from the one before, so it is left for the next stretch.
func (p *proofScan) loadBackward() (bool, error) {
	if p.From >= p.To {
		return false, p.v.ctx.Err()
	}
	start := p.To - min(p.size, p.To-p.From)
	p.size *= 2
	covers, known := p.covers, start == p.From
	until := start
	for c, err := range p.v.l.options.Log.Certificates(start, p.To) {
		if err != nil {
			return false, err
		}
		switch {
		case !known:
			known, until = true, c.Pos.Index+1
		case c.Pos.Index >= until:
			p.rows = appendProofRows(p.rows, c, covers)
		}
		covers = c.Pos.Index + 1
	}
	if known {
		p.To = until
	}
	slices.Reverse(p.rows)
	return true, p.v.ctx.Err()
}

// lastBefore returns the position of the newest certificate before an entry, or the entry before
// the first that is held.
func (p *proofScan) lastBefore(index juno.Index) (juno.Index, error) {
	first := p.v.firstEntry(0)
	for size := juno.Index(proofStretchMin); index > first; size *= 2 {
		start := index - min(size, index-first)
		last := juno.Index(0)
		for c, err := range p.v.l.options.Log.Certificates(start, index) {
			if err != nil {
				return 0, err
			}
			last = c.Pos.Index
		}
		if last != 0 {
			return last, nil
		}
		if err := p.v.ctx.Err(); err != nil {
			return 0, err
		}
		index = start
	}
	return first - 1, nil
}
