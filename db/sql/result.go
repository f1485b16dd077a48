package sql

import (
	"encoding/hex"
	"fmt"
	"math"

	"juno"

	"modernc.org/libc"
	lite "modernc.org/sqlite/lib"
)

// result hands one value to SQLite: a column of a table or the value of a function. It is the
// hottest code of the room: nothing here allocates.
type result struct {
	tls     *libc.TLS
	context uintptr
	word    uintptr // of buf
	buf     []byte  // C memory: SQLite's code must not calculate with addresses of Go's
	clock   clockText
}

// resultBytes is the size of the buffer that values are written to; longer ones make it grow.
const resultBytes = 4 << 10

// grow makes room for n bytes.
func (o *result) grow(n int) {
	if n <= len(o.buf) {
		return
	}
	libc.Xfree(o.tls, o.word)
	o.word = libc.Xmalloc(o.tls, libc.Tsize_t(n))
	if o.word == 0 {
		panic("sql: out of memory")
	}
	o.buf = libc.GoBytes(o.word, n)
}

func (o *result) null() { lite.Xsqlite3_result_null(o.tls, o.context) }

func (o *result) integer(n int64) { lite.Xsqlite3_result_int64(o.tls, o.context, n) }

func (o *result) real(x float64) { lite.Xsqlite3_result_double(o.tls, o.context, x) }

func (o *result) bool(b bool) {
	if b {
		o.integer(1)
	} else {
		o.integer(0)
	}
}

// unsigned shows a number that is never above 2^63 in honest data; there it saturates.
func (o *result) unsigned(n uint64) { o.integer(int64(min(n, math.MaxInt64))) }

// index shows a log index, NULL for none.
func (o *result) index(i juno.Index) {
	if i == 0 {
		o.null()
		return
	}
	o.unsigned(uint64(i))
}

// string shows a text, empty or not.
func (o *result) string(s string) {
	if s == "" {
		o.bytes(o.buf[:0])
		return
	}
	o.grow(len(s))
	lite.Xsqlite3_result_text(o.tls, o.context, o.word, int32(copy(o.buf, s)), transient)
}

// text shows a text, NULL where it is empty.
func (o *result) text(s string) {
	if s == "" {
		o.null()
		return
	}
	o.string(s)
}

// bytes shows b as text; b was mostly made in buf itself.
func (o *result) bytes(b []byte) {
	if len(b) > 0 && &b[0] != &o.buf[0] {
		o.grow(len(b))
		copy(o.buf, b)
	}
	lite.Xsqlite3_result_text(o.tls, o.context, o.word, int32(len(b)), transient)
}

func (o *result) amount(a juno.Amount) { o.bytes(appendAmount(o.buf[:0], a)) }

// minor shows an amount in units of 10^-scale, NULL where there are none or it does not fit.
func (o *result) minor(a juno.Amount, scale int8) {
	if scale < 0 || scale > decimalDigitsMax {
		o.null()
		return
	}
	num, den, ok := a.Fraction()
	unit := powersOfTen[scale]
	if !ok || unit%den != 0 {
		o.null()
		return
	}
	if m, ok := mul64(num, unit/den); ok {
		o.integer(m)
	} else {
		o.null()
	}
}

// time shows a time, NULL for none.
func (o *result) time(t juno.Millis) {
	if t == 0 {
		o.null()
		return
	}
	o.bytes(o.clock.append(o.buf[:0], t))
}

// hash shows a hash, NULL for none.
func (o *result) hash(h juno.Hash) {
	if h == (juno.Hash{}) {
		o.null()
		return
	}
	o.bytes(hex.AppendEncode(o.buf[:0], h[:]))
}

// keyID shows a key id, NULL for none.
func (o *result) keyID(k juno.KeyID) {
	if k == (juno.KeyID{}) {
		o.null()
		return
	}
	o.keyIDAlways(k)
}

func (o *result) keyIDAlways(k juno.KeyID) { o.bytes(hex.AppendEncode(o.buf[:0], k[:])) }

func (o *result) hex(b []byte) { o.bytes(hex.AppendEncode(o.buf[:0], b)) }

func (o *result) side(side byte) {
	o.buf[0] = side
	o.bytes(o.buf[:1])
}

// fail ends the statement with a message.
func (o *result) fail(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	o.grow(len(s))
	lite.Xsqlite3_result_error(o.tls, o.context, o.word, int32(copy(o.buf, s)))
}

// arguments are the values that SQLite hands to a callback.
type arguments struct {
	tls   *libc.TLS
	words uintptr // C array of sqlite3_value*
	count int
}

func (a *arguments) word(i int) uintptr { return *element[uintptr](a.words, i) }

// storage returns SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB or SQLITE_NULL.
func (a *arguments) storage(i int) int32 { return lite.Xsqlite3_value_type(a.tls, a.word(i)) }

func (a *arguments) isNull(i int) bool { return a.storage(i) == lite.SQLITE_NULL }

func (a *arguments) integer(i int) int64 { return lite.Xsqlite3_value_int64(a.tls, a.word(i)) }

func (a *arguments) real(i int) float64 { return lite.Xsqlite3_value_double(a.tls, a.word(i)) }

// text returns the text or the bytes of a blob. It is valid until the callback returns.
func (a *arguments) text(i int) string {
	p := a.word(i)
	var start uintptr
	if lite.Xsqlite3_value_type(a.tls, p) == lite.SQLITE_BLOB {
		start = lite.Xsqlite3_value_blob(a.tls, p)
	} else {
		start = lite.Xsqlite3_value_text(a.tls, p)
	}
	return view(start, lite.Xsqlite3_value_bytes(a.tls, p))
}
