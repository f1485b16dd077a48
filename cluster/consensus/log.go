package consensus

import (
	"errors"
	"fmt"
	"slices"

	"juno"
)

// chain is the node's log: a window in memory that reaches from somewhere at or below the commit
// index to the tip, and Log for what is older. Everything that is not on disk yet is in the window.
type chain struct {
	first   juno.Index // of entries[0]
	prev    juno.Hash  // chain hash at first-1
	entries []juno.Entry
	hashes  []juno.Hash // at each of entries
	// unfinal is the payload bytes of the entries that are not final.
	unfinal int
	store   Log
	// anchor holds index, term, time and type of the entry right before the whole log, if the log
	// begins at a snapshot.
	anchor *juno.Entry
}

// anchored keeps the head of a certificate at whose position the log begins.
func (l *chain) anchored(cert *juno.QuorumCertificate) {
	if cert != nil && cert.Detached {
		l.anchor = &juno.Entry{
			Index: cert.Pos.Index, Term: cert.Head.Term, Time: cert.Head.Time,
			Type: cert.Head.Type,
		}
	}
}

// newChain reads the entries (from, last] back into memory.
func newChain(store Log, from, last juno.Pos) (*chain, error) {
	l := &chain{first: from.Index + 1, prev: from.Hash, store: store}
	const readBytesMax = 4 << 20
	for next := l.first; next <= last.Index; next = l.tip().Index + 1 {
		for _, e := range store.Entries(next, last.Index+1, readBytesMax) {
			if e.Index != l.tip().Index+1 {
				return nil, fmt.Errorf("log: read entry %d, want %d", e.Index, l.tip().Index+1)
			}
			l.append(e)
		}
		if l.tip().Index < next {
			return nil, fmt.Errorf("log: entry %d cannot be read, the log ends at %s", next, last)
		}
	}
	if l.tip() != last {
		return nil, fmt.Errorf("log: its entries lead to %s, it says %s", l.tip(), last)
	}
	return l, nil
}

// tip returns the position of the newest entry.
func (l *chain) tip() juno.Pos {
	if len(l.entries) == 0 {
		return juno.Pos{Index: l.first - 1, Hash: l.prev}
	}
	n := len(l.entries)
	return juno.Pos{Index: l.first + juno.Index(n) - 1, Hash: l.hashes[n-1]}
}

// append adds the entry after the tip.
func (l *chain) append(e juno.Entry) {
	tip := l.tip()
	if e.Index != tip.Index+1 {
		panic(fmt.Sprintf("append entry %d after %s", e.Index, tip))
	}
	l.entries = append(roomFor(l.entries, 1), e)
	l.hashes = append(roomFor(l.hashes, 1), e.ChainHash(tip.Hash))
	l.unfinal += len(e.Payload)
}

// appendAll adds entries whose chain hashes are known.
func (l *chain) appendAll(entries []juno.Entry, hashes []juno.Hash) {
	if len(entries) > 0 && entries[0].Index != l.tip().Index+1 {
		panic(fmt.Sprintf("append entry %d after %s", entries[0].Index, l.tip()))
	}
	l.entries = append(roomFor(l.entries, len(entries)), entries...)
	l.hashes = append(roomFor(l.hashes, len(hashes)), hashes...)
	for i := range entries {
		l.unfinal += len(entries[i].Payload)
	}
}

// roomFor makes room for n more elements. The log grows behind and shrinks in front for ever, and
// append alone, which adds a quarter of the length, would copy each entry several times.
func roomFor[T any](all []T, n int) []T {
	if cap(all)-len(all) < n {
		all = slices.Grow(all, len(all)+n)
	}
	return all
}

// newest returns the entry at the tip, which must not be changed.
func (l *chain) newest() *juno.Entry { return &l.entries[len(l.entries)-1] }

// retract removes the newest entry, which was not sent or written yet.
func (l *chain) retract() {
	n := len(l.entries) - 1
	l.unfinal -= len(l.entries[n].Payload)
	l.entries, l.hashes = l.entries[:n], l.hashes[:n]
}

