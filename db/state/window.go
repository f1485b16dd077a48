package state

import (
	"bytes"
	"math/bits"

	"juno"
)

// WindowRequests is how far back a client's request ids are remembered one by one: ids at or below
// the highest one minus this are too old to be used, whether they were or not
// (docs/SPECIFICATION.md, C1).
const WindowRequests = 4096

const windowBytesMax = WindowRequests / 8

// Window knows which request ids of one client are used: none above the highest, and below it all
// but the few that were skipped. A client that counts up has a window of a few bytes.
//
// A Window is a value: nothing changes the bytes that it holds.
type Window struct {
	highest juno.RequestID
	// skipped is a bit string: bit k, counted from the low end of byte 0, says that id highest-k
	// was not used. It has no zero byte at its end.
	skipped []byte
}

// Highest returns the highest id that was used, 0 for none.
func (w Window) Highest() juno.RequestID { return w.highest }

// Fits reports whether a command with that id may still be taken: the id is unused, and not so
// old that nobody knows any more.
func (w Window) Fits(id juno.RequestID) bool {
	if id > w.highest {
		return true
	}
	return id != 0 && w.highest-id < WindowRequests && w.skips(w.highest-id)
}

// Old reports whether the id has left the window.
func (w Window) Old(id juno.RequestID) bool {
	return id == 0 || (id < w.highest && w.highest-id >= WindowRequests)
}

func (w Window) skips(k juno.RequestID) bool {
	return k/8 < juno.RequestID(len(w.skipped)) && w.skipped[k/8]>>(k%8)&1 == 1
}

// Use returns the window after id was used. The id must fit.
func (w Window) Use(id juno.RequestID) Window {
	switch {
	case id == w.highest+1 && len(w.skipped) == 0:
		return Window{highest: id}
	case id > w.highest:
		return w.advance(id)
	}
	k := w.highest - id
	skipped := bytes.Clone(w.skipped)
	skipped[k/8] &^= 1 << (k % 8)
	return Window{highest: w.highest, skipped: trim(skipped)}
}

// advance shifts the bit string to a new highest id and notes the ids in between as skipped.
func (w Window) advance(id juno.RequestID) Window {
	by := min(id-w.highest, WindowRequests)
	size := min(windowBytesMax, (int(by)+7)/8+len(w.skipped))
	skipped := make([]byte, size)
	byteShift, bitShift := int(by/8), by%8
	for i := size - 1; i >= byteShift; i-- {
		from := i - byteShift
		if from < len(w.skipped) {
			skipped[i] = w.skipped[from] << bitShift
		}
		if from > 0 && from-1 < len(w.skipped) {
			skipped[i] |= byte(uint16(w.skipped[from-1]) << bitShift >> 8)
		}
	}
	for k := juno.RequestID(1); k < by; k++ {
		skipped[k/8] |= 1 << (k % 8)
	}
	return Window{highest: id, skipped: trim(skipped)}
}

func trim(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

// AppendWindow appends the canonical bytes of w: version (1), highest (uvarint), skipped
// (length-prefixed, at most 512 bytes, bit k of it set if id highest-k is unused; bit 0 is clear,
// and so are the bits of ids below 1; no zero byte at the end).
func AppendWindow(b []byte, w Window) []byte {
	b = juno.AppendUvarint(append(b, valueVersion), uint64(w.highest))
	return juno.AppendBytes(b, w.skipped)
}

// ParseWindow reads what AppendWindow wrote. The window aliases value.
func ParseWindow(value []byte) (w Window, err error) {
	d := juno.NewDecoder(value)
	d.Version(valueVersion, "window")
	w.highest, w.skipped = juno.RequestID(d.Uvarint()), d.Bytes(windowBytesMax)
	if n := len(w.skipped); n > 0 {
		oldest := juno.RequestID(8*n - bits.LeadingZeros8(w.skipped[n-1]) - 1)
		if w.skipped[n-1] == 0 || w.skipped[0]&1 != 0 || oldest >= w.highest {
			d.Fail("window up to %d that skips %x", w.highest, w.skipped)
		}
	}
	return w, done(d, "window")
}
