package sql

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"juno"
)

// ledger is a Source in memory, filled by commands of its own making. It is the second
// implementation of the port, and it checks its caller: scans out of bounds fail the test.
type ledger struct {
	log        []LogRow // log[i] is entry i+1
	commands   []CommandRow
	transfers  []TransferRow
	firstOf    []int // firstOf[i] is the first transfer of entry i+1
	history    map[string][]AccountChangeRow
	names      []string // keys of history, sorted
	changes    []AccountChangeRow
	low        juno.Index // first index held
	hidden     int        // newest entries not shown yet, for tests of pinning
	scale      int8
	views      atomic.Int64 // open now
	cursors    atomic.Int64
	checks     []juno.Finding
	checked    VerifyRequest
	failAtRow  int // the n-th row of a cursor fails; 0 never
	panicAtRow int
}

const (
	firstMillis = juno.Millis(1767225600000) // 2026-01-01T00:00:00Z
	stepMillis  = 1000
)

func newLedger() *ledger {
	return &ledger{history: map[string][]AccountChangeRow{}, low: 1, scale: 2}
}

func accountKey(name, currency string) string { return name + "\x00" + currency }

// append adds an entry and returns its index.
func (l *ledger) append(kind string, command CommandRow) juno.Index {
	i := juno.Index(len(l.log) + 1)
	row := LogRow{
		LogIndex: i, Term: juno.TermOf(0, 1), Leader: 1, Kind: kind, Bytes: 100,
		CommittedAt: firstMillis + juno.Millis(int64(i)-1)*stepMillis,
	}
	row.PayloadHash = sha256.Sum256([]byte(command.Body))
	if i > 1 {
		row.PrevHash = l.log[i-2].Hash
	}
	row.Hash = sha256.Sum256(append(row.PrevHash[:], row.PayloadHash[:]...))
	l.log = append(l.log, row)
	l.firstOf = append(l.firstOf, len(l.transfers))
	if kind == "command" {
		command.LogIndex, command.CommittedAt = i, row.CommittedAt
		command.Status, command.Cost = "applied", 1
		command.RequestID = juno.RequestID(i)
		command.KeyID = juno.KeyID{1, 2, 3}
		l.commands = append(l.commands, command)
	}
	return i
}

// change moves an account's balance at the newest entry.
func (l *ledger) change(name, currency string, delta juno.Amount, actor string) juno.Amount {
	i := juno.Index(len(l.log))
	at := l.log[i-1].CommittedAt
	key := accountKey(name, currency)
	versions := l.history[key]
	row := AccountChangeRow{
		Change: "created", Delta: delta, LogIndex: i, Actor: actor,
		CommittedAt: at,
	}
	if n := len(versions); n > 0 {
		row.AccountRow = versions[n-1].AccountRow
		row.Change = "changed"
	} else {
		row.AccountRow = AccountRow{
			Name: name, Currency: currency, Scale: l.scale,
			Status: "open", OpenedIndex: i, OpenedAt: at, HasFloor: true,
		}
		at, _ := slices.BinarySearch(l.names, key)
		l.names = slices.Insert(l.names, at, key)
	}
	balance, err := row.Balance.Add(delta)
	if err != nil {
		panic(err)
	}
	row.Balance, row.UpdatedIndex, row.UpdatedAt = balance, i, at
	row.Version++
	l.history[key] = append(versions, row)
	l.changes = append(l.changes, row)
	return balance
}

// transfer appends an entry with one transfer per line "A B 12.50 [USD]".
func (l *ledger) transfer(lines ...string) juno.Index {
	i := l.append("command", CommandRow{
		Client: "alice", Kind: "transfer",
		Body: strings.Join(lines, "; "),
	})
	for op, line := range lines {
		words := strings.Fields(line)
		amount, err := juno.ParseAmount(words[2])
		if err != nil {
			panic(err)
		}
		currency := "USD"
		if len(words) > 3 {
			currency = words[3]
		}
		l.move(i, op, words[0], words[1], currency, amount)
	}
	return i
}

func (l *ledger) move(i juno.Index, op int, source, target, currency string, a juno.Amount) {
	l.transfers = append(l.transfers, TransferRow{
		TransferID: fmt.Sprintf("%d.%d", i, op), LogIndex: i, Op: uint32(op), Source: source,
		Target: target, Currency: currency, Amount: a, Scale: l.scale, Kind: "transfer",
		Memo: "memo " + fmt.Sprint(i), Actor: "alice", CommittedAt: l.log[i-1].CommittedAt,
	})
	l.change(source, currency, a.Neg(), "alice")
	l.change(target, currency, a, "alice")
}

