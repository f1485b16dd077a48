package wal

import (
	"crypto/rand"
	"fmt"
	"io"

	"juno"
	"juno/internal/vfs"
)

const (
	// SegmentBytesDefault is the length of a segment unless Options say otherwise: small enough
	// to be read and verified in a tenth of a second, large enough that sealing one, which costs
	// a few syncs, is rare.
	SegmentBytesDefault = 32 << 20
	// SegmentBytesMax bounds Options.SegmentBytes. Verify holds a whole segment in memory for
	// each of its workers.
	SegmentBytesMax = 256 << 20

	// segmentFileBytesMax bounds a segment file: what it may hold, one batch more, and an index,
	// which is shorter than what it is about.
	segmentFileBytesMax = 2 * (SegmentBytesMax + BatchBytesMax)

	// allocateBytes is how much disk space the writer takes at a time: a sync into space that is
	// there already takes half the time of one that lengthens the file.
	allocateBytes = 1 << 20
)

// Options say where a log is, and how to treat it.
type Options struct {
	FS  vfs.FS
	Dir string
	// Cluster is written by Create and compared by Open. A zero Cluster given to Open is not
	// compared.
	Cluster juno.ClusterID
	// SegmentBytes is the length at which a segment is sealed, 0 for SegmentBytesDefault. A
	// batch is never split: one that is longer makes a segment longer.
	SegmentBytes int64
	// Entropy salts the checksums, eight bytes a segment; nil for crypto/rand. The simulator
	// gives a seeded reader.
	Entropy io.Reader
	// Held, unless zero, is a position at which the caller holds the state of the ledger, in a
	// snapshot for instance. Open then verifies the hash chain only of segments with entries
	// behind it; a log that ends before it, or has another hash there, is ErrDiverged. Create
	// ignores it.
	Held juno.Pos
}

func (o *Options) complete() error {
	if o.FS == nil || o.Dir == "" {
		return fmt.Errorf("%w: no file system or no directory", ErrOptions)
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = SegmentBytesDefault
	}
	if o.SegmentBytes < segmentHeaderBytes || o.SegmentBytes > SegmentBytesMax {
		return fmt.Errorf("%w: segments of %d bytes, at most %d",
			ErrOptions, o.SegmentBytes, SegmentBytesMax)
	}
	if o.Entropy == nil {
		o.Entropy = rand.Reader
	}
	return nil
}

// salt draws the salt of a new segment.
func (o *Options) salt() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(o.Entropy, b[:]); err != nil {
		return 0, fmt.Errorf("salt of a segment: %w", err)
	}
	return juno.NewDecoder(b[:]).U64(), nil
}
