package sql

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"juno"

	lite "modernc.org/sqlite/lib"
)

// scalars returns all functions. Some replace SQLite's own: those that would read an amount as a
// floating-point number, and instr, replace and trim, whose time there grows with the product of
// their arguments' lengths: a few bytes of SQL could keep a core busy for hours.
func scalars() []scalar {
	add, sub := juno.Amount.Add, juno.Amount.Sub
	return []scalar{
		{"add", []int{2}, binaryFunc(addIntegers, add)},
		{"sub", []int{2}, binaryFunc(subIntegers, sub)},
		{"mul", []int{2}, binaryFunc(mulIntegers, juno.Amount.Mul)},
		{"div", []int{2}, binaryFunc(nil, juno.Amount.Quo)},
		{"quo", []int{2}, binaryFunc(quoIntegers, juno.Amount.Quo)},
		{"mod", []int{2}, binaryFunc(modIntegers, modAmounts)},
		{"neg", []int{1}, unaryFunc(negInteger, total1(juno.Amount.Neg), nil)},
		{"abs", []int{1}, unaryFunc(absInteger, total1(juno.Amount.Abs), absReal)},
		{"round", []int{1, 2}, roundFunc},
		{"ceil", []int{1}, roundsFunc(upwards, ceilReal)},
		{"ceiling", []int{1}, roundsFunc(upwards, ceilReal)},
		{"floor", []int{1}, roundsFunc(downwards, floorReal)},
		{"trunc", []int{1}, roundsFunc(towardsZero, truncReal)},
		{"sign", []int{1}, signFunc},
		{"exact", []int{1}, exactFunc},
		{"exact_real", []int{1}, exactRealFunc},
		{"approx", []int{1}, approxFunc},
		{"to_integer", []int{1}, toIntegerFunc},
		{"instant", []int{1}, instantFunc},
		{"index_at", []int{1}, indexAtFunc},
		{"last_index", []int{0}, lastIndexFunc},
		{"balance", []int{1, 2, 3}, balanceFunc},
		{"sha256", []int{1}, sha256Func},
		{"ed25519_verify", []int{3}, verifySignatureFunc},
		{"regexp", []int{2}, regexpFunc},
		{"instr", []int{2}, instrFunc},
		{"replace", []int{3}, replaceFunc},
		{"trim", []int{1, 2}, trimFunc(strings.Trim)},
		{"ltrim", []int{1, 2}, trimFunc(strings.TrimLeft)},
		{"rtrim", []int{1, 2}, trimFunc(strings.TrimRight)},
	}
}

// total1 adapts a method that cannot fail.
func total1(m func(juno.Amount) juno.Amount) func(juno.Amount) (juno.Amount, error) {
	return func(x juno.Amount) (juno.Amount, error) { return m(x), nil }
}

// instantFunc is instant(x): the canonical spelling of a time; an integer counts milliseconds
// since 1970.
func instantFunc(_ *conn, a *arguments, o *result) error {
	t, err := a.instant(0)
	switch {
	case err != nil:
		return err
	case a.isNull(0):
		o.null()
		return nil
	}
	o.string(t.String())
	return nil
}

func (a *arguments) instant(i int) (juno.Millis, error) {
	switch a.storage(i) {
	case lite.SQLITE_NULL:
		return 0, nil
	case lite.SQLITE_INTEGER:
		if n := a.integer(i); n >= 0 && n <= millisMax {
			return juno.Millis(n), nil
		}
	case lite.SQLITE_TEXT:
		if t, ok := parseInstant(a.text(i)); ok {
			return t, nil
		}
	}
	return 0, fmt.Errorf("%.40q is not a time", a.text(i))
}

func indexAtFunc(c *conn, a *arguments, o *result) error {
	t, err := a.instant(0)
	if err != nil {
		return err
	}
	if a.isNull(0) {
		o.null()
		return nil
	}
	at, err := c.run.indexAt(t)
	if err == nil {
		o.index(at)
	}
	return err
}

func lastIndexFunc(c *conn, _ *arguments, o *result) error {
	o.integer(int64(c.run.head.Index))
	return nil
}

// balanceFunc is balance(account [, index [, currency]]); NULL where there is no such account.
func balanceFunc(c *conn, a *arguments, o *result) error {
	for i := range a.count {
		if a.isNull(i) {
			o.null()
			return nil
		}
	}
	name, currency, moment := strings.Clone(a.text(0)), "", c.run.head.Index
	if a.count > 1 {
		if a.storage(1) != lite.SQLITE_INTEGER {
			return fmt.Errorf("%.40q is not a log index", a.text(1))
		}
		at, err := c.run.heldIndex(a.integer(1))
		if err != nil {
			return err
		}
		moment = at
	}
	if a.count > 2 {
		currency = strings.Clone(a.text(2))
	}
	return c.run.balance(o, name, currency, moment)
}

