package vfs

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
)

// sectorBytes is the unit in which a disk loses parts of a write.
const sectorBytes = 512

// Clone returns the file system as it is found after every process was killed and the machine
// kept running: everything that was written, synced or not. m is not changed, and nothing done
// to either is seen by the other. What was not synced in m is still not synced in the clone.
func (m *Mem) Clone() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := cloner{seen: map[*memNode]*memNode{}}
	return &Mem{root: c.clone(m.root), locks: map[string]bool{}}
}

// CrashClone returns the file system as it is found after a power failure now. Seed 0 loses
// everything that was not synced. Any other seed rolls dice for each unsynced write, length and
// name, see the package doc; one seed gives one outcome. Everything in the clone is durable.
// m is not changed and can go on, so one run can be crashed at every one of its steps.
func (m *Mem) CrashClone(seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := cloner{seen: map[*memNode]*memNode{}, crash: true}
	if seed != 0 {
		c.dice = rand.New(rand.NewPCG(seed, 0x6a756e6f))
		// Some crashes lose nearly all and some nearly nothing: both ends hide mistakes.
		c.survivePercent = []int{15, 50, 85}[c.dice.IntN(3)]
	}
	return &Mem{root: c.clone(m.root), locks: map[string]bool{}}
}

// Unsynced returns the paths whose bytes, or whose names, are not all durable, sorted; a name
// that is not durable is listed by its directory. Tests ask it whether a writer forgot a sync.
func (m *Mem) Unsynced() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var paths []string
	var walk func(path string, n *memNode)
	walk = func(path string, n *memNode) {
		if len(n.pending) > 0 || len(n.pendingNames) > 0 {
			paths = append(paths, path)
		}
		for name, child := range n.names {
			walk(filepath.Join(path, name), child)
		}
	}
	walk(string(filepath.Separator), m.root)
	slices.Sort(paths)
	return paths
}

// cloner copies nodes. A node that survives under two names stays one node.
type cloner struct {
	seen           map[*memNode]*memNode
	crash          bool
	dice           *rand.Rand // nil: nothing unsynced survives
	survivePercent int
}

func (c *cloner) clone(n *memNode) *memNode {
	if done := c.seen[n]; done != nil {
		return done
	}
	to := &memNode{isDir: n.isDir}
	c.seen[n] = to
	switch {
	case n.isDir && c.crash:
		to.names = c.cloneNames(c.survivingNames(n))
		to.durableNames = maps.Clone(to.names)
	case n.isDir:
		to.names = c.cloneNames(n.names)
		to.durableNames = c.cloneNames(n.durableNames)
		for _, op := range n.pendingNames {
			if op.node != nil {
				op.node = c.clone(op.node)
			}
			to.pendingNames = append(to.pendingNames, op)
		}
	case c.crash:
		to.durable = c.survivingBytes(n)
		to.data = bytes.Clone(to.durable)
	default:
		to.data, to.durable = bytes.Clone(n.data), bytes.Clone(n.durable)
		to.pending = slices.Clone(n.pending)
	}
	return to
}

func (c *cloner) cloneNames(names map[string]*memNode) map[string]*memNode {
	to := make(map[string]*memNode, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		to[name] = c.clone(names[name])
	}
	return to
}

func (c *cloner) survives() bool { return c.dice != nil && c.dice.IntN(100) < c.survivePercent }

func (c *cloner) survivingNames(n *memNode) map[string]*memNode {
	names := maps.Clone(n.durableNames)
	for _, op := range n.pendingNames {
		if c.survives() {
			op.apply(names)
		}
	}
	return names
}

func (c *cloner) survivingBytes(n *memNode) []byte {
	b := bytes.Clone(n.durable)
	for _, op := range n.pending {
		switch {
		case c.survives():
			b = op.apply(b)
		case c.dice == nil || op.truncate || len(op.data) == 0:
			// Lost. A new length is there or not, nothing between.
		case c.dice.IntN(3) == 0:
			op.data = op.data[:c.dice.IntN(len(op.data))]
			b = op.apply(b)
		case c.dice.IntN(2) == 0:
			b = c.loseSectors(b, op)
		}
	}
	return b
}

// loseSectors applies a write of which some sectors did not reach the disk.
func (c *cloner) loseSectors(b []byte, op memWrite) []byte {
	for start := op.offset; start < op.offset+int64(len(op.data)); {
		end := min((start/sectorBytes+1)*sectorBytes, op.offset+int64(len(op.data)))
		if c.dice.IntN(2) == 0 {
			part := memWrite{offset: start, data: op.data[start-op.offset : end-op.offset]}
			b = part.apply(b)
		}
		start = end
	}
	return b
}
