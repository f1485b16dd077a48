package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"juno"
)

const (
	segmentMagic  = "JUNOWAL"
	formatVersion = 1

	segmentHeaderBytes = 108
	batchHeaderBytes   = 13
	trailerBytes       = 38
	summaryFrameBytes  = 9 // length, checksum, end mark behind a summary
	indexFrameBytes    = 5 // mark and length before an index body; its checksum is 4 more
	checksumBytes      = 4
)

// Marks begin what stands at a batch boundary. They differ from each other in many bits, so that
// one flipped bit makes none out of another.
const (
	markBatch      = 0xB5
	markIndex      = 0xEA
	markTrailer    = 0x03
	markBatchEnd   = 0xE5
	markSummaryEnd = 0xFE
)

// Types of records; state and history records have their Kind as the type.
const (
	typeTruncate  = 0x01
	typeShort     = 0x40 // | EntryType
	typeLong      = 0x80 // | EntryType
	typeEntryMask = 0x1f
)

// A checkpoint is where reading may begin. Closer ones make the index larger, ones further apart
// make Pos hash more entries: 32 cost 5 µs on average and one byte per entry.
const (
	checkpointEntries = 32
	checkpointBytes   = 8 << 10
)

const truncateBodyBytes = 8 + juno.HashBytes

// bodyBytesMax bounds the body of any record in a batch.
const bodyBytesMax = RecordBytesMax + binary.MaxVarintLen64

// An entry must fit where a record fits.
const _ = uint(RecordBytesMax - juno.EntryPayloadBytesMax - 16)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seed makes the checksums of one segment unlike those of all others.
type seed uint32

func seedOf(salt uint64) seed {
	return seed(crc32.Checksum(binary.BigEndian.AppendUint64(nil, salt), castagnoli))
}

// sum returns the checksum of b, which stands at offset in the segment.
func (s seed) sum(offset int64, b []byte) uint32 {
	return crc32.Update(uint32(s)+uint32(offset), castagnoli, b)
}

// appendSum appends the checksum of what b holds from from on; b[0] stands at offset base.
func (s seed) appendSum(b []byte, from int, base int64) []byte {
	return juno.AppendU32(b, s.sum(base+int64(from), b[from:]))
}

// check compares the checksum behind b[:n] with the one computed. b stands at offset.
func (s seed) check(offset int64, b []byte, n int) error {
	stored := binary.BigEndian.Uint32(b[n:])
	if got := s.sum(offset, b[:n]); got != stored {
		return fmt.Errorf("checksum %08x, stored %08x", got, stored)
	}
	return nil
}

// segmentHeader is the beginning of a segment file.
type segmentHeader struct {
	number  uint64
	oldest  uint64
	cluster juno.ClusterID
	base    juno.Pos // the tip when the segment was begun
	salt    uint64
}

func appendSegmentHeader(b []byte, h *segmentHeader) []byte {
	from := len(b)
	b = append(b, segmentMagic...)
	b = append(b, formatVersion)
	b = juno.AppendU64(b, h.number)
	b = juno.AppendU64(b, h.oldest)
	b = append(b, h.cluster[:]...)
	b = juno.AppendPos(b, h.base)
	b = juno.AppendU64(b, h.salt)
	return juno.AppendU32(b, crc32.Checksum(b[from:], castagnoli))
}

// parseSegmentHeader reads the beginning of a segment file. An error that is not ErrVersion says
// what is wrong with the bytes.
func parseSegmentHeader(b []byte) (h segmentHeader, err error) {
	if len(b) < segmentHeaderBytes {
		return h, fmt.Errorf("segment of %d bytes, its header alone has %d",
			len(b), segmentHeaderBytes)
	}
	b = b[:segmentHeaderBytes]
	if string(b[:7]) != segmentMagic {
		return h, fmt.Errorf("segment begins with %q, want %q", b[:7], segmentMagic)
	}
	if v := b[7]; v > formatVersion {
		return h, fmt.Errorf("%w: format %d, this program knows %d", ErrVersion, v, formatVersion)
	}
	stored := binary.BigEndian.Uint32(b[segmentHeaderBytes-checksumBytes:])
	if got := crc32.Checksum(b[:segmentHeaderBytes-checksumBytes], castagnoli); got != stored {
		return h, fmt.Errorf("segment header: checksum %08x, stored %08x", got, stored)
	}
	d := juno.NewDecoder(b[7 : segmentHeaderBytes-checksumBytes])
	d.Version(formatVersion, "segment")
	h.number, h.oldest = d.U64(), d.U64()
	h.cluster = d.Hash()
	h.base = d.Pos()
	h.salt = d.U64()
	if err := d.Done(); err != nil {
		return h, err
	}
	if h.oldest == 0 || h.oldest > h.number {
		return h, fmt.Errorf("segment %d of a log whose oldest segment is %d", h.number, h.oldest)
	}
	return h, nil
}

