package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"juno"
	"juno/cluster/consensus"
)

// disk is the durable log of a node. It distinguishes written and synced data.
type disk interface {
	consensus.Log
	// write appends a Ready as one group, of which a crash leaves all or nothing.
	write(rd *consensus.Ready)
	// sync makes the n oldest groups durable that are not durable yet.
	sync(n int)
	// drop removes the entries below an index, which a checkpoint replaces.
	drop(below juno.Index)
	// crash returns the disk after a power failure, or, without power, after the process was
	// killed. The old disk is not used any more.
	crash(rng *rand.Rand, power bool) disk
	// stored returns the input of a new core.
	stored(genesis *juno.EpochConfig) *consensus.Stored
	// tip returns the end of the log as it was written.
	tip() juno.Pos
	// damage flips a bit of a disk that is not in use, if there is a log whose reader must notice.
	damage(w *World)
	// begins returns the lowest index behind which a crash may leave the log to begin.
	begins() juno.Index
}

// image is one state of a log.
type image struct {
	start   juno.Pos
	entries []juno.Entry
	hashes  []juno.Hash
	state   [4]*juno.Record // by kind, from RecordHardState on
	history []juno.Record
}

// group is what one write appended.
type group struct {
	ready *consensus.Ready
	drop  juno.Index // instead: entries below it go
}

// memDisk is a disk in memory: fast, and as unreliable as a disk may be.
type memDisk struct {
	now, durable image
	unsynced     []group
}

func newMemDisk(cluster juno.ClusterID) *memDisk {
	start := juno.Pos{Hash: cluster}
	return &memDisk{now: image{start: start}, durable: image{start: start}}
}

func (d *memDisk) write(rd *consensus.Ready) { d.append(group{ready: rd}) }

func (d *memDisk) drop(below juno.Index) { d.append(group{drop: below}) }

func (d *memDisk) append(g group) {
	d.now.apply(&g)
	d.unsynced = append(d.unsynced, g)
}

func (d *memDisk) sync(n int) {
	for i := range n {
		d.durable.apply(&d.unsynced[i])
	}
	d.unsynced = slices.Delete(d.unsynced, 0, n)
}

// crash keeps some of the groups that were not synced, in their order: the last one that a torn
// write begins is cut by its checksum, so a group survives as a whole or not at all.
func (d *memDisk) crash(rng *rand.Rand, power bool) disk {
	kept := len(d.unsynced)
	if power && kept > 0 {
		kept = rng.IntN(kept + 1)
	}
	d.sync(kept)
	after := &memDisk{now: d.durable.clone(), durable: d.durable}
	return after
}

func (im *image) clone() image {
	c := *im
	c.entries, c.hashes = slices.Clone(im.entries), slices.Clone(im.hashes)
	c.history = slices.Clone(im.history)
	return c
}

func (im *image) tip() juno.Pos {
	n := len(im.entries)
	if n == 0 {
		return im.start
	}
	return juno.Pos{Index: im.start.Index + juno.Index(n), Hash: im.hashes[n-1]}
}

func (im *image) apply(g *group) {
	if g.ready == nil {
		im.drop(g.drop)
		return
	}
	rd := g.ready
	if rd.Reset != nil {
		im.start, im.entries, im.hashes = *rd.Reset, nil, nil
	}
	if rd.Truncate != nil {
		n := int(*rd.Truncate - im.start.Index)
		im.entries, im.hashes = im.entries[:n:n], im.hashes[:n:n]
	}
	for i := range rd.Append {
		e := rd.Append[i]
		tip := im.tip()
		if e.Index != tip.Index+1 {
			panic(fmt.Sprintf("disk: entry %d after %s", e.Index, tip))
		}
		im.entries, im.hashes = append(im.entries, e), append(im.hashes, e.ChainHash(tip.Hash))
	}
	if changed := rd.Truncate != nil || len(rd.Append) > 0; changed && im.tip() != rd.Tip {
		panic(fmt.Sprintf("disk: the log ends at %s, the core says %s", im.tip(), rd.Tip))
	}
	for i := range rd.Records {
		im.record(&rd.Records[i])
	}
}

func (im *image) record(r *juno.Record) {
	if r.Kind < juno.RecordProof {
		im.state[r.Kind-juno.RecordHardState] = r
		return
	}
	for i := len(im.history) - 1; i >= 0; i-- {
		if old := &im.history[i]; old.Kind == r.Kind {
			if old.Index > r.Index {
				panic(fmt.Sprintf("disk: %s record at %d after one at %d", r.Kind, r.Index,
					old.Index))
			}
			break
		}
	}
	im.history = append(im.history, *r)
}

func (im *image) drop(below juno.Index) {
	if below <= im.start.Index+1 {
		return
	}
	n := int(below - 1 - im.start.Index)
	im.start = juno.Pos{Index: below - 1, Hash: im.hashes[n-1]}
	im.entries, im.hashes = slices.Clone(im.entries[n:]), slices.Clone(im.hashes[n:])
}

func (d *memDisk) tip() juno.Pos { return d.now.tip() }

func (d *memDisk) damage(*World) {}

func (d *memDisk) begins() juno.Index {
	return min(d.now.start.Index, d.durable.start.Index)
}

// First implements consensus.Log.
func (d *memDisk) First() juno.Index { return d.now.start.Index + 1 }

// HashAt implements consensus.Log.
func (d *memDisk) HashAt(i juno.Index) (juno.Hash, bool) {
	im := &d.now
	switch {
	case i == im.start.Index:
		return im.start.Hash, true
	case i < im.start.Index || i > im.tip().Index:
		return juno.Hash{}, false
	}
	return im.hashes[i-im.start.Index-1], true
}

// Entries implements consensus.Log.
func (d *memDisk) Entries(lo, hi juno.Index, bytesMax int) []juno.Entry {
	im := &d.now
	all := im.entries[lo-im.start.Index-1 : hi-im.start.Index-1]
	size := 0
	for i := range all {
		if size += len(all[i].Payload); size > bytesMax && i > 0 {
			return all[:i:i]
		}
	}
	return all[:len(all):len(all)]
}

// Certificate implements consensus.Log.
func (d *memDisk) Certificate(index juno.Index) (*juno.QuorumCertificate, bool) {
	for i := range d.now.history {
		r := &d.now.history[i]
		if r.Kind != juno.RecordProof || r.Index < index {
			continue
		}
		c, err := juno.ParseProof(r.Bytes)
		if err != nil {
			panic(fmt.Sprintf("disk: proof at %d: %v", r.Index, err))
		}
		return c, true
	}
	return nil, false
}

func (d *memDisk) stored(genesis *juno.EpochConfig) *consensus.Stored {
	im := &d.now
	st := &consensus.Stored{Genesis: genesis}
	if tip := im.tip(); tip.Index > 0 {
		st.Start, st.Last = im.start, tip
	}
	for _, r := range im.state {
		if r != nil {
			st.Records = append(st.Records, *r)
		}
	}
	newest := make(map[juno.RecordKind]int)
	for i := range im.history {
		newest[im.history[i].Kind] = i
	}
	for i, r := range im.history {
		if r.Kind == juno.RecordEpoch || (newest[r.Kind] == i &&
			r.Kind != juno.RecordEvidence) {
			st.Records = append(st.Records, r)
		}
	}
	return st
}
