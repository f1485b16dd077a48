package consensus_test

import (
	"fmt"
	"slices"

	"juno"
	"juno/cluster/consensus"
)

// disk is a log in memory that keeps apart what was written and what was synced.
type disk struct {
	cluster juno.ClusterID
	content
	synced content
	oracle *oracle
}

type content struct {
	start   juno.Pos // before entries[0]
	entries []juno.Entry
	hashes  []juno.Hash
	state   map[juno.RecordKind]juno.Record
	history []juno.Record
}

func newDisk(cluster juno.ClusterID) *disk {
	c := content{
		start: juno.Pos{Hash: cluster},
		state: make(map[juno.RecordKind]juno.Record),
	}
	return &disk{cluster: cluster, content: c, synced: c.clone()}
}

func (c *content) clone() content {
	state := make(map[juno.RecordKind]juno.Record, len(c.state))
	for k := juno.RecordHardState; k <= juno.RecordHeaders; k++ {
		if r, ok := c.state[k]; ok {
			state[k] = r
		}
	}
	return content{
		start: c.start, entries: slices.Clone(c.entries), hashes: slices.Clone(c.hashes),
		state: state, history: slices.Clone(c.history),
	}
}

func (d *disk) sync()  { d.synced = d.clone() }
func (d *disk) crash() { d.content = d.synced.clone() }

func (d *disk) write(r *consensus.Ready) {
	if r.Reset != nil {
		d.start, d.entries, d.hashes = *r.Reset, nil, nil
	}
	if r.Truncate != nil {
		n := *r.Truncate - d.start.Index
		d.entries, d.hashes = d.entries[:n:n], d.hashes[:n:n]
	}
	for _, e := range r.Append {
		prev, ok := d.HashAt(e.Index - 1)
		if !ok || e.Index != d.tip().Index+1 {
			panic(fmt.Sprintf("entry %d after %s", e.Index, d.tip()))
		}
		e.Payload = slices.Clone(e.Payload)
		if d.oracle != nil {
			d.oracle.entry(&e, prev)
		}
		d.entries = append(d.entries, e)
		d.hashes = append(d.hashes, e.ChainHash(prev))
	}
	if tip := d.tip(); (len(r.Append) > 0 || r.Truncate != nil) && tip != r.Tip {
		panic(fmt.Sprintf("tip %s, the core says %s", tip, r.Tip))
	}
	for _, rec := range r.Records {
		if rec.Kind < juno.RecordProof {
			d.state[rec.Kind] = rec
			continue
		}
		for _, old := range d.history {
			if old.Kind == rec.Kind && old.Index > rec.Index {
				panic(fmt.Sprintf("%s record at %d after %d", rec.Kind, rec.Index, old.Index))
			}
		}
		d.history = append(d.history, rec)
	}
}

func (d *disk) tip() juno.Pos {
	if n := len(d.entries); n > 0 {
		return juno.Pos{Index: d.entries[n-1].Index, Hash: d.hashes[n-1]}
	}
	return d.start
}

func (d *disk) stored(genesis *juno.EpochConfig) *consensus.Stored {
	st := &consensus.Stored{Genesis: genesis, Start: d.start, Last: d.tip()}
	for k := juno.RecordHardState; k <= juno.RecordHeaders; k++ {
		if r, ok := d.state[k]; ok {
			st.Records = append(st.Records, r)
		}
	}
	newest := make(map[juno.RecordKind]int)
	for i, r := range d.history {
		newest[r.Kind] = i
	}
	for i, r := range d.history {
		if r.Kind == juno.RecordEpoch || newest[r.Kind] == i {
			st.Records = append(st.Records, r)
		}
	}
	return st
}

func (d *disk) First() juno.Index { return d.start.Index + 1 }

func (d *disk) HashAt(i juno.Index) (juno.Hash, bool) {
	switch {
	case i == d.start.Index:
		return d.start.Hash, true
	case i < d.start.Index || i > d.tip().Index:
		return juno.Hash{}, false
	}
	return d.hashes[i-d.start.Index-1], true
}

func (d *disk) Entries(lo, hi juno.Index, bytesMax int) []juno.Entry {
	all := d.entries[lo-d.start.Index-1 : hi-d.start.Index-1]
	size := 0
	for i := range all {
		if size += len(all[i].Payload); size > bytesMax && i > 0 {
			return all[:i]
		}
	}
	return all
}

func (d *disk) Certificate(index juno.Index) (*juno.QuorumCertificate, bool) {
	for _, r := range d.history {
		if (r.Kind != juno.RecordProof && r.Kind != juno.RecordEpoch) || r.Index < index {
			continue
		}
		if r.Kind == juno.RecordEpoch {
			e, err := juno.ParseEpochRecord(r.Bytes)
			return e.Certificate, err == nil
		}
		c, err := juno.ParseProof(r.Bytes)
		return c, err == nil
	}
	return nil, false
}

// prune forgets the entries up to index, as a host does that has archived them.
func (d *disk) prune(index juno.Index) {
	h, ok := d.HashAt(index)
	if !ok {
		panic(fmt.Sprintf("prune to %d", index))
	}
	n := index - d.start.Index
	d.start, d.entries, d.hashes = juno.Pos{Index: index, Hash: h}, d.entries[n:], d.hashes[n:]
	d.sync()
}