// random fills a ledger with n transfers between accounts; amounts of cents, and of thirds where
// asked for.
func randomLedger(n, accounts int, thirds bool) *ledger {
	l := newLedger()
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		i := l.append("command", CommandRow{Client: "alice", Kind: "transfer", Body: "transfer"})
		den := int64(100)
		if thirds && rng.IntN(4) == 0 {
			den = 3
		}
		a, err := juno.NewRatio(rng.Int64N(100000)+1, den)
		if err != nil {
			panic(err)
		}
		from, to := rng.IntN(accounts), rng.IntN(accounts)
		if from == to {
			to = (to + 1) % accounts
		}
		l.move(i, 0, fmt.Sprintf("acc%06d", from), fmt.Sprintf("acc%06d", to), "USD", a)
	}
	return l
}

// Head implements Source.
func (l *ledger) Head() juno.Head {
	n := len(l.log) - l.hidden
	if n == 0 {
		return juno.Head{}
	}
	row := l.log[n-1]
	return juno.Head{Pos: juno.Pos{Index: row.LogIndex, Hash: row.Hash}, Time: row.CommittedAt}
}

// HeadAt implements Source.
func (l *ledger) HeadAt(at juno.Index) (juno.Head, error) {
	row := l.log[at-1]
	return juno.Head{Pos: juno.Pos{Index: at, Hash: row.Hash}, Time: row.CommittedAt}, nil
}

// Held implements Source.
func (l *ledger) Held() (lo, hi juno.Index) { return l.low, juno.Index(len(l.log) + 1) }

// IndexAt implements Source.
func (l *ledger) IndexAt(_ context.Context, t juno.Millis) (juno.Index, error) {
	n := sort.Search(len(l.log), func(i int) bool { return l.log[i].CommittedAt > t })
	if juno.Index(n) < l.low {
		return 0, nil
	}
	return juno.Index(n), nil
}

// View implements Source.
func (l *ledger) View(ctx context.Context, at juno.Index) (View, error) {
	if at > juno.Index(len(l.log)) || at < l.low && at != 0 {
		panic(fmt.Sprintf("view at %d, held [%d, %d]", at, l.low, len(l.log)))
	}
	l.views.Add(1)
	return &ledgerView{l, ctx, at}, nil
}

// Verify implements Source.
func (l *ledger) Verify(_ context.Context, r VerifyRequest) (Cursor[juno.Finding], error) {
	l.checked = r
	rows := slices.Clone(l.checks)
	for i := range rows {
		rows[i].From, rows[i].To = r.From, r.To
	}
	return cursorOf(l, rows), nil
}

type ledgerView struct {
	l   *ledger
	ctx context.Context
	at  juno.Index
}

// sliceCursor walks rows in memory.
type sliceCursor[R any] struct {
	l    *ledger
	rows []R
	next int
	step int
	keep func(*R) bool
	read int
	open bool
}

func cursorOf[R any](l *ledger, rows []R) *sliceCursor[R] {
	l.cursors.Add(1)
	return &sliceCursor[R]{l: l, rows: rows, step: 1, open: true}
}

func (c *sliceCursor[R]) backward(yes bool) *sliceCursor[R] {
	if yes {
		c.step, c.next = -1, len(c.rows)-1
	}
	return c
}

// Next implements Cursor.
func (c *sliceCursor[R]) Next() (*R, error) {
	if !c.open {
		panic("Next on a closed cursor")
	}
	for c.next >= 0 && c.next < len(c.rows) {
		r := &c.rows[c.next]
		c.next += c.step
		if c.keep != nil && !c.keep(r) {
			continue
		}
		c.read++
		if c.read == c.l.failAtRow {
			return nil, fmt.Errorf("disk on fire")
		}
		if c.read == c.l.panicAtRow {
			panic("source out of its mind")
		}
		return r, nil
	}
	return nil, nil
}

// Close implements Cursor.
func (c *sliceCursor[R]) Close() {
	if !c.open {
		panic("cursor closed twice")
	}
	c.open = false
	c.l.cursors.Add(-1)
}

