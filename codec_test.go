package juno

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestUvarintIsMinimal(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 255, 16383, 16384, math.MaxUint64} {
		b := AppendUvarint(nil, v)
		d := NewDecoder(b)
		if got := d.Uvarint(); got != v || d.Done() != nil {
			t.Errorf("%d comes back as %d, %v", v, got, d.Err())
		}
		if len(b) == 10 {
			continue // a longer form would overflow
		}
		longer := append(bytes.Clone(b), 0)
		longer[len(b)-1] |= 0x80
		if d = NewDecoder(longer); d.Uvarint() != 0 || d.Done() == nil {
			t.Errorf("%x is taken for %d", longer, v)
		}
	}
	for _, b := range [][]byte{
		{},
		{0x80},
		{0x80, 0x00},
		bytes.Repeat([]byte{0xff}, 9), bytes.Repeat([]byte{0xff}, 10),
		append(bytes.Repeat([]byte{0xff}, 9), 2), bytes.Repeat([]byte{0x80}, 11),
	} {
		if d := NewDecoder(b); d.Uvarint() != 0 || !errors.Is(d.Err(), ErrMalformed) {
			t.Errorf("%x: error %v", b, d.Err())
		}
	}
}

// TestDecoderLimits wants a length to be refused before anything of that length is made.
func TestDecoderLimits(t *testing.T) {
	huge := AppendUvarint(nil, math.MaxUint64)
	for name, read := range map[string]func(*Decoder){
		"bytes": func(d *Decoder) { d.Bytes(1 << 20) },
		"text":  func(d *Decoder) { d.Text(1 << 20) },
		"name":  func(d *Decoder) { d.Name() },
		"count": func(d *Decoder) { d.Count(1 << 20) },
	} {
		// One allocation for the error each of formatting, wrapping and the decoder; none of them
		// grows with the length.
		allocated := testing.AllocsPerRun(10, func() {
			d := NewDecoder(huge)
			if read(d); d.Err() == nil {
				t.Fatalf("%s of length 2^64-1 is taken", name)
			}
		})
		if allocated > 12 {
			t.Errorf("%s: %.0f allocations for an error", name, allocated)
		}
	}
	d := NewDecoder(append(AppendUvarint(nil, 5), "abcd"...))
	if d.Bytes(10) != nil || d.Err() == nil || !strings.Contains(d.Err().Error(), "at byte 1") {
		t.Errorf("five bytes of four: %v", d.Err())
	}
	for _, n := range []int{-1, math.MinInt, math.MaxInt} {
		if d := NewDecoder([]byte{1, 2}); d.Fixed(n) != nil || d.Err() == nil {
			t.Errorf("Fixed(%d) is taken", n)
		}
	}
}

// TestDecoderAfterError wants zeros, and the first error, from then on.
func TestDecoderAfterError(t *testing.T) {
	d := NewDecoder(bytes.Repeat([]byte{1}, 100))
	d.Fail("first")
	first := d.Err()
	d.Fail("second")
	if d.U8() != 0 || d.U32() != 0 || d.U64() != 0 || d.Uvarint() != 0 || d.Count(9) != 0 ||
		d.Bytes(9) != nil || d.Text(9) != "" || d.Name() != "" || d.Bool() || d.Fixed(1) != nil ||
		d.Hash() != (Hash{}) || d.Pos() != (Pos{}) || !d.Amount().Equal(Amount{}) {
		t.Error("a read after an error gave something")
	}
	if d.Version(9, "x"); d.Offset() != 0 || d.Rest() != 100 || d.Done() != first ||
		!errors.Is(first, ErrMalformed) {
		t.Errorf("offset %d, error %v, want the first, %v", d.Offset(), d.Done(), first)
	}
}

func TestDecoderSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u32, u64 := rapid.Uint32().Draw(t, "u32"), rapid.Uint64().Draw(t, "u64")
		text, raw := rapid.String().Draw(t, "text"), rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		flag, v := rapid.Bool().Draw(t, "bool"), rapid.Uint64().Draw(t, "uvarint")
		p := Pos{Index(u64), Hash{byte(u32)}}
		b := AppendU64(AppendU32([]byte{3}, u32), u64)
		b = AppendPos(AppendUvarint(AppendBool(AppendBytes(AppendText(b, text), raw), flag), v), p)
		d := NewDecoder(b)
		d.Version(3, "sample")
		if d.U32() != u32 || d.U64() != u64 || d.Text(1<<20) != text ||
			!bytes.Equal(d.Bytes(1<<20), raw) || d.Bool() != flag || d.Uvarint() != v ||
			d.Pos() != p || d.Done() != nil || d.Rest() != 0 || d.Offset() != len(b) {
			t.Fatalf("%x does not come back: %v", b, d.Err())
		}
	})
}

