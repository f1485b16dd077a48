package wal

import (
	"fmt"

	"juno"
)

// blockWalk reads entries from a checkpoint on, without what stands before it in the segment.
type blockWalk struct {
	seed       seed
	checkpoint checkpoint
	hash       bool // roll the chain too, and verify it at the end of every batch
}

// walk reads b, which stands at the checkpoint's offset and ends where a record ends, until visit
// returns false. It verifies the checksum of everything that it passes. The entry is visit's
// during the call; its payload aliases b. Without w.hash the hash given to visit is that before
// the checkpoint.
func (w *blockWalk) walk(b []byte, visit func(e *juno.Entry, h juno.Hash) bool) error {
	tip := juno.Pos{Index: w.checkpoint.index - 1, Hash: w.checkpoint.before}
	var e juno.Entry
	for at := 0; at < len(b); {
		offset := w.checkpoint.offset + int64(at)
		n, err := w.between(b[at:], offset, tip.Hash)
		if err != nil {
			return &parseError{offset: offset, index: tip.Index + 1, err: err}
		}
		if n > 0 {
			at += n
			continue
		}
		kind, body, n, err := parseRecord(b[at:], w.seed, offset)
		if err == nil && (kind < byte(juno.RecordKindMin) || kind > byte(juno.RecordKindMax)) {
			if err = parseEntryRecord(&e, kind, body); err == nil {
				tip.Index++
				e.Index = tip.Index
				if w.hash {
					tip.Hash = e.ChainHash(tip.Hash)
				}
				if !visit(&e, tip.Hash) {
					return nil
				}
			}
		}
		if err != nil {
			return &parseError{offset: offset, index: tip.Index + 1, err: err}
		}
		at += n
	}
	return nil
}

// between passes the trailer of a batch or the header of the next, and returns their length, or
// 0 where a record stands.
func (w *blockWalk) between(b []byte, offset int64, hash juno.Hash) (int, error) {
	switch b[0] {
	case markTrailer:
		got, err := parseTrailer(b, w.seed, offset)
		if err == nil && w.hash && got != hash {
			err = fmt.Errorf("chain hash at the end of the batch is %v, its entries give %v",
				got, hash)
		}
		return trailerBytes, err
	case markBatch:
		_, err := parseBatchHeader(b, w.seed, offset)
		return batchHeaderBytes, err
	}
	return 0, nil
}

// parseEntryRecord reads an entry into e, which is the entry before it.
func parseEntryRecord(e *juno.Entry, kind byte, body []byte) error {
	if form := kind &^ typeEntryMask; form != typeShort && form != typeLong {
		return fmt.Errorf("record of type %#02x where an entry is expected", kind)
	}
	return parseEntry(e, kind, body, e.Term, e.Time)
}
