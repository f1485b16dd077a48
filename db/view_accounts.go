package db

import (
	"bytes"
	"fmt"

	"juno"
	"juno/db/sql"
	"juno/db/state"
)

// Accounts returns the accounts in byte order of name and currency. An account that never held
// anything has one row, of the default currency, with version 0.
func (v *view) Accounts(scan sql.AccountScan) (sql.Cursor[sql.AccountRow], error) {
	if scan.Name != "" && scan.Currency != "" {
		rows, err := v.account(scan.Name, scan.Currency)
		return rowsOf(v, rows, err)
	}
	j := v.joinAccounts(scan)
	return &cursor[sql.AccountRow]{ctx: v.ctx, next: j.next, end: j.close}, nil
}

// account returns one row or none.
func (v *view) account(name, currency string) ([]sql.AccountRow, error) {
	a, found, err := parsed(v.l.store, state.AppendAccountKey(nil, name), v.at, state.ParseAccount)
	if err != nil || !found {
		return nil, err
	}
	key := state.AppendBalanceKey(nil, name, currency)
	value, changed, err := v.l.store.element(key, v.at)
	if err != nil {
		return nil, err
	}
	row := sql.AccountRow{Name: name, Currency: currency}
	if value == nil {
		if currency != state.DefaultCurrency {
			return nil, nil
		}
		none, err := v.hasNoBalance(name)
		if err != nil || !none {
			return nil, err
		}
	}
	if err := v.fill(&row, &a, value, changed); err != nil {
		return nil, err
	}
	return []sql.AccountRow{row}, nil
}

// hasNoBalance reports whether an account never held anything.
func (v *view) hasNoBalance(name string) (bool, error) {
	w := v.l.store.newWalk(state.AppendBalancePrefix(nil, name), v.at)
	defer w.close()
	some, err := w.next()
	return !some, err
}

// fill completes the row of an account in one currency; value is nil if it never held any of it.
func (v *view) fill(
	row *sql.AccountRow, a *state.Account, value []byte, changed juno.Index,
) (err error) {
	row.Status, row.HasFloor = accountOpen, a.Floor
	row.OpenedIndex, row.OpenedAt = a.Created, a.Opened
	if row.Scale, err = v.scale(row.Currency); err != nil {
		return err
	}
	if row.OwnerKey, err = v.owner(a.Owner); err != nil || value == nil {
		return err
	}
	b, err := state.ParseBalance(value)
	if err != nil {
		return damaged(v.l.store.dir, fmt.Errorf("balance of %s: %w", row.Name, err))
	}
	row.Balance, row.Version = b.Amount, b.Changes
	if changed <= v.l.base {
		return nil // changed at some time before the history that is held
	}
	row.UpdatedIndex = changed
	row.UpdatedAt, err = v.l.times.at(changed)
	return err
}

// accountOpen is the only status that accounts have so far.
const accountOpen = "open"

// accountJoin walks accounts and their balances side by side: both are in order of the name.
type accountJoin struct {
	v        *view
	accounts *walk
	balances *walk
	prefix   []byte // of the name
	to       []byte // names below; nil: all

	begun   bool
	account state.Account
	name    []byte // of account; nil at the end
	used    bool   // the account has had a row
	more    bool   // balances stands on one
	row     sql.AccountRow
}

func (v *view) joinAccounts(scan sql.AccountScan) *accountJoin {
	j := &accountJoin{v: v, prefix: []byte(scan.NameFrom)}
	if scan.NameTo != "" {
		j.to = []byte(scan.NameTo)
	}
	if scan.Name != "" && scan.Name >= scan.NameFrom {
		j.prefix = []byte(scan.Name)
		if next := append([]byte(scan.Name), 0); j.to == nil || bytes.Compare(next, j.to) < 0 {
			j.to = next
		}
	}
	j.accounts = v.l.store.newWalk([]byte{byte(state.KindAccount)}, v.at)
	j.balances = v.l.store.newWalk([]byte{byte(state.KindBalance)}, v.at)
	return j
}

func (j *accountJoin) close() {
	j.accounts.close()
	j.balances.close()
}

// begin seeks to the first name.
func (j *accountJoin) begin() error {
	j.begun = true
	found, err := j.accounts.seek(append([]byte{byte(state.KindAccount)}, j.prefix...))
	if err != nil {
		return err
	}
	if err := j.take(found); err != nil {
		return err
	}
	j.more, err = j.balances.seek(append([]byte{byte(state.KindBalance)}, j.prefix...))
	return err
}

// take parses the account that the walk stands on.
func (j *accountJoin) take(found bool) (err error) {
	j.name, j.used = nil, false
	if !found || j.to != nil && bytes.Compare(j.accounts.key[1:], j.to) >= 0 {
		return nil
	}
	j.name = j.accounts.key[1:]
	if j.account, err = state.ParseAccount(j.accounts.value); err != nil {
		return damaged(j.v.l.store.dir, fmt.Errorf("account %.80q: %w", j.name, err))
	}
	return nil
}

// next returns the next row.
func (j *accountJoin) next() (*sql.AccountRow, error) {
	if !j.begun {
		if err := j.begin(); err != nil {
			return nil, err
		}
	}
	for j.name != nil {
		if j.more {
			name, currency, _ := bytes.Cut(j.balances.key[1:], []byte{0})
			switch bytes.Compare(name, j.name) {
			case -1:
				return nil, damaged(j.v.l.store.dir,
					fmt.Errorf("balance %.80q without an account", j.balances.key))
			case 0:
				return j.balance(string(currency))
			}
		}
		if !j.used {
			return j.empty()
		}
		found, err := j.accounts.next()
		if err != nil {
			return nil, err
		}
		if err := j.take(found); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// balance returns the row of the balance that the walk stands on, and moves on.
func (j *accountJoin) balance(currency string) (_ *sql.AccountRow, err error) {
	j.row = sql.AccountRow{Name: string(j.name), Currency: currency}
	if err := j.v.fill(&j.row, &j.account, j.balances.value, j.balances.changed); err != nil {
		return nil, err
	}
	j.used = true
	j.more, err = j.balances.next()
	return &j.row, err
}

// empty returns the row of an account that never held anything.
func (j *accountJoin) empty() (*sql.AccountRow, error) {
	j.used = true
	j.row = sql.AccountRow{Name: string(j.name), Currency: state.DefaultCurrency}
	return &j.row, j.v.fill(&j.row, &j.account, nil, 0)
}

// Currencies returns the currencies in byte order of name.
func (v *view) Currencies() (sql.Cursor[sql.CurrencyRow], error) {
	var rows []sql.CurrencyRow
	prefix := []byte{byte(state.KindCurrency)}
	var failed error
	err := v.l.store.scan(prefix, v.at, func(key, value []byte, _ juno.Index) bool {
		c, err := state.ParseCurrency(value)
		if err != nil {
			failed = damaged(v.l.store.dir, fmt.Errorf("currency %.80q: %w", key, err))
			return false
		}
		rows = append(rows, sql.CurrencyRow{
			Name: string(key[1:]), Scale: c.Scale,
			Issuer: state.IssuanceAccount, CreatedIndex: c.Created,
		})
		return true
	})
	for i := range rows {
		r := &rows[i]
		key := state.AppendBalanceKey(nil, state.IssuanceAccount, r.Name)
		b, _, errB := parsed(v.l.store, key, v.at, state.ParseBalance)
		if err == nil {
			err = errB
		}
		r.Supply = b.Amount.Neg()
	}
	if failed != nil {
		err = failed
	}
	return rowsOf(v, rows, err)
}
