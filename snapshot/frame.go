package snapshot

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"juno"
)

// carrierMagic begins every carrier; the digit is the version of the format. Version 1, which is
// still read, has no frames of epochs, and all records behind all entries.
const (
	carrierMagic  = "juno carrier 2\n\x00"
	carrierMagic1 = "juno carrier 1\n\x00"
)

type frameType uint8

const (
	frameGenesis  frameType = 1
	frameManifest frameType = 2
	frameElements frameType = 3
	frameEntries  frameType = 4
	frameRecord   frameType = 5
	frameEnd      frameType = 6
	frameEpoch    frameType = 7 // between genesis and manifest
)

var frameNames = [...]string{
	frameGenesis: "genesis", frameManifest: "manifest",
	frameElements: "elements", frameEntries: "entries", frameRecord: "record", frameEnd: "end",
	frameEpoch: "epoch",
}

// String names the frame in errors.
func (t frameType) String() string {
	if int(t) < len(frameNames) && frameNames[t] != "" {
		return frameNames[t]
	}
	return fmt.Sprintf("frame(%d)", uint8(t))
}

const (
	// frameBytesTarget is when a frame of many things is closed.
	frameBytesTarget = 256 << 10
	// frameBytesMax bounds what a damaged length can make a reader allocate: the largest thing is
	// a genesis or a manifest, or a target-sized frame that ends with the largest entry.
	frameBytesMax = 8 << 20
	// windowBytesMax bounds what a hostile zstd stream can make a reader allocate.
	windowBytesMax = 8 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameWriter writes the frames of a carrier.
type frameWriter struct {
	zstd *zstd.Encoder
	sum  hash.Hash // over all frames
}

func newFrameWriter(w io.Writer) (*frameWriter, error) {
	if _, err := io.WriteString(w, carrierMagic); err != nil {
		return nil, err
	}
	z, err := zstd.NewWriter(w, zstd.WithWindowSize(windowBytesMax/2), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, err
	}
	return &frameWriter{zstd: z, sum: sha256.New()}, nil
}

func (w *frameWriter) write(t frameType, body []byte) error {
	if len(body) > frameBytesMax {
		return fmt.Errorf("%s of %d bytes, at most %d", t, len(body), frameBytesMax)
	}
	head := juno.AppendU32([]byte{byte(t)}, uint32(len(body)))
	sum := crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, body)
	tail := juno.AppendU32(nil, sum)
	for _, part := range [][]byte{head, body, tail} {
		w.sum.Write(part)
		if _, err := w.zstd.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// abort lets go of the encoder where the stream cannot be completed.
func (w *frameWriter) abort() {
	w.zstd.Reset(io.Discard) // so that closing writes nothing more to the carrier
	_ = w.zstd.Close()
}

// end writes the last frame and closes the stream.
func (w *frameWriter) end(elements, entries uint64) error {
	body := juno.AppendU64(juno.AppendU64(nil, elements), entries)
	if err := w.write(frameEnd, w.sum.Sum(body)); err != nil {
		return err
	}
	return w.zstd.Close()
}

// frameReader reads the frames of a carrier.
type frameReader struct {
	r      *bufio.Reader
	zstd   *zstd.Decoder
	sum    hash.Hash
	offset int64  // of the frame that was read last, in the uncompressed stream
	length int64  // of that frame
	before []byte // the sum over all frames before the one that was read last
	// version is that of the format.
	version int
}

func newFrameReader(r io.Reader) (*frameReader, error) {
	magic := make([]byte, len(carrierMagic))
	_, err := io.ReadFull(r, magic)
	version := 2
	switch {
	case err == nil && string(magic) == carrierMagic:
	case err == nil && string(magic) == carrierMagic1:
		version = 1
	default:
		return nil, fmt.Errorf("%w: not a Juno carrier: it begins with %q, want %q", ErrCorrupt,
			magic, carrierMagic)
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(windowBytesMax),
		zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return &frameReader{
		r: bufio.NewReaderSize(z, 1<<16), zstd: z, sum: sha256.New(), version: version,
	}, nil
}

func (r *frameReader) close() { r.zstd.Close() }

func (r *frameReader) corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: carrier at byte %d of its contents: %w", ErrCorrupt, r.offset,
		fmt.Errorf(format, args...))
}

// next returns the next frame. The body is the caller's.
func (r *frameReader) next() (frameType, []byte, error) {
	r.before = r.sum.Sum(nil)
	r.offset, r.length = r.offset+r.length, 0
	var head [5]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return 0, nil, r.corrupt("it ends without an end frame: %w", err)
	}
	t, size := frameType(head[0]), binary.BigEndian.Uint32(head[1:])
	if t < frameGenesis || t > frameEpoch || size > frameBytesMax {
		return 0, nil, r.corrupt("%s of %d bytes, at most %d", t, size, frameBytesMax)
	}
	body := make([]byte, size+4)
	if _, err := io.ReadFull(r.r, body); err != nil {
		return 0, nil, r.corrupt("%s of %d bytes is cut off: %w", t, size, err)
	}
	r.sum.Write(head[:])
	r.sum.Write(body)
	want := binary.BigEndian.Uint32(body[size:])
	body = body[:size]
	got := crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, body)
	if got != want {
		return 0, nil, r.corrupt("%s has checksum %08x, stored %08x", t, got, want)
	}
	r.length = int64(len(head)) + int64(size) + 4
	return t, body, nil
}

// checkEnd compares the end frame with what was read, and wants nothing behind it.
func (r *frameReader) checkEnd(body []byte, elements, entries uint64) error {
	d := juno.NewDecoder(body)
	wantElements, wantEntries, sum := d.U64(), d.U64(), d.Hash()
	if err := d.Done(); err != nil {
		return r.corrupt("end: %w", err)
	}
	if wantElements != elements || wantEntries != entries {
		return r.corrupt("%d elements and %d entries came, the end says %d and %d", elements,
			entries, wantElements, wantEntries)
	}
	if got := juno.Hash(r.before); got != sum {
		return r.corrupt("the contents have SHA-256 %s, the end says %s", got, sum)
	}
	switch _, err := r.r.ReadByte(); {
	case err == nil:
		return r.corrupt("something follows the end")
	case !errors.Is(err, io.EOF):
		return r.corrupt("after the end: %w", err)
	}
	return nil
}