// balance shows the one balance of an account.
func (r *run) balance(o *result, name, currency string, moment juno.Index) error {
	v, err := r.view(moment)
	if err != nil {
		return err
	}
	defer r.release(v)
	cursor, err := r.accounts.read(v.View, AccountScan{Name: name, Currency: currency})
	if err != nil {
		return err
	}
	defer cursor.Close()
	var found *juno.Amount
	first := ""
	for {
		row, err := cursor.Next()
		if err != nil {
			return err
		}
		if row == nil {
			break
		}
		if row.Name != name || currency != "" && row.Currency != currency {
			continue
		}
		if found != nil {
			return fmt.Errorf("account %.80q holds %s, %s: name the currency as third argument",
				name, first, row.Currency)
		}
		balance := row.Balance
		found, first = &balance, row.Currency
	}
	if found == nil {
		o.null()
	} else {
		o.amount(*found)
	}
	return nil
}

func sha256Func(_ *conn, a *arguments, o *result) error {
	if a.isNull(0) {
		o.null()
		return nil
	}
	o.hash(sha256.Sum256([]byte(a.text(0))))
	return nil
}

// verifySignatureFunc is ed25519_verify(public_key, message, signature), by the rules that the
// ledger itself goes by (ZIP-215). Key and signature are blobs or hexadecimal text.
func verifySignatureFunc(_ *conn, a *arguments, o *result) error {
	if a.isNull(0) || a.isNull(1) || a.isNull(2) {
		o.null()
		return nil
	}
	var public juno.PublicKey
	var signature juno.Signature
	if err := a.octets(0, "public key", public[:]); err != nil {
		return err
	}
	if err := a.octets(2, "signature", signature[:]); err != nil {
		return err
	}
	o.bool(juno.VerifySignature(public, []byte(a.text(1)), signature))
	return nil
}

// octets reads bytes of a fixed length.
func (a *arguments) octets(i int, what string, into []byte) error {
	s := a.text(i)
	if a.storage(i) == lite.SQLITE_BLOB {
		if len(s) != len(into) {
			return fmt.Errorf("%s of %d bytes, want %d", what, len(s), len(into))
		}
		copy(into, s)
		return nil
	}
	if len(s) != 2*len(into) {
		return fmt.Errorf("%s of %d hexadecimal digits, want %d", what, len(s), 2*len(into))
	}
	_, err := hex.Decode(into, []byte(s))
	return err
}

// patternBytesMax bounds a regular expression; matching is linear in the text.
const (
	patternBytesMax    = 1000
	regexpTextBytesMax = 1 << 20
)

// regexpFunc is regexp(pattern, text), and text REGEXP pattern. Syntax: RE2.
func regexpFunc(c *conn, a *arguments, o *result) error {
	if a.isNull(0) || a.isNull(1) {
		o.null()
		return nil
	}
	pattern := a.text(0)
	if c.pattern == nil || c.pattern.String() != pattern {
		if len(pattern) > patternBytesMax {
			return fmt.Errorf("pattern of %d bytes, at most %d", len(pattern), patternBytesMax)
		}
		compiled, err := regexp.Compile(strings.Clone(pattern))
		if err != nil {
			return err
		}
		c.pattern = compiled
	}
	if n := len(a.text(1)); n > regexpTextBytesMax {
		return fmt.Errorf("text of %d bytes, at most %d", n, regexpTextBytesMax)
	}
	o.bool(c.pattern.MatchString(a.text(1)))
	return nil
}

func instrFunc(_ *conn, a *arguments, o *result) error {
	if a.isNull(0) || a.isNull(1) {
		o.null()
		return nil
	}
	blobs := a.storage(0) == lite.SQLITE_BLOB && a.storage(1) == lite.SQLITE_BLOB
	text := a.text(0)
	i := strings.Index(text, a.text(1))
	if i > 0 && !blobs {
		i = utf8.RuneCountInString(text[:i])
	}
	o.integer(int64(i + 1))
	return nil
}

func replaceFunc(_ *conn, a *arguments, o *result) error {
	if a.isNull(0) || a.isNull(1) || a.isNull(2) {
		o.null()
		return nil
	}
	text, old, fresh := a.text(0), a.text(1), a.text(2)
	if old == "" {
		o.string(text)
		return nil
	}
	if grow := len(fresh) - len(old); grow > 0 &&
		len(text)+grow*strings.Count(text, old) > valueBytesMax {
		return errTooBig
	}
	o.string(strings.ReplaceAll(text, old, fresh))
	return nil
}

var errTooBig = errors.New("text too long")

// trimBytesMax bounds the set of characters of a trim.
const trimBytesMax = 256

func trimFunc(trim func(text, set string) string) scalarFunc {
	return func(_ *conn, a *arguments, o *result) error {
		set := " "
		if a.count > 1 {
			if a.isNull(1) {
				o.null()
				return nil
			}
			set = a.text(1)
		}
		if a.isNull(0) {
			o.null()
			return nil
		}
		if len(set) > trimBytesMax {
			return fmt.Errorf("set of %d bytes, at most %d", len(set), trimBytesMax)
		}
		o.string(trim(a.text(0), set))
		return nil
	}
}
