package juno

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrMalformed marks bytes that no formatter of ours can have written.
var ErrMalformed = errors.New("malformed bytes")

// Decoder reads canonical bytes strictly: integers are big-endian or minimal LEB128, lengths are
// checked against a limit and against what is left before anything is allocated, and bytes left
// over are an error. After the first error every read returns zero and Err says what was wrong.
//
// What Fixed and Bytes return aliases the input; Text copies, because it returns a string.
type Decoder struct {
	b   []byte
	off int
	err error
}

// NewDecoder returns a decoder of b, which must not change while it is in use.
func NewDecoder(b []byte) *Decoder { return &Decoder{b: b} }

func (d *Decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: at byte %d: %s", ErrMalformed, d.off, fmt.Sprintf(format, args...))
	}
}

// Fail records an error that the caller found in the bytes, unless there is one already. It wraps
// ErrMalformed and names the offset that was reached.
func (d *Decoder) Fail(format string, args ...any) { d.fail(format, args...) }

// Err returns the first error, which wraps ErrMalformed.
func (d *Decoder) Err() error { return d.err }

// Offset returns how many bytes were read.
func (d *Decoder) Offset() int { return d.off }

// Rest returns how many bytes are left.
func (d *Decoder) Rest() int { return len(d.b) - d.off }

// Done returns the first error, or one if bytes are left over.
func (d *Decoder) Done() error {
	if d.err == nil && d.off != len(d.b) {
		d.fail("%d bytes left over", len(d.b)-d.off)
	}
	return d.err
}

// Fixed reads n bytes. The result aliases the input.
func (d *Decoder) Fixed(n int) []byte {
	if d.err == nil && (n < 0 || n > len(d.b)-d.off) {
		d.fail("want %d bytes, %d are left", n, len(d.b)-d.off)
	}
	if d.err != nil {
		return nil
	}
	d.off += n
	return d.b[d.off-n : d.off : d.off]
}

// U8 reads one byte.
func (d *Decoder) U8() uint8 {
	if d.err != nil || d.off >= len(d.b) {
		d.Fixed(1)
		return 0
	}
	d.off++
	return d.b[d.off-1]
}

// U32 reads four bytes, big-endian.
func (d *Decoder) U32() uint32 {
	if b := d.Fixed(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// U64 reads eight bytes, big-endian.
func (d *Decoder) U64() uint64 {
	if b := d.Fixed(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Uvarint reads an unsigned LEB128 number and refuses all but its shortest form.
func (d *Decoder) Uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.b[d.off:])
	if n <= 0 || (n > 1 && d.b[d.off+n-1] == 0) {
		d.fail("bad or overlong number")
		return 0
	}
	d.off += n
	return v
}

// Count reads a number of things and refuses more than most.
func (d *Decoder) Count(most int) int {
	v := d.Uvarint()
	if v > uint64(most) {
		d.fail("count %d, at most %d", v, most)
		return 0
	}
	return int(v)
}

// Bytes reads a length and that many bytes, at most most. The result aliases the input.
func (d *Decoder) Bytes(most int) []byte { return d.Fixed(d.Count(most)) }

// Text reads a length and that many bytes of UTF-8, at most most bytes.
func (d *Decoder) Text(most int) string {
	b := d.Bytes(most)
	if !utf8.Valid(b) {
		d.fail("text is not UTF-8")
		return ""
	}
	return string(b)
}

// Name reads a text that CheckName accepts.
func (d *Decoder) Name() string {
	s := d.Text(NameBytesMax)
	if d.err == nil {
		if err := CheckName(s); err != nil {
			d.fail("%v", err)
		}
	}
	return s
}

// Bool reads one byte, 0 or 1.
func (d *Decoder) Bool() bool {
	v := d.U8()
	if v > 1 {
		d.fail("boolean is %d", v)
	}
	return v == 1
}

// Hash reads 32 bytes.
func (d *Decoder) Hash() (h Hash) {
	copy(h[:], d.Fixed(HashBytes))
	return h
}

// Pos reads an index (8 bytes) and a hash.
func (d *Decoder) Pos() Pos { return Pos{Index: Index(d.U64()), Hash: d.Hash()} }

// Version reads a version byte and refuses any but want, naming what it belongs to.
func (d *Decoder) Version(want uint8, what string) {
	if v := d.U8(); d.err == nil && v != want {
		d.off--
		d.fail("%s has version %d, this program knows %d", what, v, want)
	}
}

// AppendUvarint appends v as minimal LEB128.
func AppendUvarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// AppendBytes appends the length of p and p.
func AppendBytes(b, p []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(p))), p...)
}

// AppendText appends the length of s and s.
func AppendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendBool appends 0 or 1.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendU32 appends four bytes, big-endian.
func AppendU32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

// AppendU64 appends eight bytes, big-endian.
func AppendU64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

// AppendPos appends an index and a hash, 40 bytes.
func AppendPos(b []byte, p Pos) []byte {
	return append(AppendU64(b, uint64(p.Index)), p.Hash[:]...)
}
