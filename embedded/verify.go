package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"

	"juno"
	"juno/datadir"
	"juno/db/audit"
	"juno/db/sql"
	"juno/internal/vfs"
	"juno/snapshot"
	"juno/wal"
)

// VerifyOptions say what is verified of a directory or a carrier that nobody holds open.
type VerifyOptions struct {
	// HashOnly verifies the chain and nothing else, on all cores.
	HashOnly bool
	// SkipSignatures and SkipReplay leave out the client signatures, and the execution of the
	// whole log with the state hashes.
	SkipSignatures, SkipReplay bool
	// From and To bound what is reported, [From, To); 0 stands for the ends.
	From, To juno.Index
	// Progress is told how many bytes were read, of how many; 0 where that is not known.
	Progress func(done, total int64)
}

// Verdict is what a verification came to.
type Verdict struct {
	Cluster  juno.ClusterID
	Start    juno.Pos // before the first entry
	Tip      juno.Pos // the last entry
	Findings []juno.Finding
	// Unproven is how many entries at the end no commit certificate covers yet, as after a crash.
	// It is counted where proofs are checked up to the end.
	Unproven uint64
}

// OK reports whether nothing was found.
func (v *Verdict) OK() bool {
	for _, f := range v.Findings {
		if !f.OK {
			return false
		}
	}
	return true
}

// Verify runs all checks over the entries [from, to) of an open ledger; 0 stands for the ends.
func (l *Ledger) Verify(
	ctx context.Context, from, to juno.Index, progress juno.Progress,
) ([]juno.Finding, error) {
	if to == 0 {
		to = math.MaxInt64
	}
	if l.node != nil {
		if err := l.node.Flush(ctx); err != nil {
			return nil, err
		}
	}
	var report func(done, total juno.Index)
	if progress != nil {
		report = func(done, total juno.Index) { progress(int(done), int(total)) }
	}
	found, err := l.db().Audit(ctx, sql.VerifyRequest{Kind: sql.VerifyAll, From: from, To: to},
		report)
	findings := make([]juno.Finding, len(found))
	copy(findings, found)
	return findings, err
}

// VerifyDirectory verifies a ledger's directory from its files alone: no key, no node, no trust in
// whoever kept it. The ledger may be open elsewhere; then what was written last is left out.
func VerifyDirectory(ctx context.Context, path string, o VerifyOptions) (*Verdict, error) {
	dir, err := datadir.Open(path)
	if err != nil {
		return nil, err
	}
	if o.HashOnly {
		return verifyChain(dir, o)
	}
	return verifyAll(ctx, dir, o)
}

// verifyChain reads the log on all cores; the log checks its own chain.
func verifyChain(dir *datadir.Directory, o VerifyOptions) (*Verdict, error) {
	r, err := wal.Verify(wal.VerifyOptions{
		FS: vfs.OS{}, Dir: dir.LogPath(),
		Cluster: dir.Genesis.ID(), Progress: o.Progress,
	})
	v := &Verdict{Cluster: dir.Genesis.ID(), Start: r.Start, Tip: r.Tip}
	f := juno.Finding{
		Check: audit.CheckChain, From: r.Start.Index + 1, To: r.Tip.Index + 1,
		Items: uint64(r.Entries), OK: err == nil,
	}
	if err != nil && !damage(&f, err) {
		return nil, err
	}
	v.Findings = []juno.Finding{f}
	return v, nil
}

// damage puts a damaged log into a finding, and reports whether err is that.
func damage(f *juno.Finding, err error) bool {
	var corrupt *wal.CorruptError
	if !errors.As(err, &corrupt) {
		return false
	}
	f.OK, f.FirstBad = false, max(f.FirstBad, corrupt.Index)
	f.Detail = fmt.Sprintf("%s at byte %d", corrupt.File, corrupt.Offset)
	f.Expected, f.Actual = "bytes that their checksums confirm", corrupt.Reason
	return true
}

// verifyAll reads the log once, in order, into an auditor.
func verifyAll(ctx context.Context, dir *datadir.Directory, o VerifyOptions) (*Verdict, error) {
	start, base, err := beginning(ctx, dir)
	f := juno.Finding{Check: audit.CheckChain}
	if err != nil && damage(&f, err) {
		return &Verdict{Cluster: dir.Genesis.ID(), Findings: []juno.Finding{f}}, nil
	}
	if err != nil {
		return nil, err
	}
	options := audit.Options{
		Genesis: dir.Genesis, Start: start, From: o.From, To: o.To,
		Signatures: !o.SkipSignatures, Proofs: true, Replay: !o.SkipReplay,
	}
	if base != nil {
		options.State = base
	}
	snapshots, err := verifySnapshots(ctx, dir, &options)
	if err != nil {
		return nil, err
	}
	a, err := audit.New(options)
	if err != nil {
		return nil, err
	}
	proven := start.Index
	r, err := wal.Verify(wal.VerifyOptions{
		FS: vfs.OS{}, Dir: dir.LogPath(),
		Cluster: dir.Genesis.ID(), Workers: 1, Progress: o.Progress,
		Visit: func(entries []juno.Chained) error {
			a.Entries(entries)
			return ctx.Err()
		},
		Record: func(r juno.Record) error {
			if r.Kind == juno.RecordProof {
				proven = max(proven, r.Index)
			}
			return auditRecord(a, r, o.To)
		},
	})
	var corrupt *wal.CorruptError
	if errors.As(err, &corrupt) {
		a.Damage(max(corrupt.Index, a.Head().Index+1), err)
		err = nil
	}
	findings, errFinish := a.Finish()
	if err = errors.Join(err, errFinish); err != nil {
		return nil, err
	}
	for i := range findings {
		if f := &findings[i]; corrupt != nil && f.Detail == corrupt.Error() {
			damage(f, corrupt)
		}
	}
	v := &Verdict{
		Cluster: dir.Genesis.ID(), Start: r.Start, Tip: a.Head(),
		Findings: append(findings, snapshots...),
	}
	if o.To == 0 && corrupt == nil {
		v.judgeTail(start.Index, proven)
	}
	return v, nil
}

