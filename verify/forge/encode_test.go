package forge

import (
	"encoding/binary"
	"hash/crc32"
	"sort"

	"juno"
)

// frame is a frame of an export.
type frame struct {
	kind byte
	body []byte
}

// The kinds of frames, as in the doc of package snapshot.
const (
	frameGenesis  = 1
	frameManifest = 2
	frameElements = 3
	frameEntries  = 4
	frameRecord   = 5
	frameEnd      = 6
	frameEpoch    = 7
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frames returns the frames of an export, but for the end.
func (p *pieces) frames() []frame {
	all := []frame{{frameGenesis, juno.AppendGenesis(nil, p.genesis)}}
	if p.version > 1 {
		for i := range p.epochs {
			all = append(all, frame{frameEpoch, juno.AppendEpochChange(nil, &p.epochs[i])})
		}
	}
	if p.base != nil {
		all = append(all, frame{frameManifest, p.base.manifest.Bytes()})
		var b []byte
		for _, e := range p.base.elements {
			b = juno.AppendBytes(juno.AppendBytes(b, e.Key), e.Value)
		}
		if len(b) > 0 {
			all = append(all, frame{frameElements, b})
		}
	}
	return append(all, p.logFrames()...)
}

// logFrames returns the frames of entries and records. In version 2 a record stands behind the
// entry that it speaks of.
func (p *pieces) logFrames() []frame {
	var all []frame
	records := make([]record, len(p.records))
	copy(records, p.records)
	var b []byte
	flush := func() {
		if len(b) > 0 {
			all = append(all, frame{frameEntries, b})
			b = nil
		}
	}
	give := func(upTo juno.Index) {
		for len(records) > 0 && records[0].index <= upTo {
			flush()
			all = append(all, recordFrame(&records[0]))
			records = records[1:]
		}
	}
	if p.version > 1 {
		sort.SliceStable(records, func(i, j int) bool { return records[i].index < records[j].index })
	}
	for i := range p.entries {
		b = juno.AppendEntry(b, &p.entries[i])
		if p.version > 1 && i%3 == 0 {
			give(p.entries[i].Index)
		}
	}
	flush()
	for i := range records {
		all = append(all, recordFrame(&records[i]))
	}
	return all
}

func recordFrame(r *record) frame {
	e := r.encode()
	b := juno.AppendU64([]byte{byte(e.Kind)}, uint64(e.Index))
	return frame{frameRecord, append(b, e.Bytes...)}
}

// export returns the bytes of an export.
func (p *pieces) export() []byte {
	all := p.frames()
	elements, entries := p.elementsMore, p.entriesMore+len(p.entries)
	if p.base != nil {
		elements += len(p.base.elements)
	}
	end := juno.AppendU64(juno.AppendU64(nil, uint64(elements)), uint64(entries))
	if p.onFrames != nil {
		all = p.onFrames(all)
	}
	var b []byte
	for _, f := range all {
		b = appendFrame(b, f)
	}
	sum := hashOf(b)
	b = appendFrame(b, frame{frameEnd, append(end, sum[:]...)})
	magic := "juno carrier 2\n\x00"
	if p.version == 1 {
		magic = "juno carrier 1\n\x00"
	}
	return appendZstd([]byte(magic), b)
}

func appendFrame(b []byte, f frame) []byte {
	from := len(b)
	b = juno.AppendU32(append(b, f.kind), uint32(len(f.body)))
	b = append(b, f.body...)
	return juno.AppendU32(b, crc32.Checksum(b[from:], castagnoli))
}

// appendZstd appends a zstd stream of blocks that are not compressed (RFC 8878 §3.1.1): magic
// number, a header without options and with a window of 128 KiB, and for each block its length, its
// type 0 and whether it is the last, in three bytes, little-endian.
func appendZstd(b, contents []byte) []byte {
	const blockBytesMax = 128 << 10
	b = append(b, 0x28, 0xb5, 0x2f, 0xfd, 0x00, 7<<3)
	for {
		n := min(len(contents), blockBytesMax)
		head := uint32(n) << 3
		if n == len(contents) {
			head |= 1
		}
		var h [4]byte
		binary.LittleEndian.PutUint32(h[:], head)
		b = append(append(b, h[:3]...), contents[:n]...)
		if contents = contents[n:]; len(contents) == 0 {
			return b
		}
	}
}