// truncate makes index the tip. Slices that were given out stay as they were: the next append
// allocates anew.
func (l *chain) truncate(index juno.Index) {
	if index+1 < l.first || index > l.tip().Index {
		panic(fmt.Sprintf("truncate to %d a log in memory from %d to %s", index, l.first, l.tip()))
	}
	n := int(index + 1 - l.first)
	for _, e := range l.entries[n:] {
		l.unfinal -= len(e.Payload)
	}
	l.entries, l.hashes = l.entries[:n:n], l.hashes[:n:n]
}

// finalized notes that the entries (after, last] are final.
func (l *chain) finalized(after, last juno.Index) {
	for _, e := range l.slice(max(after+1, l.first), last+1) {
		l.unfinal -= len(e.Payload)
	}
}

// forget drops from memory the entries up to index, which must be on disk.
func (l *chain) forget(index juno.Index) {
	if index < l.first {
		return
	}
	n := int(index + 1 - l.first)
	l.prev = l.hashes[n-1]
	l.first = index + 1
	l.entries, l.hashes = l.entries[n:], l.hashes[n:]
}

// HashAt implements juno.History.
func (l *chain) HashAt(index juno.Index) (juno.Hash, bool) {
	switch tip := l.tip(); {
	case index > tip.Index:
		return juno.Hash{}, false
	case index >= l.first:
		return l.hashes[index-l.first], true
	case index == l.first-1:
		return l.prev, true
	}
	return l.store.HashAt(index)
}

// has reports whether the position is on the log.
func (l *chain) has(p juno.Pos) bool {
	h, ok := l.HashAt(p.Index)
	return ok && h == p.Hash
}

// entry returns the entry at index, if it can still be read.
func (l *chain) entry(index juno.Index) (juno.Entry, bool) {
	if index == 0 || index > l.tip().Index {
		return juno.Entry{}, false
	}
	if index >= l.first {
		return l.entries[index-l.first], true
	}
	if l.anchor != nil && index == l.anchor.Index {
		return *l.anchor, true
	}
	if index < l.store.First() {
		return juno.Entry{}, false
	}
	read := l.store.Entries(index, index+1, 1)
	if len(read) != 1 || read[0].Index != index {
		return juno.Entry{}, false
	}
	return read[0], true
}

// HeaderAt implements juno.History. It hashes the payload.
func (l *chain) HeaderAt(index juno.Index) (juno.EntryHeader, bool) {
	e, ok := l.entry(index)
	if !ok || (l.anchor != nil && index == l.anchor.Index) {
		return juno.EntryHeader{}, false
	}
	return e.Header(), true
}

// matches reports whether votes of term count at index (F1, juno.TermMatch), without hashing the
// payload. It is the rule that makes the protocol safe.
func (l *chain) matches(index juno.Index, term juno.Term) bool {
	e, ok := l.entry(index)
	return ok && juno.TermMatch(juno.EntryHeader{Term: e.Term, Type: e.Type}, term)
}

// lowest returns the first index that can be read.
func (l *chain) lowest() juno.Index { return min(l.first, max(l.store.First(), 1)) }

// slice returns the entries [lo, hi), all of them in memory. The result must not be changed.
func (l *chain) slice(lo, hi juno.Index) []juno.Entry {
	if lo < l.first || hi < lo || hi > l.tip().Index+1 {
		panic(fmt.Sprintf("entries [%d,%d) of a log in memory from %d to %s",
			lo, hi, l.first, l.tip()))
	}
	return l.entries[lo-l.first : hi-l.first : hi-l.first]
}

// read returns the entries [lo, hi) from memory or disk, cut short once they take more than
// bytesMax, but at least one if lo can be read.
func (l *chain) read(lo, hi juno.Index, bytesMax int) []juno.Entry {
	hi = min(hi, l.tip().Index+1)
	if lo >= hi {
		return nil
	}
	if lo < l.first {
		if lo < l.store.First() {
			return nil
		}
		return l.readOn(l.store.Entries(lo, min(hi, l.first), bytesMax), hi, bytesMax)
	}
	entries := l.slice(lo, hi)
	return entries[:cutAt(entries, bytesMax)]
}

// readOn adds to entries from disk the following ones in memory, as far as they fit: a cut where
// the two meet could be in the middle of a client batch.
func (l *chain) readOn(entries []juno.Entry, hi juno.Index, bytesMax int) []juno.Entry {
	n := len(entries)
	if n == 0 || entries[n-1].Index+1 != l.first || l.first >= hi {
		return entries
	}
	all := append(entries[:n:n], l.slice(l.first, hi)...)
	return all[:max(n, cutAt(all, bytesMax))]
}

