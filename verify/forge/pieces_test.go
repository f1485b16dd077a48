package forge

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"

	"juno"
	"juno/snapshot"
)

// artifact is a kind of evidence.
type artifact int

const (
	aReceipt artifact = iota
	anExport
	aDirectory
	aSnapshot // one of a directory's
)

func (a artifact) String() string {
	return [...]string{"receipt", "export", "directory", "snapshot"}[a]
}

// pieces are what a piece of evidence is made of, taken apart, so that the forger can change some
// and put them together again. Nothing in them is shared with the world.
type pieces struct {
	w       *world
	kind    artifact
	genesis *juno.Genesis
	epochs  []juno.EpochChange // of a receipt, of an export, of a directory's file of epochs
	receipt *juno.Receipt      // without genesis and epochs

	start   juno.Pos // before the first entry
	base    *snap    // of an export that does not begin with entry 1
	entries []juno.Entry
	records []record // of history, in the order in which they are written
	snaps   []*snap  // of a directory
	dead    []branch // of a directory: what was cut back, before the entry behind its base

	version  int // of an export
	noEpochs bool
	segment  int64 // bytes of the segments of a directory's log
	// elements and count are what the end of an export says beyond the truth.
	elementsMore, entriesMore int
	// onFrames and onFiles change what is written, frame by frame or file by file.
	onFrames func([]frame) []frame
	onFiles  func(map[string][]byte)
	onText   func([]byte) []byte
	asText   bool // a receipt goes through its text
	// torn says that the bytes are not those of the pieces any more.
	torn bool
	// late says that clients' signatures and states are judged behind that entry only.
	late juno.Index
	// expect is the newest position that is proven, while nothing was changed.
	expect juno.Pos
}

// record is a record of history, taken apart. One of the pointers is set, or bytes.
type record struct {
	kind  juno.RecordKind
	index juno.Index
	proof *juno.QuorumCertificate
	end   *juno.EpochRecord
	point *juno.CheckpointCertificate
}

func (r *record) encode() juno.Record {
	e := juno.Record{Kind: r.kind, Index: r.index}
	switch {
	case r.proof != nil:
		e.Bytes = juno.AppendCertificate(nil, r.proof)
	case r.end != nil:
		e.Bytes = juno.AppendEpochRecord(nil, r.end)
	case r.point != nil:
		e.Bytes = juno.AppendCheckpointCertificate(nil, r.point)
	}
	return e
}

// snap is a state with its manifest.
type snap struct {
	manifest snapshot.Manifest
	elements []snapshot.Element
	key      juno.PrivateKey // that signs the manifest
	file     []byte          // the state file; nil until it is needed
}

// point returns the checkpoint certificate in the manifest, or nil.
func (s *snap) point() *juno.CheckpointCertificate {
	if len(s.manifest.Checkpoint) == 0 {
		return nil
	}
	k, err := juno.ParseCheckpointCertificate(s.manifest.Checkpoint)
	if err != nil {
		panic(err)
	}
	return k
}

func (s *snap) setPoint(k *juno.CheckpointCertificate) {
	s.manifest.Checkpoint = nil
	if k != nil {
		s.manifest.Checkpoint = juno.AppendCheckpointCertificate(nil, k)
	}
}

// seal signs the manifest anew.
func (s *snap) seal() {
	e := juno.Seal(s.key, s.manifest.Cluster, juno.KindSnapshot, s.manifest.Body())
	s.manifest.Key, s.manifest.Signature = e.Key, e.Signature
}

