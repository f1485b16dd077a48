package audit

import "juno"

// window remembers the newest entries of a log without their payloads, as far behind as
// certificates speak of them. It is a juno.History.
type window struct {
	start   juno.Pos
	last    juno.Index
	hashes  []juno.Hash // at index modulo windowEntries
	headers []juno.EntryHeader
}

func newWindow(start juno.Pos) *window {
	return &window{
		start: start, last: start.Index, hashes: make([]juno.Hash, windowEntries),
		headers: make([]juno.EntryHeader, windowEntries),
	}
}

func (w *window) add(e *juno.Chained, header juno.EntryHeader) {
	w.last = e.Index
	w.hashes[e.Index%windowEntries], w.headers[e.Index%windowEntries] = e.Hash, header
}

// HashAt implements juno.History, for the entries in the window and for the start.
func (w *window) HashAt(i juno.Index) (juno.Hash, bool) {
	if i == w.start.Index {
		return w.start.Hash, true
	}
	if i < w.start.Index || i > w.last || i+windowEntries <= w.last {
		return juno.Hash{}, false
	}
	return w.hashes[i%windowEntries], true
}

// HeaderAt implements juno.History, for the entries in the window.
func (w *window) HeaderAt(i juno.Index) (juno.EntryHeader, bool) {
	if _, ok := w.HashAt(i); !ok || i == w.start.Index {
		return juno.EntryHeader{}, false
	}
	return w.headers[i%windowEntries], true
}