// cutAt returns how many of entries fit into bytesMax, at least one.
func cutAt(entries []juno.Entry, bytesMax int) int {
	size := 0
	for i := range entries {
		size += juno.EntryBytes(&entries[i])
		if size > bytesMax && i > 0 {
			return i
		}
	}
	return len(entries)
}

// errFinal reports a chain that contradicts the commit index.
var errFinal = errors.New("contradicts what is final")

// refusedEntry reports an entry that the validator refuses.
type refusedEntry struct {
	index juno.Index
	err   error
}

func (r *refusedEntry) Error() string { return fmt.Sprintf("entry %d: %v", r.index, r.err) }

func (r *refusedEntry) Unwrap() error { return r.err }

// replace makes entries, with their chain hashes, follow the entry at from, all or nothing. Entries
// that are on the log already and final entries stay; everything else above from goes. If it
// returns errFinal or a refusedEntry it has changed nothing.
func (c *Core) replace(from juno.Index, entries []juno.Entry, hashes []juno.Hash) error {
	n := 0
	for n < len(entries) {
		h, ok := c.log.HashAt(entries[n].Index)
		// Below the log there is no hash to compare; the first one that exists decides.
		if dropped := !ok && entries[n].Index < c.log.lowest(); !dropped && h != hashes[n] {
			break
		}
		n++
	}
	fork, tip := from+juno.Index(n), c.log.tip().Index
	if n == len(entries) {
		fork = max(fork, min(tip, c.commit.Index)) // final entries stay
	}
	if fork < c.commit.Index {
		return fmt.Errorf("chain that forks off at %d: %w: %s", fork, errFinal, c.commit)
	}
	if err := c.refold(fork, entries[n:]); err != nil {
		return err
	}
	if fork < tip {
		c.cut(fork)
	}
	c.log.appendAll(entries[n:], hashes[n:])
	return nil
}

// refold takes the validator back to fork and lets it validate entries. If it refuses one, the old
// entries are folded in again.
func (c *Core) refold(fork juno.Index, entries []juno.Entry) error {
	tip := c.log.tip().Index
	if fork < tip {
		c.validator.TruncateTo(fork)
	}
	for i := range entries {
		err := c.validate(&entries[i])
		if err == nil {
			continue
		}
		c.validator.TruncateTo(fork)
		old := c.log.slice(fork+1, tip+1)
		for j := range old {
			if again := c.validator.Append(&old[j]); again != nil {
				panic(fmt.Sprintf("entry %d was valid and is not any more: %v",
					old[j].Index, again))
			}
		}
		return &refusedEntry{entries[i].Index, err}
	}
	return nil
}

// replaceFailed handles a leader's chain that could not be adopted.
func (c *Core) replaceFailed(ae *Append, err error) error {
	var refused *refusedEntry
	if errors.As(err, &refused) && refused.index > ae.Prev.Index {
		return c.accuseInvalid(ae, err)
	}
	if errors.As(err, &refused) {
		c.alarm("N4: a quorum accepted an entry that the validator of this node refuses: %v", err)
	}
	return err
}

// cut truncates the log to index, in memory and in the next Ready. The validator is there already.
// Requests that lose their place go back to the pool.
func (c *Core) cut(index juno.Index) {
	tip := c.log.tip().Index
	c.requeue(c.log.slice(index+1, tip+1))
	c.log.truncate(index)
	o := &c.out
	if index >= o.handed {
		return
	}
	o.handed, o.durable = index, min(o.durable, index)
	for i := range o.written {
		o.written[i].last = min(o.written[i].last, index)
	}
	if o.truncate == nil || index < *o.truncate {
		o.truncate = &index
	}
}

// requeue returns the clients' entries that lose their place to the pool.
func (c *Core) requeue(entries []juno.Entry) {
	var lost []juno.Entry
	for _, e := range entries {
		if e.Type != juno.EntryTermStart && e.Type != juno.EntryNoop {
			lost = append(lost, juno.Entry{Type: e.Type, Payload: e.Payload})
		}
	}
	if len(lost) > 0 {
		c.pool.Requeue(lost)
	}
}