// snapOf returns the snapshot of a world at an entry, as a member of the epoch made it.
func (w *world) snapOf(rng *rand.Rand, at juno.Index) *snap {
	e := w.epochAt(at)
	all := slices.Concat(e.config.Voters, e.config.Observers)
	id := all[rng.IntN(len(all))].ID
	if len(e.config.Voters) == 1 {
		id = e.config.Voters[0].ID
	}
	entry := &w.entries[at-1]
	s := &snap{
		key: e.key(w, id), elements: copyElements(w.states[at]),
		manifest: snapshot.Manifest{
			Cluster: w.cluster, Pos: w.pos(at), Term: entry.Term, Time: entry.Time,
			StateHash: w.roots[at], Node: id, Elements: uint64(len(w.states[at])),
		},
	}
	if c := w.proofAt(at); c != nil && rng.IntN(4) > 0 {
		s.manifest.Certificate = juno.AppendCertificate(nil, c)
	}
	s.setPoint(w.pointAt(at))
	s.seal()
	return s
}

func copyElements(all []snapshot.Element) []snapshot.Element {
	return append([]snapshot.Element(nil), all...)
}

func copyCertificate(c *juno.QuorumCertificate) *juno.QuorumCertificate {
	d := *c
	d.Votes, d.Headers = slices.Clone(c.Votes), slices.Clone(c.Headers)
	return &d
}

func copyPoint(k *juno.CheckpointCertificate) *juno.CheckpointCertificate {
	d := *k
	d.Votes = slices.Clone(k.Votes)
	return &d
}

func copyEnd(e *juno.EpochRecord) *juno.EpochRecord {
	d := *e
	d.Payload, d.Certificate = bytes.Clone(e.Payload), copyCertificate(e.Certificate)
	return &d
}

func copyChanges(all []juno.EpochChange) []juno.EpochChange {
	all = slices.Clone(all)
	for i := range all {
		all[i].Entry.Payload = bytes.Clone(all[i].Entry.Payload)
		all[i].Certificate = copyCertificate(all[i].Certificate)
	}
	return all
}

func copyEntries(all []juno.Entry) []juno.Entry {
	all = slices.Clone(all)
	for i := range all {
		all[i].Payload = bytes.Clone(all[i].Payload)
	}
	return all
}

func copyGenesis(g *juno.Genesis) *juno.Genesis {
	c, err := juno.ParseGenesis(juno.AppendGenesis(nil, g))
	if err != nil {
		panic(err)
	}
	return c
}

// furthest returns the newest entry that a certificate speaks of.
func furthest(c *juno.QuorumCertificate) juno.Index {
	most := c.Pos.Index
	for i := range c.Votes {
		if p := c.Votes[i].Prepared; p != nil {
			most = max(most, p.Index)
		}
	}
	return most
}

// history is the chain that the entries of a log give.
type history struct {
	start   juno.Index
	hashes  []juno.Hash
	entries []juno.Entry
}

// chain returns the history of the entries as they are.
func (p *pieces) chain() *history {
	h := &history{start: p.start.Index, entries: p.entries, hashes: []juno.Hash{p.start.Hash}}
	for i := range p.entries {
		h.hashes = append(h.hashes, p.entries[i].ChainHash(h.hashes[i]))
	}
	return h
}

// HashAt and HeaderAt make it a juno.History.
func (h *history) HashAt(i juno.Index) (juno.Hash, bool) {
	if i < h.start || i-h.start >= juno.Index(len(h.hashes)) {
		return juno.Hash{}, false
	}
	return h.hashes[i-h.start], true
}

func (h *history) HeaderAt(i juno.Index) (juno.EntryHeader, bool) {
	if i <= h.start || i-h.start > juno.Index(len(h.entries)) {
		return juno.EntryHeader{}, false
	}
	return h.entries[i-h.start-1].Header(), true
}

func (h *history) pos(i juno.Index) juno.Pos {
	hash, _ := h.HashAt(i)
	return juno.Pos{Index: i, Hash: hash}
}

// last returns the index of the last entry.
func (p *pieces) last() juno.Index { return p.start.Index + juno.Index(len(p.entries)) }

// entryAt returns the entry that stands in the place of an index, or nil.
func (p *pieces) entryAt(i juno.Index) *juno.Entry {
	if i <= p.start.Index || i > p.last() {
		return nil
	}
	return &p.entries[i-p.start.Index-1]
}

func hashOf(b []byte) juno.Hash { return sha256.Sum256(b) }
