package consensus

import (
	"fmt"

	"juno"
)

// memLog is a log in memory that keeps apart what was written and what was synced.
type memLog struct {
	cluster juno.ClusterID
	entries []juno.Entry
	hashes  []juno.Hash
	state   map[juno.RecordKind]juno.Record
	history []juno.Record
}

func newMemLog(cluster juno.ClusterID) *memLog {
	return &memLog{cluster: cluster, state: make(map[juno.RecordKind]juno.Record)}
}

// write applies one group.
func (l *memLog) write(r *Ready) {
	if r.Truncate != nil {
		n := int(*r.Truncate)
		l.entries, l.hashes = l.entries[:n:n], l.hashes[:n:n]
	}
	for _, e := range r.Append {
		prev, _ := l.HashAt(e.Index - 1)
		if int(e.Index) != len(l.entries)+1 {
			panic(fmt.Sprintf("entry %d after %d", e.Index, len(l.entries)))
		}
		l.entries = append(l.entries, e)
		l.hashes = append(l.hashes, e.ChainHash(prev))
	}
	if tip := l.tip(); len(r.Append) > 0 && tip != r.Tip {
		panic(fmt.Sprintf("tip %s, the core says %s", tip, r.Tip))
	}
	for _, rec := range r.Records {
		if rec.Kind < juno.RecordProof {
			l.state[rec.Kind] = rec
		} else {
			l.history = append(l.history, rec)
		}
	}
}

func (l *memLog) tip() juno.Pos {
	h, _ := l.HashAt(juno.Index(len(l.entries)))
	return juno.Pos{Index: juno.Index(len(l.entries)), Hash: h}
}

// stored returns what a restart finds.
func (l *memLog) stored(genesis *juno.EpochConfig) *Stored {
	st := &Stored{Genesis: genesis}
	if len(l.entries) > 0 {
		st.Start, st.Last = juno.Pos{Hash: l.cluster}, l.tip()
	}
	for k := juno.RecordHardState; k <= juno.RecordHeaders; k++ {
		if r, ok := l.state[k]; ok {
			st.Records = append(st.Records, r)
		}
	}
	newest := make(map[juno.RecordKind]int)
	for i, r := range l.history {
		newest[r.Kind] = i
	}
	for i, r := range l.history {
		if r.Kind == juno.RecordEpoch || newest[r.Kind] == i {
			st.Records = append(st.Records, r)
		}
	}
	return st
}

func (l *memLog) First() juno.Index { return 1 }

func (l *memLog) HashAt(i juno.Index) (juno.Hash, bool) {
	if i == 0 {
		return l.cluster, true
	}
	if int(i) > len(l.hashes) {
		return juno.Hash{}, false
	}
	return l.hashes[i-1], true
}

func (l *memLog) Entries(lo, hi juno.Index, bytesMax int) []juno.Entry {
	entries := l.entries[lo-1 : hi-1]
	return entries[:cutAt(entries, bytesMax)]
}

func (l *memLog) Certificate(index juno.Index) (*juno.QuorumCertificate, bool) {
	for _, r := range l.history {
		if r.Kind != juno.RecordProof || r.Index < index {
			continue
		}
		c, err := juno.ParseProof(r.Bytes)
		if err != nil {
			panic(err)
		}
		return c, true
	}
	return nil, false
}