func TestDecoderRefuses(t *testing.T) {
	for name, d := range map[string]*Decoder{
		"left over": NewDecoder([]byte{1, 1}),
		"bool 2":    NewDecoder([]byte{2}),
		"not UTF-8": NewDecoder([]byte{1, 0xff}),
		"version":   NewDecoder([]byte{9}),
	} {
		switch name {
		case "not UTF-8":
			d.Text(9)
		case "version":
			d.Version(1, "sample")
		default:
			d.Bool()
		}
		if err := d.Done(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, s := range []string{
		"a", "foo bar", "zoë", "日本", strings.Repeat("x", NameBytesMax),
		"sys:fees", "a\u00a0b",
	} {
		if err := CheckName(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{
		"", "a\n", "\x1b[31m", "a\x7f", "a\u0085b", "a\x00", "\xff",
		strings.Repeat("x", NameBytesMax+1),
	} {
		if err := CheckName(s); err == nil {
			t.Errorf("%q is a name", s)
		}
	}
}

// TestTexts wants String and Parse to agree, and Parse to take nothing else.
func TestTexts(t *testing.T) {
	again := map[string]func(string) (string, error){
		"node": func(s string) (string, error) { v, err := ParseNodeID(s); return v.String(), err },
		"term": func(s string) (string, error) { v, err := ParseTerm(s); return v.String(), err },
		"time": func(s string) (string, error) { v, err := ParseMillis(s); return v.String(), err },
		"hash": func(s string) (string, error) { v, err := ParseHash(s); return v.String(), err },
		"key":  func(s string) (string, error) { v, err := ParseKeyID(s); return v.String(), err },
		"public": func(s string) (string, error) {
			v, err := ParsePublicKey(s)
			return v.String(), err
		},
		"role": func(s string) (string, error) { v, err := ParseRole(s); return v.String(), err },
	}
	digits := strings.Repeat("0123456789abcdef", 4)
	for kind, good := range map[string][]string{
		"node": {"node1", "node4294967295"}, "term": {"0.0", "4294967295.4294967295"},
		"time": {
			"1970-01-01T00:00:00.000Z", "2026-03-31T23:59:59.007Z",
			"9999-12-31T23:59:59.999Z",
		},
		"hash": {digits}, "public": {digits}, "key": {digits[:16]},
		"role": {"client", "operator", "node", "admin"},
	} {
		for _, s := range good {
			if got, err := again[kind](s); err != nil || got != s {
				t.Errorf("%s %q is read as %q, %v", kind, s, got, err)
			}
		}
	}
	for kind, bad := range map[string][]string{
		"node": {
			"", "node", "node0", "node01", "node-1", "node+1", "node4294967296", "1",
			"nodeé",
		},
		"term": {"", "0", ".", "0.", ".0", "00.1", "0.0.0", "-1.0", "4294967296.0", "0.+1"},
		"time": {
			"", "2026-03-31", "2026-03-31T23:59:59Z", "2026-03-31T23:59:59.0000Z",
			"2026-02-30T00:00:00.000Z", "2026-03-31T23:59:59.000+01:00",
			"2026-03-31T24:00:00.000Z",
		},
		"hash":   {"", digits[1:], digits + "0", strings.ToUpper(digits), "g" + digits[1:]},
		"public": {"", digits[1:], strings.ToUpper(digits), " " + digits[1:]},
		"key":    {"", digits, strings.ToUpper(digits[:16]), "é" + digits[:14]},
		"role":   {"", "Client", "root", "role(0)", "client "},
	} {
		for _, s := range bad {
			if got, err := again[kind](s); err == nil {
				t.Errorf("%s %q is read as %q", kind, s, got)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := Millis(rapid.Int64Range(-62167219200000, 253402300799999).Draw(t, "millis"))
		if got, err := ParseMillis(m.String()); err != nil || got != m {
			t.Fatalf("%d is printed as %s and read as %d, %v", m, m, got, err)
		}
		term := Term(rapid.Uint64().Draw(t, "term"))
		if got, err := ParseTerm(term.String()); err != nil || got != term ||
			TermOf(term.Epoch(), term.Round()) != term {
			t.Fatalf("%d is printed as %s and read as %d, %v", uint64(term), term, got, err)
		}
	})
}
