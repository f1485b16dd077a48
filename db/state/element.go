package state

import (
	"bytes"
	"fmt"

	"juno"
)

// Kind is the first byte of an element's key and says what its value is.
type Kind byte

// The kinds of elements. The bytes are part of the format.
const (
	KindAccount  Kind = 'a' // a | name: Account
	KindBalance  Kind = 'b' // b | account | 0 | currency: Balance
	KindCurrency Kind = 'c' // c | code: Currency
	KindConfig   Kind = 'e' // e: juno.EpochConfig, the membership in force
	KindLedger   Kind = 'g' // g: Ledger, what the genesis fixed for ever
	KindKey      Kind = 'k' // k | key id (8): juno.KeyRecord
	KindMode     Kind = 'm' // m: Mode
	KindProgress Kind = 'p' // p: Progress, session
	KindWindow   Kind = 'w' // w | client: Window, session
)

// Session reports whether elements of the kind change with every entry or every command. They are
// part of the state and of its hash like all others, but nobody asks for them as of a past index:
// a store keeps their newest value in memory and writes it only with the index it is synced to.
func (k Kind) Session() bool { return k == KindProgress || k == KindWindow }

// KindOf returns the kind of an element from its key, 0 for an empty key.
func KindOf(key []byte) Kind {
	if len(key) == 0 {
		return 0
	}
	return Kind(key[0])
}

// Names of the system.
const (
	// IssuanceAccount is the other side of every AdjustAccount: what it owes in a currency is the
	// supply of that currency, so that all balances of a currency always add up to zero.
	IssuanceAccount = "sys:issuance"
	// DefaultCurrency is the currency of the prototype's commands: ISO 4217's "no currency". It
	// exists from the genesis on and has no fixed scale.
	DefaultCurrency = "XXX"
)

// CurrencyBytesMax bounds the code of a currency.
const CurrencyBytesMax = 32

// separator ends a name inside a key. Names hold no control characters, so keys are unambiguous
// and sort like the pairs that they stand for.
const separator = 0

// AppendAccountKey appends the key of an account.
func AppendAccountKey(b []byte, name string) []byte {
	return append(append(b, byte(KindAccount)), name...)
}

// AppendBalanceKey appends the key of an account's balance in a currency. Keys sort by account,
// then by currency, both in byte order.
func AppendBalanceKey(b []byte, account, currency string) []byte {
	return append(AppendBalancePrefix(b, account), currency...)
}

// AppendBalancePrefix appends what the keys of all balances of one account begin with.
func AppendBalancePrefix(b []byte, account string) []byte {
	return append(append(append(b, byte(KindBalance)), account...), separator)
}

// AppendCurrencyKey appends the key of a currency.
func AppendCurrencyKey(b []byte, code string) []byte {
	return append(append(b, byte(KindCurrency)), code...)
}

// AppendKeyKey appends the key of a key record.
func AppendKeyKey(b []byte, id juno.KeyID) []byte {
	return append(append(b, byte(KindKey)), id[:]...)
}

// AppendWindowKey appends the key of a client's request window.
func AppendWindowKey(b []byte, client string) []byte {
	return append(append(b, byte(KindWindow)), client...)
}

// Keys of the elements that there is one of.
var (
	keyConfig   = []byte{byte(KindConfig)}
	keyLedger   = []byte{byte(KindLedger)}
	keyMode     = []byte{byte(KindMode)}
	keyProgress = []byte{byte(KindProgress)}
)

// ConfigKey returns the key of the membership.
func ConfigKey() []byte { return bytes.Clone(keyConfig) }

// LedgerKey returns the key of the ledger's constants.
func LedgerKey() []byte { return bytes.Clone(keyLedger) }

// ModeKey returns the key of the mode.
func ModeKey() []byte { return bytes.Clone(keyMode) }

// ProgressKey returns the key of the progress.
func ProgressKey() []byte { return bytes.Clone(keyProgress) }

// ElementKey is a key taken apart. Only the fields of its kind are set.
type ElementKey struct {
	Kind     Kind
	Name     string     // account, client, or account of a balance
	Currency string     // currency, or currency of a balance
	Key      juno.KeyID // key record
}

// ParseKey takes the key of an element apart. It accepts exactly what the Append functions give
// for valid names; other bytes are an error that wraps juno.ErrMalformed.
func ParseKey(key []byte) (k ElementKey, err error) {
	k.Kind = KindOf(key)
	rest := key
	if len(key) > 0 {
		rest = key[1:]
	}
	ok := false
	switch k.Kind {
	case KindAccount, KindWindow:
		k.Name, ok = string(rest), validName(rest)
	case KindBalance:
		account, currency, found := bytes.Cut(rest, []byte{separator})
		k.Name, k.Currency = string(account), string(currency)
		ok = found && validName(account) && validCurrency(currency)
	case KindCurrency:
		k.Currency, ok = string(rest), validCurrency(rest)
	case KindKey:
		ok = copy(k.Key[:], rest) == juno.KeyIDBytes && len(rest) == juno.KeyIDBytes
	case KindConfig, KindLedger, KindMode, KindProgress:
		ok = len(rest) == 0
	}
	if !ok {
		return ElementKey{}, fmt.Errorf("%w: element key %.80q", juno.ErrMalformed, key)
	}
	return k, nil
}

func validName(b []byte) bool { return juno.CheckName(string(b)) == nil }

// validCurrency reports whether b can be the code of a currency: a capital letter, then capital
// letters and digits. A code can thus never be taken for an amount or the other way round.
func validCurrency[T string | []byte](b T) bool {
	if len(b) == 0 || len(b) > CurrencyBytesMax {
		return false
	}
	for i := range len(b) {
		upper, digit := b[i] >= 'A' && b[i] <= 'Z', b[i] >= '0' && b[i] <= '9'
		if !upper && (i == 0 || !digit) {
			return false
		}
	}
	return true
}