// unprovenMax is the longest stretch without a certificate that a crash can leave: what may be
// in flight (docs/SPECIFICATION.md, N1), and the proofs that the node holds back meanwhile.
const unprovenMax = 65_536 + 64

// judgeTail looks at the entries behind the newest certificate. Anybody who can write the files
// can write entries there; that the clients' signatures are good says nothing about what is
// missing between them.
func (v *Verdict) judgeTail(start, proven juno.Index) {
	v.Unproven = uint64(v.Tip.Index - min(proven, v.Tip.Index))
	nothing := proven == start && v.Tip.Index > start
	if !nothing && v.Unproven <= unprovenMax {
		return
	}
	v.Findings = append(v.Findings, juno.Finding{
		Check: audit.CheckProofs, From: proven + 1, To: v.Tip.Index + 1, FirstBad: proven + 1,
		Expected: "a commit certificate that covers it",
		Actual:   fmt.Sprintf("none, nor for the %d entries behind it", v.Unproven-1),
		Detail: "nothing proves that these entries are what was final; after a crash, opening " +
			"the ledger once writes what is missing",
	})
}

// auditRecord shows commit certificates to an auditor that sees the entries before to.
func auditRecord(a *audit.Auditor, r juno.Record, to juno.Index) error {
	if r.Kind != juno.RecordProof {
		return nil
	}
	c, err := juno.ParseProof(r.Bytes)
	if err != nil {
		return fmt.Errorf("proof of entry %d: %w", r.Index, err)
	}
	if speaksOnlyOf(c, to) {
		a.Certificate(c)
	}
	return nil
}

// speaksOnlyOf reports whether a certificate speaks of no entry from to on; 0 stands for the end.
// One that does cannot be judged without them.
func speaksOnlyOf(c *juno.QuorumCertificate, to juno.Index) bool {
	furthest := c.Pos.Index
	for i := range c.Votes {
		if p := c.Votes[i].Prepared; p != nil {
			furthest = max(furthest, p.Index)
		}
	}
	return to == 0 || furthest < to
}

// beginning returns where the log starts, and the state there if it is not the genesis.
func beginning(ctx context.Context, d *datadir.Directory) (juno.Pos, *audit.Memory, error) {
	start, err := wal.StartOf(vfs.OS{}, d.LogPath(), d.Genesis.ID())
	if err != nil || start.Index == 0 {
		return start, nil, err
	}
	ring, err := d.NodeKeys()
	if err != nil {
		return start, nil, err
	}
	all, err := snapshot.List(d.SnapshotsPath(), ring)
	if err != nil {
		return start, nil, err
	}
	for _, l := range all {
		if l.Index != start.Index {
			continue
		}
		s, err := snapshot.Open(ctx, l, nil)
		if err != nil {
			return start, nil, err
		}
		defer s.Close()
		m, _, err := loadState(s)
		return start, m, err
	}
	return start, nil, fmt.Errorf(
		"the log begins after entry %d, and there is no snapshot of it in %s",
		start.Index,
		d.SnapshotsPath(),
	)
}

// verifySnapshots verifies the files of all snapshots, and lets the audit compare their state
// hashes with its own.
func verifySnapshots(
	ctx context.Context, d *datadir.Directory, o *audit.Options,
) ([]juno.Finding, error) {
	ring, err := d.NodeKeys()
	if err != nil {
		return nil, err
	}
	all, err := snapshot.List(d.SnapshotsPath(), ring)
	if err != nil {
		return nil, err
	}
	var findings []juno.Finding
	for _, l := range all {
		f, m, err := verifyListed(ctx, l)
		if err != nil {
			return nil, err
		}
		findings = append(findings, f)
		if f.OK {
			o.Known = append(o.Known, m.Pos)
			o.Recorded = append(o.Recorded, audit.RecordedState{
				Index: m.Pos.Index,
				Hash:  m.StateHash, Where: fmt.Sprintf("snapshot %d", m.Pos.Index),
			})
		}
	}
	return findings, nil
}
