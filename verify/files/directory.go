package files

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"juno"
	"juno/datadir"
	"juno/db/audit"
	"juno/internal/vfs"
	"juno/snapshot"
	"juno/verify"
	"juno/wal"
)

// Directory verifies a ledger's directory from its files alone: no key, no node, no trust in
// whoever kept it. The ledger may be open elsewhere; then what was written last is left out. The
// error says that the verification could not be carried out, or is verify.ErrPin.
func Directory(ctx context.Context, path string, o Options) (*verify.Verdict, error) {
	d, m, err := open(path, o.Pinned)
	if err != nil {
		return nil, err
	}
	r := &directory{ctx: ctx, dir: d, members: m, options: o}
	r.verdict = &verify.Verdict{Ledger: m.Cluster(), Pinned: m.Pinned(), Skipped: o.skipped()}
	err = r.begin()
	var corrupt *wal.CorruptError
	if errors.As(err, &corrupt) {
		f := juno.Finding{Check: audit.CheckChain}
		damage(&f, err)
		r.verdict.Findings = append(r.verdict.Findings, f)
		return r.verdict, nil
	}
	if err == nil && o.HashOnly {
		err = r.hashOnly()
	} else if err == nil {
		err = r.whole()
	}
	if err != nil {
		return nil, err
	}
	judgeTail(r.verdict)
	return r.verdict, nil
}

// open reads a directory's genesis, and what its file of epochs proves.
func open(path string, pinned juno.ClusterID) (*datadir.Directory, *verify.Memberships, error) {
	d, err := datadir.Open(path)
	if err != nil {
		return nil, nil, err
	}
	m, err := d.Memberships(pinned)
	return d, m, err
}

// directory verifies one directory.
type directory struct {
	ctx     context.Context
	dir     *datadir.Directory
	members *verify.Memberships
	options Options
	verdict *verify.Verdict
	read    []*contents // the snapshots
	base    *contents   // where the execution begins, nil for the genesis
}

// begin reads where the log begins, and the ends of epochs that are in it.
func (d *directory) begin() (err error) {
	r, err := wal.OpenReader(vfs.OS{}, d.dir.LogPath(), d.members.Cluster())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	d.verdict.Start, d.verdict.Held = r.Start(), r.Tip()
	for record, err := range r.Records(juno.RecordEpoch, 0, 0) {
		if err != nil {
			return err
		}
		e, err := juno.ParseEpochRecord(record.Bytes)
		if err == nil {
			err = d.members.ExtendAll([]juno.EpochChange{e.Change()})
		}
		if err != nil {
			d.verdict.Findings = append(d.verdict.Findings, bad(checkEpochs, record.Index,
				"the proven end of an epoch", "one that is not", err))
			break
		}
	}
	if d.options.HashOnly {
		return d.newest(r)
	}
	return nil
}

// newest proves the head of the log by the newest certificate in it.
func (d *directory) newest(r *wal.Reader) error {
	tip, from := r.Tip().Index, r.Start().Index+1
	if tip > from+unprovenMax {
		from = tip - unprovenMax
	}
	f := juno.Finding{Check: audit.CheckProofs, From: r.Start().Index + 1, To: tip + 1, OK: true}
	var all []*juno.QuorumCertificate
	for record, err := range r.Records(juno.RecordProof, from, 0) {
		if err != nil {
			return err
		}
		c, err := juno.ParseProof(record.Bytes)
		if err == nil && c.Pos.Index != record.Index { // rule: newest-index
			err = fmt.Errorf("it holds the certificate of entry %d", c.Pos.Index)
		}
		if err != nil {
			f.Fail(record.Index, "a proof record", "one that is not", err.Error())
			continue
		}
		all = append(all, c)
	}
	for _, c := range slices.Backward(all) {
		p, err := d.members.Position(c, r)
		if err == nil {
			d.verdict.Proven = p
			f.Items++
			break
		}
		f.Fail(c.Pos.Index, "a valid commit certificate", "one that is not", err.Error())
	}
	d.verdict.Findings = append(d.verdict.Findings, f)
	return nil
}

// hashOnly reads the log on all cores; the log checks its own chain.
func (d *directory) hashOnly() error {
	r, err := wal.Verify(wal.VerifyOptions{
		FS: vfs.OS{}, Dir: d.dir.LogPath(), Cluster: d.members.Cluster(),
		Progress: d.options.Progress,
	})
	v := d.verdict
	v.Start, v.Held = r.Start, r.Tip
	f := juno.Finding{
		Check: audit.CheckChain, From: r.Start.Index + 1, To: r.Tip.Index + 1,
		Items: uint64(r.Entries), OK: err == nil,
	}
	if err != nil && !damage(&f, err) {
		return err
	}
	v.Findings = append([]juno.Finding{f}, v.Findings...)
	return nil
}

