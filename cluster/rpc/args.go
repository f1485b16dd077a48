package rpc

import (
	"math"

	"juno"
)

// appendArgs appends the arguments of a query: their number (uvarint), then of each the name (text,
// empty for one by position), the kind (1) and the value: nothing for NULL, eight bytes for an
// integer, an index, a time (milliseconds since 1970) or the bits of a real, one byte for a boolean,
// a text for a text or an amount, bytes for bytes. Only what juno.CheckArgs accepts is read again.
func appendArgs(b []byte, args []juno.Arg) []byte {
	b = juno.AppendUvarint(b, uint64(len(args)))
	for i := range args {
		b = juno.AppendText(b, args[i].Name)
		switch v := &args[i].Value; v.Kind {
		case juno.Boolean:
			b = append(b, byte(v.Kind), byte(v.Integer))
		case juno.LogIndex, juno.Instant:
			b = juno.AppendU64(append(b, byte(v.Kind)), uint64(v.Integer))
		default:
			b = appendValue(b, v)
		}
	}
	return b
}

// argBytesMin is how long an argument is at least: no name, and the kind of NULL.
const argBytesMin = 2

func decodeArgs(d *juno.Decoder) []juno.Arg {
	n := d.Count(juno.ArgsMax)
	if n*argBytesMin > d.Rest() {
		d.Fail("%d arguments in %d bytes", n, d.Rest())
	}
	if n == 0 || d.Err() != nil {
		return nil
	}
	args := make([]juno.Arg, n)
	left := juno.ArgsBytesMax // for names, texts and bytes; CheckArgs counts all
	for i := 0; i < n && d.Err() == nil; i++ {
		a := &args[i]
		a.Name = d.Text(min(left, juno.ArgNameBytesMax))
		left -= len(a.Name)
		a.Value = decodeArg(d, left)
		left -= len(a.Value.Text) + len(a.Value.Blob)
	}
	if d.Err() == nil {
		if err := juno.CheckArgs(args); err != nil {
			d.Fail("%v", err)
		}
	}
	return args
}

// decodeArg reads a value of at most most bytes.
func decodeArg(d *juno.Decoder, most int) (v juno.Value) {
	switch v.Kind = decodeKind(d, juno.Instant); v.Kind {
	case juno.Integer, juno.LogIndex, juno.Instant:
		v.Integer = int64(d.U64())
	case juno.Boolean:
		v.Integer = int64(d.U8())
	case juno.Float:
		v.Float = math.Float64frombits(d.U64())
	case juno.Text, juno.Exact:
		v.Text = d.Text(most)
	case juno.Blob:
		v.Blob = d.Bytes(most)
	}
	return v
}
