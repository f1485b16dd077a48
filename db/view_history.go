package db

import (
	"fmt"

	"juno"
	"juno/db/sql"
	"juno/db/state"
)

// AccountChanges returns one row per change of a balance.
func (v *view) AccountChanges(
	scan sql.AccountChangeScan,
) (sql.Cursor[sql.AccountChangeRow], error) {
	if scan.Name == "" {
		entries := v.newEntryScan(scan.Range, depthOps)
		c := &changeRows{v: v}
		return rowsOfEntries(v, entries, scan.Descending, c.ofEntry), nil
	}
	m, err := v.balanceChanges(scan.Name, scan.Currency, scan.Range)
	if err != nil {
		return nil, err
	}
	c := &changeRows{v: v, actors: v.actorsOf(scan.Range, m)}
	if c.account, _, err = v.accountOf(scan.Name); err != nil {
		return nil, err
	}
	return &cursor[sql.AccountChangeRow]{ctx: v.ctx, next: func() (*sql.AccountChangeRow, error) {
		return c.ofChange(m)
	}, end: c.actors.close}, nil
}

// actorsOf returns the entries of a merge: looked up one by one where they are few, picked from
// the whole range where they are many.
func (v *view) actorsOf(r sql.Range, m *indexMerge) *actors {
	a := &actors{}
	if m.count*pointCost > uint64(r.To-min(r.From, r.To)) {
		a.entryScan = v.newEntryScan(r, depthActor)
		return a
	}
	a.entryScan = v.entriesAt(depthActor, func() (juno.Index, bool, error) {
		return a.wanted, true, nil
	})
	return a
}

// actors finds the entries of changes, in the order of the changes.
type actors struct {
	entryScan
	wanted juno.Index
}

// at returns the entry at index.
func (a *actors) at(index juno.Index) (*decoded, error) {
	a.wanted = index
	for {
		e, err := a.next()
		if err == nil && e == nil {
			err = fmt.Errorf("db: the log ends before entry %d", index)
		}
		if err != nil || e.Index == index {
			return e, err
		}
	}
}

func (v *view) accountOf(name string) (state.Account, bool, error) {
	return parsed(v.l.store, state.AppendAccountKey(nil, name), v.at, state.ParseAccount)
}

// indexMerge merges the histories of an account's balances by log index.
type indexMerge struct {
	sources    []*changeSource
	descending bool
	count      uint64 // of changes, about
}

// changeSource is the history of one balance with its next change.
type changeSource struct {
	*history
	currency string
	last     change // the one before head in the order of reading; zero at first
	head     change
	ok       bool
}

func (s *changeSource) advance() (err error) {
	s.last = s.head
	s.head, s.ok, err = s.next()
	return err
}

// before returns the value before the change that was the head until advance was called, nil if
// it was not read. earlier is what last was then.
func (s *changeSource) before(earlier change) []byte {
	if !s.descending {
		return earlier.value
	}
	if s.ok {
		return s.head.value
	}
	return nil
}

// accountIndexes returns the indexes of the entries that changed any balance of an account.
func (v *view) accountIndexes(account string, r sql.Range) (*indexMerge, error) {
	return v.balanceChanges(account, "", r)
}

// balanceChanges returns the changes of an account, in one currency or in all.
func (v *view) balanceChanges(name, currency string, r sql.Range) (*indexMerge, error) {
	r.From = v.firstEntry(r.From)
	m := &indexMerge{descending: r.Descending}
	if r.From >= r.To {
		return m, nil
	}
	currencies := []string{currency}
	if currency == "" {
		var err error
		if currencies, err = v.currenciesOf(name); err != nil {
			return nil, err
		}
	}
	for _, c := range currencies {
		key := state.AppendBalanceKey(nil, name, c)
		h, err := v.l.store.newHistory(key, r.From, r.To, r.Descending)
		if err != nil {
			return nil, err
		}
		m.count += h.count
		s := &changeSource{history: h, currency: c}
		if err := s.advance(); err != nil {
			return nil, err
		}
		m.sources = append(m.sources, s)
	}
	return m, nil
}

// currenciesOf returns the currencies that an account ever held, in byte order.
func (v *view) currenciesOf(name string) ([]string, error) {
	prefix := state.AppendBalancePrefix(nil, name)
	var all []string
	err := v.l.store.scan(prefix, v.at, func(key, _ []byte, _ juno.Index) bool {
		all = append(all, string(key[len(prefix):]))
		return true
	})
	return all, err
}