// whole reads the log once, in order, into an auditor.
func (d *directory) whole() error {
	v, o := d.verdict, d.options
	if err := d.snapshots(); err != nil {
		return err
	}
	options := audit.Options{
		Genesis: d.dir.Genesis, Start: v.Start, From: o.From, To: o.To, Members: d.members,
		Signatures: !o.SkipSignatures, Proofs: true, Replay: !o.SkipReplay,
	}
	d.chooseBase(&options)
	a, err := audit.New(options)
	if err != nil {
		return err
	}
	r, err := wal.Verify(wal.VerifyOptions{
		FS: vfs.OS{}, Dir: d.dir.LogPath(), Cluster: d.members.Cluster(), Workers: 1,
		Progress: o.Progress,
		Visit: func(entries []juno.Chained) error {
			a.Entries(entries)
			return d.ctx.Err()
		},
		Record: func(r juno.Record) error {
			if f := showRecord(a, r); f != nil {
				v.Findings = append(v.Findings, *f)
			}
			return nil
		},
	})
	var corrupt *wal.CorruptError
	if errors.As(err, &corrupt) {
		a.Damage(max(corrupt.Index, a.Head().Index+1), err)
		err = nil
	}
	findings, errFinish := a.Finish()
	if err = errors.Join(err, errFinish); err != nil {
		return err
	}
	for i := range findings {
		if f := &findings[i]; corrupt != nil && f.Detail == corrupt.Error() {
			damage(f, corrupt)
		}
	}
	v.Start, v.Held, v.Proven = r.Start, a.Head(), a.Proven()
	v.Findings = append(findings, v.Findings...)
	for _, c := range d.read {
		v.Findings = append(v.Findings, c.finding)
	}
	return nil
}

// snapshots verifies the files of all snapshots.
func (d *directory) snapshots() error {
	all, err := snapshot.List(d.dir.SnapshotsPath(), nil)
	if err != nil {
		return err
	}
	for _, l := range all {
		c, err := readSnapshot(d.ctx, l, d.members)
		if err != nil {
			return err
		}
		d.read = append(d.read, c)
		if base := d.base; c.manifest != nil && d.holds(c.manifest.Pos.Index) &&
			(base == nil || base.state == nil && c.state != nil) {
			if base != nil {
				base.memory = nil
			}
			d.base = c // the oldest that is proven; before there is one, the oldest that is claimed
		} else {
			c.memory = nil
		}
	}
	return nil
}

// holds reports whether the log goes through an entry, and does not begin with the genesis: then a
// snapshot of the entry can be where the execution begins. One of an entry that is not held says
// nothing about the entries that are.
func (d *directory) holds(index juno.Index) bool {
	v, to := d.verdict, d.options.To
	if index > v.Held.Index || to > 0 && index >= to { // rule: base-held
		return false
	}
	return v.Start.Index > 0 && index >= v.Start.Index
}

// chooseBase tells the audit where the execution begins: with the genesis, or with the oldest
// proven snapshot that the log goes through. The chain must go through all of them, and the
// execution give their states.
func (d *directory) chooseBase(o *audit.Options) {
	v := d.verdict
	for _, c := range d.read {
		if c.manifest == nil {
			continue
		}
		if c.manifest.Pos.Index == v.Start.Index && c.manifest.Pos != v.Start { // rule: base-start
			c.finding.Fail(v.Start.Index, v.Start.String(), c.manifest.Pos.String(),
				"the log begins behind another entry than the snapshot is of")
		}
		o.Known = append(o.Known, c.manifest.Pos)
		o.Recorded = append(o.Recorded, audit.RecordedState{
			Index: c.manifest.Pos.Index, Hash: c.manifest.StateHash,
			Where: fmt.Sprintf("snapshot %d", c.manifest.Pos.Index),
		})
	}
	switch {
	case v.Start.Index == 0:
		v.Base = d.members.Genesis()
	case d.base == nil:
		v.Missing = fmt.Errorf("the log begins behind entry %d, and there is no snapshot of that "+
			"entry or a later one in %s: client signatures and states cannot be checked",
			v.Start.Index, d.dir.SnapshotsPath())
		o.Signatures, o.Replay = false, false
	default:
		o.State, o.StateAt = d.base.memory, d.base.manifest.Pos
		v.Base, v.Missing = d.base.state, d.base.claim
	}
}
