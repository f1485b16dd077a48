package audit

import "juno"

// window remembers the newest entries of a log without their payloads, as far behind as
// certificates speak of them. It is a juno.History. A short log takes little memory.
type window struct {
	start   juno.Pos
	last    juno.Index
	hashes  []juno.Hash // see slot; they grow up to windowEntries
	headers []juno.EntryHeader
}

func newWindow(start juno.Pos) *window { return &window{start: start, last: start.Index} }

// slot returns where an entry behind the start is kept.
func (w *window) slot(i juno.Index) int { return int((i - w.start.Index - 1) % windowEntries) }

func (w *window) add(e *juno.Chained, header juno.EntryHeader) {
	if e.Index <= w.start.Index {
		return // the chain does not go back; that it does here is reported elsewhere
	}
	w.last = e.Index
	at := w.slot(e.Index)
	for at >= len(w.hashes) { // more than one where entries are missing
		w.hashes, w.headers = append(w.hashes, juno.Hash{}), append(w.headers, juno.EntryHeader{})
	}
	w.hashes[at], w.headers[at] = e.Hash, header
}

// HashAt implements juno.History, for the entries in the window and for the start.
func (w *window) HashAt(i juno.Index) (juno.Hash, bool) {
	if i == w.start.Index {
		return w.start.Hash, true
	}
	if i < w.start.Index || i > w.last || i+windowEntries <= w.last {
		return juno.Hash{}, false
	}
	return w.hashes[w.slot(i)], true
}

// HeaderAt implements juno.History, for the entries in the window.
func (w *window) HeaderAt(i juno.Index) (juno.EntryHeader, bool) {
	if _, ok := w.HashAt(i); !ok || i == w.start.Index {
		return juno.EntryHeader{}, false
	}
	return w.headers[w.slot(i)], true
}
