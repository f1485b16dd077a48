package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"juno"
	"juno/internal/vfs"
)

const (
	markerName        = "DURABLE"
	markerMagic       = "JUNODUR"
	markerSlotBytes   = 36
	markerSlotSpacing = 512 // one sector each: writing one cannot tear the other
	markerFileBytes   = markerSlotSpacing + markerSlotBytes
	// what is read of a file that should have markerFileBytes, to say how many it has
	markerReadBytesMax = 1 << 20
)

// marker is the file DURABLE: the evidence that a batch at the end of the log was synced.
type marker struct {
	file    vfs.File
	number  uint64 // of the newest slot
	segment uint64
	offset  int64
	synced  bool // the newest slot is durable
	buf     [markerSlotBytes]byte
}

func appendMarkerSlot(b []byte, number, segment uint64, offset int64) []byte {
	from := len(b)
	b = append(b, markerMagic...)
	b = append(b, formatVersion)
	b = juno.AppendU64(b, number)
	b = juno.AppendU64(b, segment)
	b = juno.AppendU64(b, uint64(offset))
	return juno.AppendU32(b, crc32.Checksum(b[from:], castagnoli))
}

// parseMarkerSlot reads one slot. A slot that does not parse was torn, or never written.
func parseMarkerSlot(b []byte) (number, segment uint64, offset int64, ok bool) {
	if len(b) != markerSlotBytes || string(b[:7]) != markerMagic || b[7] != formatVersion {
		return 0, 0, 0, false
	}
	n := markerSlotBytes - checksumBytes
	if crc32.Checksum(b[:n], castagnoli) != binary.BigEndian.Uint32(b[n:]) {
		return 0, 0, 0, false
	}
	d := juno.NewDecoder(b[8:n])
	number, segment = d.U64(), d.U64()
	offset = int64(d.U64())
	return number, segment, offset, offset >= 0
}

// errMarkerMissing is a log without a DURABLE: somebody removed it, or copied the segments alone.
var errMarkerMissing = fmt.Errorf(
	"the file is missing: it says how far the log was synced; put it "+
		"back from where the segments are from, or if it is lost put %d zero bytes in its place, "+
		"which say nothing: then an end of the log that is missing may go unnoticed",
	markerFileBytes,
)

// createMarker makes a DURABLE that says nothing yet, durably.
func createMarker(fsys vfs.FS, dir string) error {
	return vfs.WriteFile(fsys, filepath.Join(dir, markerName), make([]byte, markerFileBytes))
}

// readMarker returns what DURABLE says: the newest of its slots that can be read. Where both were
// torn by a power failure it says nothing, which is segment 0. The marker has no open file. An
// error that is fs.ErrNotExist says that there is no such file.
func readMarker(fsys vfs.FS, path string) (*marker, error) {
	b, err := vfs.ReadFile(fsys, path, markerReadBytesMax)
	if err != nil {
		return nil, err
	}
	if len(b) != markerFileBytes {
		return nil, corruptAt(path, int64(len(b)),
			fmt.Errorf("file of %d bytes, want %d", len(b), markerFileBytes))
	}
	m := &marker{}
	for slot := range uint64(2) {
		from := slot * markerSlotSpacing
		number, segment, offset, ok := parseMarkerSlot(b[from : from+markerSlotBytes])
		if ok && number%2 == slot && number > m.number {
			m.number, m.segment, m.offset = number, segment, offset
		}
	}
	return m, nil
}

// write notes a position, without waiting for it to be durable.
func (m *marker) write(segment uint64, offset int64) error {
	if m.segment == segment && m.offset == offset {
		return nil
	}
	m.number++
	m.segment, m.offset, m.synced = segment, offset, false
	slot := appendMarkerSlot(m.buf[:0], m.number, segment, offset)
	_, err := m.file.WriteAt(slot, int64(m.number%2)*markerSlotSpacing)
	return err
}

// sync makes the position noted last durable.
func (m *marker) sync() error {
	if m.synced {
		return nil
	}
	m.synced = true // an error is final, see ErrFailed
	return m.file.Sync()
}
