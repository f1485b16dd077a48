package sim

import (
	"juno"
	"juno/cluster/consensus"
)

// block is an entry at its place in one history. Every block that was ever made is kept, so that
// positions can be compared by their histories.
type block struct {
	pos     juno.Pos
	parent  *block
	entry   juno.Entry
	support []support // by term
}

// support is the sets of correct nodes that accepted, or prepared, the block or a later one in a
// term. Only terms whose votes count at the block are kept.
type support struct {
	term               juno.Term
	accepted, prepared uint64 // sets of nodes
}

// tree is all histories of a run; they share their beginnings.
type tree struct {
	root   *block
	byHash map[juno.Hash]*block
}

func newTree(cluster juno.ClusterID) *tree {
	root := &block{pos: juno.Pos{Hash: cluster}}
	return &tree{root: root, byHash: map[juno.Hash]*block{cluster: root}}
}

// at returns the block at a position, or nil.
func (t *tree) at(p juno.Pos) *block {
	b := t.byHash[p.Hash]
	if b == nil || b.pos.Index != p.Index {
		return nil
	}
	return b
}

// grow adds an entry behind a block.
func (t *tree) grow(parent *block, e *juno.Entry) *block {
	hash := e.ChainHash(parent.pos.Hash)
	if b := t.byHash[hash]; b != nil {
		return b
	}
	b := &block{pos: juno.Pos{Index: e.Index, Hash: hash}, parent: parent, entry: *e}
	t.byHash[hash] = b
	return b
}

// growAll adds entries behind a position, and returns the last block; nil if the position is
// unknown or the entries are not numbered from there.
func (t *tree) growAll(prev juno.Pos, entries []juno.Entry) *block {
	b := t.at(prev)
	for i := range entries {
		if b == nil || entries[i].Index != b.pos.Index+1 {
			return nil
		}
		b = t.grow(b, &entries[i])
	}
	return b
}

// behind returns the block at an index in the history that ends with b.
func (b *block) behind(i juno.Index) *block {
	for b != nil && b.pos.Index > i {
		b = b.parent
	}
	return b
}

// holds reports whether p lies in the history that ends with b.
func (b *block) holds(p *block) bool { return b.behind(p.pos.Index) == p }

// entriesAfter returns the entries behind a block of the same history, up to b.
func (b *block) entriesAfter(from *block) []juno.Entry {
	n := int(b.pos.Index - from.pos.Index)
	all := make([]juno.Entry, n)
	for at := b; n > 0; at = at.parent {
		n--
		all[n] = at.entry
	}
	return all
}

// endsEpoch reports whether the block ends the epoch of a term.
func (b *block) endsEpoch(t juno.Term) bool {
	return b.entry.Type == juno.EntryConfig && b.entry.Term.Epoch() == t.Epoch()
}

// supportIn returns the support in a term, making room for it.
func (b *block) supportIn(t juno.Term) *support {
	for i := range b.support {
		if b.support[i].term == t {
			return &b.support[i]
		}
	}
	b.support = append(b.support, support{term: t})
	return &b.support[len(b.support)-1]
}

// HashAt implements juno.History for the history that ends with b.
func (b *block) HashAt(i juno.Index) (juno.Hash, bool) {
	if at := b.behind(i); at != nil && at.pos.Index == i {
		return at.pos.Hash, true
	}
	return juno.Hash{}, false
}

// HeaderAt implements juno.History.
func (b *block) HeaderAt(i juno.Index) (juno.EntryHeader, bool) {
	if at := b.behind(i); at != nil && at.pos.Index == i && i > 0 {
		return at.entry.Header(), true
	}
	return juno.EntryHeader{}, false
}

// learn adds the entries of an append to the tree, and returns its last block if the append is
// consistent.
func (t *tree) learn(ae *consensus.Append) *block {
	b := t.growAll(ae.Prev, ae.Entries)
	if b == nil || b.pos != ae.Last {
		return nil
	}
	return b
}
