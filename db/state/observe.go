package state

import (
	"bytes"
	"strings"

	"juno"
)

// Limits of what an observing command answers; it is kept with the command for ever. Everything
// else is SQL's.
const (
	observeLinesMax = 1000
	observeBytesMax = 48 << 10
	observeMore     = "…\n" // last line of an answer that was cut
)

// A result that is longer could not be read back.
const _ = uint(juno.ResultTextBytesMax - observeBytesMax - len(observeMore))

// observe answers ObserveAccount: one line per currency, account TAB currency TAB balance. An
// account that never held anything has the one line of the default currency.
func (r *run) observe(name string) (string, error) {
	value, err := r.view.Get(AppendAccountKey(r.m.key[:0], name))
	if err != nil {
		return "", err
	}
	if value == nil {
		return "", refuse(juno.CodeAccount, "no account %s", name)
	}
	lines := answer{}
	if err := lines.balances(r.view, AppendBalancePrefix(nil, name)); err != nil {
		return "", err
	}
	if lines.count == 0 {
		lines.add(name, DefaultCurrency, juno.Amount{})
	}
	return lines.text.String(), nil
}

// observeAll answers ObserveAccounts with the lines of all accounts in byte order, cut at
// observeLinesMax.
func (r *run) observeAll() (string, error) {
	names, cut, err := firstAccounts(r.view)
	if err != nil {
		return "", err
	}
	lines := answer{waiting: names}
	if err := lines.balances(r.view, []byte{byte(KindBalance)}); err != nil {
		return "", err
	}
	for _, name := range lines.waiting {
		lines.add(name, DefaultCurrency, juno.Amount{})
	}
	if cut {
		lines.cut()
	}
	return lines.text.String(), nil
}

// firstAccounts returns the names of the first accounts, and whether there are more.
func firstAccounts(view View) (names []string, more bool, err error) {
	err = view.Scan([]byte{byte(KindAccount)}, func(key, _ []byte) bool {
		if len(names) == observeLinesMax {
			more = true
			return false
		}
		names = append(names, string(key[1:]))
		return true
	})
	return names, more, err
}

// answer collects lines up to the limits.
type answer struct {
	text    strings.Builder
	count   int
	full    bool
	waiting []string // accounts of which no line was written yet, in byte order
}

func (a *answer) cut() {
	if !a.full {
		a.full = true
		a.text.WriteString(observeMore)
	}
}

// add writes one line, or the last one. It reports whether there is room for more.
func (a *answer) add(account, currency string, amount juno.Amount) bool {
	line := account + "\t" + currency + "\t" + amount.String() + "\n"
	if a.full || a.count == observeLinesMax || a.text.Len()+len(line) > observeBytesMax {
		a.cut()
		return false
	}
	a.count++
	a.text.WriteString(line)
	return true
}

// balances writes the lines of all balances under a prefix, and those of waiting accounts that
// have none in between.
func (a *answer) balances(view View, prefix []byte) error {
	failed := error(nil)
	err := view.Scan(prefix, func(key, value []byte) bool {
		account, currency, _ := bytes.Cut(key[1:], []byte{separator})
		balance, err := ParseBalance(value)
		if err != nil {
			failed = err
			return false
		}
		for len(a.waiting) > 0 && a.waiting[0] <= string(account) {
			name := a.waiting[0]
			a.waiting = a.waiting[1:]
			if name != string(account) && !a.add(name, DefaultCurrency, juno.Amount{}) {
				return false
			}
		}
		return a.add(string(account), string(currency), balance.Amount)
	})
	if failed != nil {
		return failed
	}
	return err
}

// Supply returns how much of a currency is in circulation: what the issuance account owes.
func Supply(view View, currency string) (juno.Amount, error) {
	value, err := view.Get(AppendBalanceKey(nil, IssuanceAccount, currency))
	if err != nil || value == nil {
		return juno.Amount{}, err
	}
	b, err := ParseBalance(value)
	return b.Amount.Neg(), err
}