// first returns the source with the next change, nil at the end.
func (m *indexMerge) first() *changeSource {
	var best *changeSource
	for _, s := range m.sources {
		if s.ok && (best == nil || s.head.index != best.head.index &&
			(s.head.index < best.head.index) != m.descending) {
			best = s
		}
	}
	return best
}

// next returns the next index; one that changed several balances comes once.
func (m *indexMerge) next() (juno.Index, bool, error) {
	best := m.first()
	if best == nil {
		return 0, false, nil
	}
	index := best.head.index
	for _, s := range m.sources {
		if s.ok && s.head.index == index {
			if err := s.advance(); err != nil {
				return 0, false, err
			}
		}
	}
	return index, true, nil
}

// changeRows makes the rows of accounts_history.
type changeRows struct {
	v       *view
	account state.Account // of all rows, if actors is set
	actors  *actors
	row     sql.AccountChangeRow
}

// ofChange returns the row of the next change of a history.
func (c *changeRows) ofChange(m *indexMerge) (*sql.AccountChangeRow, error) {
	s := m.first()
	if s == nil {
		return nil, nil
	}
	at, earlier := s.head, s.last
	if err := s.advance(); err != nil {
		return nil, err
	}
	e, err := c.actors.at(at.index)
	if err != nil {
		return nil, err
	}
	k, err := c.v.l.store.keyOfElement(s.key)
	if err != nil {
		return nil, err
	}
	row := &c.row
	*row = sql.AccountChangeRow{LogIndex: at.index, Actor: e.actor, CommittedAt: e.Time}
	row.Name, row.Currency = k.Name, k.Currency
	return row, c.fill(row, &c.account, at, s.before(earlier))
}

// ofEntry appends the rows of all balances that an entry changed, in the order in which its
// statement names them.
func (c *changeRows) ofEntry(
	rows []sql.AccountChangeRow, e *decoded,
) ([]sql.AccountChangeRow, error) {
	for _, of := range e.touched() {
		key := state.AppendBalanceKey(nil, of.account, of.currency)
		value, changed, err := c.v.l.store.element(key, e.Index)
		if err != nil {
			return nil, err
		}
		if value == nil || changed != e.Index {
			continue
		}
		a, _, err := c.v.accountOf(of.account)
		if err != nil {
			return nil, err
		}
		row := sql.AccountChangeRow{LogIndex: e.Index, Actor: e.actor, CommittedAt: e.Time}
		row.Name, row.Currency = of.account, of.currency
		if err := c.fill(&row, &a, change{e.Index, value}, nil); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// touched returns the balances that an entry may have changed, each once.
func (e *decoded) touched() []balanceOf {
	if !e.isCommand || e.result.Status != juno.StatusOK {
		return nil
	}
	var all []balanceOf
	seen := make(map[balanceOf]bool, 2*len(e.ops)+1)
	add := func(of balanceOf) {
		if !seen[of] {
			seen[of] = true
			all = append(all, of)
		}
	}
	for i := range e.ops {
		add(balanceOf{e.ops[i].Source, e.ops[i].Currency})
		add(balanceOf{e.ops[i].Target, e.ops[i].Currency})
	}
	for _, name := range e.accounts {
		add(balanceOf{name, e.currency})
	}
	return all
}

// fill completes a row that has its name and currency. before is the value before the change, nil
// if it must be read.
func (c *changeRows) fill(
	row *sql.AccountChangeRow, a *state.Account, at change, before []byte,
) error {
	if err := c.v.fill(&row.AccountRow, a, at.value, at.index); err != nil {
		return err
	}
	row.Change, row.Delta = changeCreated, row.Balance
	if row.Version == 1 {
		return nil
	}
	row.Change = changeChanged
	if before == nil {
		var err error
		key := state.AppendBalanceKey(nil, row.Name, row.Currency)
		if before, _, err = c.v.l.store.element(key, at.index-1); err != nil {
			return err
		}
	}
	b, err := state.ParseBalance(before)
	if err == nil && b.Changes+1 != row.Version {
		err = fmt.Errorf("change %d follows change %d", row.Version, b.Changes)
	}
	if err != nil {
		return damaged(c.v.l.store.dir, fmt.Errorf("balance of %s in %s before entry %d: %w",
			row.Name, row.Currency, at.index, err))
	}
	row.Delta, err = row.Balance.Sub(b.Amount)
	return err
}

// What a row of accounts_history says of itself.
const (
	changeCreated = "created"
	changeChanged = "changed"
)