// segmentSuffix and temporarySuffix end the names of segment files. A temporary one is not part
// of the log yet.
const (
	segmentSuffix   = ".wal"
	temporarySuffix = ".tmp"
)

func segmentName(number uint64) string { return fmt.Sprintf("%08d%s", number, segmentSuffix) }

// parseSegmentName returns the number of a segment file, false for another file.
func parseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, ok && err == nil && number != 0 && segmentName(number) == name
}

// batchHeader is the beginning of a batch.
type batchHeader struct {
	bodyBytes int
	durable   int64 // offset up to which the file was durable when the batch was written
}

func putBatchHeader(b []byte, s seed, offset int64, h batchHeader) {
	b[0] = markBatch
	binary.BigEndian.PutUint32(b[1:], uint32(h.bodyBytes))
	binary.BigEndian.PutUint32(b[5:], uint32(h.durable))
	binary.BigEndian.PutUint32(b[9:], s.sum(offset, b[:9]))
}

// parseBatchHeader reads the header at b[0], which stands at offset.
func parseBatchHeader(b []byte, s seed, offset int64) (h batchHeader, err error) {
	if len(b) < batchHeaderBytes {
		return h, fmt.Errorf("batch header of %d bytes, %d are left", batchHeaderBytes, len(b))
	}
	if b[0] != markBatch {
		return h, fmt.Errorf("batch begins with %#02x, want %#02x", b[0], markBatch)
	}
	if err := s.check(offset, b, batchHeaderBytes-checksumBytes); err != nil {
		return h, fmt.Errorf("batch header: %w", err)
	}
	h.bodyBytes = int(binary.BigEndian.Uint32(b[1:]))
	h.durable = int64(binary.BigEndian.Uint32(b[5:]))
	if h.bodyBytes > BatchBytesMax {
		return h, fmt.Errorf("batch of %d bytes, at most %d", h.bodyBytes, BatchBytesMax)
	}
	if h.durable > offset {
		return h, fmt.Errorf("batch says that byte %d behind it is durable", h.durable)
	}
	return h, nil
}

func appendTrailer(b []byte, s seed, base int64, tip juno.Hash) []byte {
	from := len(b)
	b = append(b, markTrailer)
	b = append(b, tip[:]...)
	return append(s.appendSum(b, from, base), markBatchEnd)
}

// parseTrailer reads the trailer at b[0], which stands at offset.
func parseTrailer(b []byte, s seed, offset int64) (tip juno.Hash, err error) {
	if len(b) < trailerBytes {
		return tip, fmt.Errorf("batch trailer of %d bytes, %d are left", trailerBytes, len(b))
	}
	if b[0] != markTrailer || b[trailerBytes-1] != markBatchEnd {
		return tip, fmt.Errorf("batch trailer %#02x…%#02x, want %#02x…%#02x",
			b[0], b[trailerBytes-1], markTrailer, markBatchEnd)
	}
	if err := s.check(offset, b, 1+juno.HashBytes); err != nil {
		return tip, fmt.Errorf("batch trailer: %w", err)
	}
	return juno.Hash(b[1 : 1+juno.HashBytes]), nil
}

// appendRecord appends a record whose body is head and tail, one behind the other.
func appendRecord(b []byte, s seed, base int64, kind byte, head, tail []byte) []byte {
	from := len(b)
	b = append(b, kind)
	b = juno.AppendUvarint(b, uint64(len(head)+len(tail)))
	b = append(b, head...)
	b = append(b, tail...)
	return s.appendSum(b, from, base)
}

// parseRecord reads the record at b[0], which stands at offset: its type, its body, which
// aliases b, and the bytes it takes. If b ends before the record does, n is how many bytes the
// record takes, as far as that can be known, and there is an error too.
func parseRecord(b []byte, s seed, offset int64) (kind byte, body []byte, n int, err error) {
	if len(b) < 2 {
		return 0, nil, 2, fmt.Errorf("record cut off after %d bytes", len(b))
	}
	length, head := uvarint(b[1:])
	if head <= 0 || length > bodyBytesMax {
		return 0, nil, 0, fmt.Errorf("record of type %#02x with a bad length", b[0])
	}
	end := 1 + head + int(length)
	if n = end + checksumBytes; n > len(b) {
		return 0, nil, n, fmt.Errorf("record of %d bytes, %d are left", n, len(b))
	}
	if err := s.check(offset, b, end); err != nil {
		return 0, nil, 0, fmt.Errorf("record of type %#02x: %w", b[0], err)
	}
	return b[0], b[1+head : end : end], n, nil
}

// uvarint reads a minimal LEB128 number. n is 0 if there is none.
func uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || (n > 1 && b[n-1] == 0) {
		return 0, 0
	}
	return v, n
}
