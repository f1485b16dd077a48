package sql

import (
	"slices"
	"strings"
)

// edits are the changes that make a statement exact before SQLite gets it. A wrap puts text before
// and behind a stretch, a replacement stands in for one. Wraps nest: of two that begin or end at
// the same place the longer one is outside, and of two of equal length the later one.
type edits struct {
	wraps    []wrap
	replaced []replacement
}

type wrap struct {
	start, end  int
	open, close string
}

type replacement struct {
	start, end int
	text       string
}

func (e *edits) wrap(start, end int, open, close string) {
	e.wraps = append(e.wraps, wrap{start, end, open, close})
}

// alias puts text behind everything else that ends at a place.
func (e *edits) alias(at int, text string) {
	e.wraps = append(e.wraps, wrap{at - aliasSpan, at, "", text})
}

// aliasSpan makes an alias longer than every wrap, and so the outermost.
const aliasSpan = 2 * statementBytesMax

func (e *edits) replace(start, end int, text string) {
	e.replaced = append(e.replaced, replacement{start, end, text})
}

// insertion is one change in the order it is carried out.
type insertion struct {
	at, skip int    // skip: bytes of the original that are left out
	text     string // what is put in
	rank     int    // closings come before openings, openings before replacements
	span     int    // length of the wrap
	seq      int
}

const (
	rankClose = iota
	rankOpen
	rankReplace
)

// ordered returns all changes from left to right.
func (e *edits) ordered() []insertion {
	all := make([]insertion, 0, 2*len(e.wraps)+len(e.replaced))
	for i, w := range e.wraps {
		span := w.end - w.start
		if w.open != "" {
			all = append(all, insertion{
				at: w.start, text: w.open, rank: rankOpen, span: span,
				seq: i,
			})
		}
		all = append(all, insertion{at: w.end, text: w.close, rank: rankClose, span: span, seq: i})
	}
	for _, r := range e.replaced {
		all = append(all, insertion{
			at: r.start, skip: r.end - r.start, text: r.text,
			rank: rankReplace,
		})
	}
	slices.SortStableFunc(all, func(a, b insertion) int {
		switch {
		case a.at != b.at:
			return a.at - b.at
		case a.rank != b.rank:
			return a.rank - b.rank
		case a.rank == rankClose && a.span != b.span:
			return a.span - b.span
		case a.rank == rankClose:
			return a.seq - b.seq
		case a.span != b.span:
			return b.span - a.span
		}
		return b.seq - a.seq
	})
	return all
}

// apply returns the text with all changes, and the way back to the original's offsets.
func (e *edits) apply(text string) (string, offsetMap) {
	if len(e.wraps) == 0 && len(e.replaced) == 0 {
		return text, nil
	}
	var b strings.Builder
	var back offsetMap
	pos := 0
	for _, c := range e.ordered() {
		b.WriteString(text[pos:c.at])
		back = append(back, offsetPair{b.Len(), c.at, false})
		if c.text != "" {
			if n := b.Len(); n > 0 && sticks(b.String()[n-1]) && sticks(c.text[0]) {
				b.WriteByte(' ') // SELECT-x must not become SELECTneg(x)
			}
			b.WriteString(c.text)
		}
		pos = c.at + c.skip
		if n := b.Len(); n > 0 && pos < len(text) && sticks(b.String()[n-1]) && sticks(text[pos]) &&
			(c.skip > 0 || c.text != "") {
			b.WriteByte(' ')
		}
		back = append(back, offsetPair{b.Len(), pos, true})
	}
	b.WriteString(text[pos:])
	return b.String(), back
}

// sticks reports whether a byte runs together with another such byte into one token.
func sticks(c byte) bool { return isWordByte(c) || c == '\'' || c == '"' }

// offsetMap leads from a place in the rewritten text to the place in the original.
type offsetMap []offsetPair

// offsetPair: from the rewritten offset on, text is copied from the original offset if copied,
// and otherwise was put in there.
type offsetPair struct {
	rewritten, original int
	copied              bool
}

// original returns where the rewritten offset comes from.
func (m offsetMap) original(offset int) int {
	i, _ := slices.BinarySearchFunc(m, offset, func(p offsetPair, o int) int {
		if p.rewritten <= o {
			return -1
		}
		return 1
	})
	switch {
	case offset < 0 || i == 0:
		return offset
	case m[i-1].copied:
		return m[i-1].original + offset - m[i-1].rewritten
	}
	return m[i-1].original
}