// Index implements View.
func (v *ledgerView) Index() juno.Index { return v.at }

// Close implements View.
func (v *ledgerView) Close() { v.l.views.Add(-1) }

// check refuses a range that the engine should have clipped.
func (v *ledgerView) check(r Range) {
	if r.From < 1 || r.To > v.at+1 || r.From > r.To {
		panic(fmt.Sprintf("range [%d, %d) of a view at %d", r.From, r.To, v.at))
	}
}

// entries returns the part of rows in a range, given how to find a row's index.
func entries[R any](rows []R, r Range, index func(*R) juno.Index) []R {
	lo := sort.Search(len(rows), func(i int) bool { return index(&rows[i]) >= r.From })
	hi := sort.Search(len(rows), func(i int) bool { return index(&rows[i]) >= r.To })
	return rows[lo:max(lo, hi)]
}

// account returns an account as it was at the view, nil if it was not there yet.
func (v *ledgerView) account(key string) *AccountRow {
	versions := v.l.history[key]
	n := sort.Search(len(versions), func(i int) bool { return versions[i].LogIndex > v.at })
	if n == 0 {
		return nil
	}
	return &versions[n-1].AccountRow
}

// accountCursor walks the keys of accounts.
type accountCursor struct {
	sliceCursor[string]
	v *ledgerView
}

// Next implements Cursor.
func (c *accountCursor) Next() (*AccountRow, error) {
	for {
		key, err := c.sliceCursor.Next()
		if key == nil || err != nil {
			return nil, err
		}
		if row := c.v.account(*key); row != nil {
			return row, nil
		}
	}
}

// Accounts implements View.
func (v *ledgerView) Accounts(s AccountScan) (Cursor[AccountRow], error) {
	from, to := s.NameFrom, s.NameTo
	if s.Name != "" {
		from, to = s.Name+"\x00", s.Name+"\x01"
	}
	lo, _ := slices.BinarySearch(v.l.names, from)
	hi := len(v.l.names)
	if to != "" {
		hi, _ = slices.BinarySearch(v.l.names, to)
	}
	c := cursorOf(v.l, v.l.names[lo:max(lo, hi)])
	return &accountCursor{*c, v}, nil
}

// AccountChanges implements View.
func (v *ledgerView) AccountChanges(s AccountChangeScan) (Cursor[AccountChangeRow], error) {
	v.check(s.Range)
	rows := v.l.changes
	if s.Name != "" && s.Currency != "" {
		rows = v.l.history[accountKey(s.Name, s.Currency)]
	}
	rows = entries(rows, s.Range, func(r *AccountChangeRow) juno.Index { return r.LogIndex })
	return cursorOf(v.l, rows).backward(s.Descending), nil
}

// Currencies implements View.
func (v *ledgerView) Currencies() (Cursor[CurrencyRow], error) {
	return cursorOf(v.l, []CurrencyRow{
		{Name: "EUR", Scale: ScaleNone, Issuer: "issue:EUR", CreatedIndex: 1},
		{Name: "USD", Scale: v.l.scale, Issuer: "issue:USD", CreatedIndex: 1},
	}), nil
}

// Transfers implements View.
func (v *ledgerView) Transfers(s TransferScan) (Cursor[TransferRow], error) {
	v.check(s.Range)
	rows := entries(v.l.transfers, s.Range, func(r *TransferRow) juno.Index { return r.LogIndex })
	c := cursorOf(v.l, rows).backward(s.Descending)
	if s.TransferID != "" || s.Source != "" || s.Target != "" {
		c.keep = func(r *TransferRow) bool {
			return (s.TransferID == "" || r.TransferID == s.TransferID) &&
				(s.Source == "" || r.Source == s.Source) &&
				(s.Target == "" || r.Target == s.Target)
		}
	}
	return c, nil
}

// Postings implements View.
func (v *ledgerView) Postings(s PostingScan) (Cursor[PostingRow], error) {
	v.check(s.Range)
	var rows []PostingRow
	balances := map[string]juno.Amount{}
	for i := range v.l.transfers {
		t := &v.l.transfers[i]
		if t.LogIndex >= s.To {
			break
		}
		for _, side := range []byte{'D', 'C'} {
			name, delta := t.Source, t.Amount.Neg()
			if side == 'C' {
				name, delta = t.Target, t.Amount
			}
			after, err := balances[name+t.Currency].Add(delta)
			if err != nil {
				return nil, err
			}
			balances[name+t.Currency] = after
			if t.LogIndex < s.From || s.Account != "" && s.Account != name {
				continue
			}
			shown := after
			if s.NoBalance {
				shown = juno.NewAmount(-1) // to be noticed where it is shown
			}
			rows = append(rows, PostingRow{
				LogIndex: t.LogIndex, Op: t.Op, TransferID: t.TransferID,
				Account: name, Currency: t.Currency, Side: side, Amount: t.Amount,
				BalanceAfter: shown, Actor: t.Actor, CommittedAt: t.CommittedAt,
			})
		}
	}
	if s.Descending {
		slices.Reverse(rows)
	}
	return cursorOf(v.l, rows), nil
}

// Commands implements View.
func (v *ledgerView) Commands(s CommandScan) (Cursor[CommandRow], error) {
	v.check(s.Range)
	rows := entries(v.l.commands, s.Range, func(r *CommandRow) juno.Index { return r.LogIndex })
	return cursorOf(v.l, rows).backward(s.Descending), nil
}

// Log implements View.
func (v *ledgerView) Log(s Range) (Cursor[LogRow], error) {
	v.check(s)
	return cursorOf(v.l, v.l.log[s.From-1:s.To-1]).backward(s.Descending), nil
}

// Proofs implements View.
func (v *ledgerView) Proofs(s Range) (Cursor[ProofRow], error) {
	v.check(s)
	return cursorOf(v.l, []ProofRow{}), nil
}

// Keys implements View.
func (v *ledgerView) Keys() (Cursor[KeyRow], error) {
	return cursorOf(v.l, []KeyRow{{
		KeyID: juno.KeyID{1, 2, 3}, Subject: "alice", Role: "client",
		ValidFrom: 0,
	}}), nil
}

// Settings implements View.
func (v *ledgerView) Settings() (Cursor[SettingRow], error) {
	return cursorOf(v.l, []SettingRow{{Name: "open", Value: "1", SetIndex: 1}}), nil
}

// Nodes implements View.
func (v *ledgerView) Nodes() (Cursor[NodeRow], error) {
	return cursorOf(v.l, []NodeRow{{Node: 1, Role: "leader", Voting: true, CommitIndex: v.at}}), nil
}

// Snapshots implements View.
func (v *ledgerView) Snapshots() (Cursor[juno.SnapshotInfo], error) {
	return cursorOf(v.l, []juno.SnapshotInfo{}), nil
}

// Evidence implements View.
func (v *ledgerView) Evidence() (Cursor[EvidenceRow], error) {
	return cursorOf(v.l, []EvidenceRow{}), nil
}

// Denied implements View.
func (v *ledgerView) Denied() (Cursor[DeniedRow], error) {
	return cursorOf(v.l, []DeniedRow{}), nil
}

// testNow is the wall clock of all tests: a day after the first entry.
func testNow() juno.Millis { return firstMillis + 24*60*60*1000 }

// open returns an engine over l that is closed, and checked for leaks, at the end.
func (l *ledger) engine(t testing.TB, o Options) *Engine {
	t.Helper()
	o.Now = testNow
	e, err := New(l, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if n := l.views.Load(); n != 0 {
			t.Errorf("%d views left open", n)
		}
		if n := l.cursors.Load(); n != 0 {
			t.Errorf("%d cursors left open", n)
		}
	})
	return e
}

// ask returns the answer as text, one line per row, cells separated by |.
func ask(e *Engine, text string, args ...juno.Arg) (string, error) {
	rows, err := e.Query(context.Background(), juno.Query{Text: text, Args: args})
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var b strings.Builder
	for {
		row, ok := rows.Next()
		if !ok {
			break
		}
		for i, v := range row {
			if i > 0 {
				b.WriteByte('|')
			}
			b.WriteString(show(v))
		}
		b.WriteByte('\n')
	}
	return b.String(), rows.Err()
}

func show(v juno.Value) string {
	switch v.Kind {
	case juno.Null:
		return "NULL"
	case juno.Integer:
		return fmt.Sprint(v.Integer)
	case juno.Float:
		return fmt.Sprintf("~%.15g", v.Float)
	case juno.Blob:
		return fmt.Sprintf("x'%x'", v.Blob)
	case juno.Exact:
		return "=" + v.Text
	}
	return v.Text
}
