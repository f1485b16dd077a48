package db

import (
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"

	"juno"
	"juno/db/sql"
	"juno/db/state"
)

// oracle computes the rows of the tables the slow and simple way.
type oracle struct {
	w         *writer
	m         *model
	transfers []sql.TransferRow
	postings  []sql.PostingRow
	commands  []sql.CommandRow
	changes   []sql.AccountChangeRow
	scales    map[string]int8
}

func newOracle(t *testing.T, w *writer) *oracle {
	o := &oracle{w: w, m: newModel(t, w.genesis, true), scales: map[string]int8{}}
	o.m.apply(t, w.log.entries...)
	for key, value := range o.m.elements {
		if key[0] == byte(state.KindCurrency) {
			c, err := state.ParseCurrency(value)
			if err != nil {
				t.Fatal(err)
			}
			o.scales[key[1:]] = c.Scale
		}
	}
	for i := range w.log.entries {
		o.entry(t, &w.log.entries[i])
	}
	return o
}

func (o *oracle) balance(at juno.Index, key string) (b state.Balance, ok bool) {
	value, ok := o.m.balances[at][key]
	if ok {
		b, _ = state.ParseBalance([]byte(value))
	}
	return b, ok
}

func (o *oracle) entry(t *testing.T, e *juno.Entry) {
	if e.Type != juno.EntryCommand {
		return
	}
	c, err := juno.ParseCommand(e.Payload)
	if err != nil {
		t.Fatal(err)
	}
	r := o.m.results[e.Index]
	row := sql.CommandRow{
		LogIndex: e.Index, Client: "alice", KeyID: c.Key, RequestID: c.Request,
		Body: c.Text, Status: "applied", Result: r.Value, CommittedAt: e.Time,
	}
	if st, refusal := state.Parse(c.Language, c.Text); refusal == nil {
		row.Kind = st.Verb.String()
	}
	if r.Status != juno.StatusOK {
		row.Status, row.ErrorCode, row.Result = "refused", string(r.Code), r.Message
	}
	o.commands = append(o.commands, row)
	o.moves(e, state.Operations(&c, &r))
	o.changed(t, e)
}

func (o *oracle) moves(e *juno.Entry, ops []state.Op) {
	running := map[string]juno.Amount{}
	for _, op := range ops {
		id := fmt.Sprintf("%d.%d", e.Index, op.Number)
		o.transfers = append(o.transfers, sql.TransferRow{
			TransferID: id, LogIndex: e.Index,
			Op: uint32(op.Number), Source: op.Source, Target: op.Target, Currency: op.Currency,
			Amount: op.Amount, Scale: o.scales[op.Currency], Kind: op.Kind.String(),
			Reference: op.Label, Memo: op.Memo, Actor: "alice", CommittedAt: e.Time,
		})
		for _, side := range "DC" {
			account, amount := op.Source, op.Amount.Neg()
			if side == 'C' {
				account, amount = op.Target, op.Amount
			}
			key := string(state.AppendBalanceKey(nil, account, op.Currency))
			if _, ok := running[key]; !ok {
				b, _ := o.balance(e.Index-1, key)
				running[key] = b.Amount
			}
			running[key], _ = running[key].Add(amount)
			o.postings = append(o.postings, sql.PostingRow{
				LogIndex: e.Index, Op: uint32(op.Number),
				TransferID: id, Account: account, Currency: op.Currency, Side: byte(side),
				Amount: op.Amount, BalanceAfter: running[key], Actor: "alice", CommittedAt: e.Time,
			})
		}
	}
}

func (o *oracle) changed(t *testing.T, e *juno.Entry) {
	for key := range o.m.balances[e.Index] {
		after, _ := o.balance(e.Index, key)
		before, existed := o.balance(e.Index-1, key)
		if after.Changes == before.Changes {
			continue
		}
		delta, err := after.Amount.Sub(before.Amount)
		if err != nil {
			t.Fatal(err)
		}
		k, _ := state.ParseKey([]byte(key))
		row := sql.AccountChangeRow{
			AccountRow: o.account(t, k, e.Index), Change: "changed",
			Delta: delta, LogIndex: e.Index, Actor: "alice", CommittedAt: e.Time,
		}
		if !existed {
			row.Change = "created"
		}
		o.changes = append(o.changes, row)
	}
}

// account returns the row of a balance whose newest change is at or before an index.
func (o *oracle) account(t *testing.T, k state.ElementKey, at juno.Index) sql.AccountRow {
	a, err := state.ParseAccount(o.m.elements[string(state.AppendAccountKey(nil, k.Name))])
	if err != nil {
		t.Fatal(err)
	}
	row := sql.AccountRow{
		Name: k.Name, Currency: k.Currency, Scale: o.scales[k.Currency],
		HasFloor: a.Floor, Status: "open", OpenedIndex: a.Created, OpenedAt: a.Opened,
	}
	if a.Owner == "alice" {
		row.OwnerKey = o.w.client.Public().ID()
	}
	key := string(state.AppendBalanceKey(nil, k.Name, k.Currency))
	b, ok := o.balance(at, key)
	if !ok {
		return row
	}
	row.Balance, row.Version, row.UpdatedIndex = b.Amount, b.Changes, at
	for row.UpdatedIndex > 0 {
		if before, _ := o.balance(row.UpdatedIndex-1, key); before.Changes != b.Changes {
			break
		}
		row.UpdatedIndex--
	}
	row.UpdatedAt = o.w.log.entries[row.UpdatedIndex-1].Time
	return row
}

// accounts returns the table at an index.
func (o *oracle) accounts(t *testing.T, at juno.Index) []sql.AccountRow {
	var rows []sql.AccountRow
	for key, value := range o.m.elements {
		k, err := state.ParseKey([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		if k.Kind != state.KindAccount {
			continue
		}
		if a, _ := state.ParseAccount(value); a.Created > at {
			continue
		}
		n := len(rows)
		for _, currency := range []string{"C0", "C1", "C2", "XXX"} {
			k.Currency = currency
			if _, ok := o.balance(at, string(state.AppendBalanceKey(nil, k.Name, currency))); ok {
				rows = append(rows, o.account(t, k, at))
			}
		}
		if len(rows) == n {
			rows = append(rows, o.account(t, k, at))
		}
	}
	slices.SortFunc(rows, func(a, b sql.AccountRow) int {
		return strings.Compare(a.Name+"\x00"+a.Currency, b.Name+"\x00"+b.Currency)
	})
	return rows
}

// all reads a cursor to its end.
func all[Row any](t *testing.T, c sql.Cursor[Row], err error) []Row {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var rows []Row
	for {
		r, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			return rows
		}
		rows = append(rows, *r)
	}
}

func same[Row any](t *testing.T, what string, got, want []Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(normal(got[i]), normal(want[i])) {
			t.Fatalf("%s: row %d is\n%+v, want\n%+v", what, i, got[i], want[i])
		}
	}
}

// normal prints a row, so that amounts compare as numbers.
func normal(row any) string { return fmt.Sprintf("%+v", row) }

// pick returns the rows in a range that are wanted, in its direction.
func pick[Row any](
	rows []Row, r sql.Range, index func(*Row) juno.Index, wanted func(*Row) bool,
) []Row {
	var out []Row
	for i := range rows {
		if n := index(&rows[i]); n >= r.From && n < r.To && wanted(&rows[i]) {
			out = append(out, rows[i])
		}
	}
	if r.Descending {
		slices.Reverse(out)
	}
	return out
}

func TestTablesAgreeWithTheOracle(t *testing.T) {
	w := newWriter()
	rng := rand.New(rand.NewSource(6))
	w.someEntries(700, rng.Intn)
	o := newOracle(t, w)
	l := mustOpen(t, w.options(t.TempDir()))
	mustApply(t, l, w.log.entries...)
	head := l.Head()
	if head.Index != 700 || head.Hash != w.log.hashes[699] || head.Time != w.time {
		t.Errorf("head is %+v", head)
	}
	for range 60 {
		at := juno.Index(rng.Intn(701))
		v, err := l.View(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		from := 1 + juno.Index(rng.Intn(int(at)+1))
		r := sql.Range{
			From: from, To: from + juno.Index(rng.Intn(int(at+2-from))),
			Descending: rng.Intn(2) == 0, RowsHint: rng.Intn(3) * 10,
		}
		o.compareAccounts(t, v, at, rng)
		o.compareRows(t, v, r, rng)
		v.Close()
	}
}

func (o *oracle) compareAccounts(t *testing.T, v sql.View, at juno.Index, rng *rand.Rand) {
	t.Helper()
	want := o.accounts(t, at)
	c, err := v.Accounts(sql.AccountScan{})
	same(t, fmt.Sprintf("accounts at %d", at), all(t, c, err), want)
	one := want[rng.Intn(len(want))]
	c, err = v.Accounts(sql.AccountScan{Name: one.Name, Currency: one.Currency})
	same(t, "one account", all(t, c, err), []sql.AccountRow{one})
	c, err = v.Accounts(sql.AccountScan{Name: one.Name})
	same(t, "one name", all(t, c, err), slices.DeleteFunc(slices.Clone(want),
		func(r sql.AccountRow) bool { return r.Name != one.Name }))
	c, err = v.Accounts(sql.AccountScan{NameFrom: "B", NameTo: one.Name})
	same(t, "names from B", all(t, c, err), slices.DeleteFunc(slices.Clone(want),
		func(r sql.AccountRow) bool { return r.Name < "B" || r.Name >= one.Name }))
	c, err = v.Accounts(sql.AccountScan{Name: "nobody", Currency: "XXX"})
	same(t, "nobody", all(t, c, err), nil)
}

func (o *oracle) compareRows(t *testing.T, v sql.View, r sql.Range, rng *rand.Rand) {
	t.Helper()
	name := []string{"", "A", "B", "Dora", "nobody"}[rng.Intn(5)]
	what := fmt.Sprintf("[%d,%d) down %t of %q at %d", r.From, r.To, r.Descending, name, v.Index())

	c, err := v.Transfers(sql.TransferScan{Range: r, Source: name})
	same(t, "transfers "+what, keep(all(t, c, err), func(x *sql.TransferRow) bool {
		return name == "" || x.Source == name
	}), pick(o.transfers, r, func(x *sql.TransferRow) juno.Index { return x.LogIndex },
		func(x *sql.TransferRow) bool { return name == "" || x.Source == name }))

	p, err := v.Postings(sql.PostingScan{Range: r, Account: name})
	same(t, "postings "+what, keep(all(t, p, err), func(x *sql.PostingRow) bool {
		return name == "" || x.Account == name
	}), pick(o.postings, r, func(x *sql.PostingRow) juno.Index { return x.LogIndex },
		func(x *sql.PostingRow) bool { return name == "" || x.Account == name }))

	d, err := v.Commands(sql.CommandScan{Range: r})
	same(t, "commands "+what, all(t, d, err), pick(o.commands, r,
		func(x *sql.CommandRow) juno.Index { return x.LogIndex },
		func(*sql.CommandRow) bool { return true }))

	h, err := v.AccountChanges(sql.AccountChangeScan{Range: r, Name: name})
	sortedSame(t, "history "+what, all(t, h, err), pick(o.changes, r,
		func(x *sql.AccountChangeRow) juno.Index { return x.LogIndex },
		func(x *sql.AccountChangeRow) bool { return name == "" || x.Name == name }), r.Descending)
	h, err = v.AccountChanges(sql.AccountChangeScan{Range: r, Name: "A", Currency: "XXX"})
	same(t, "history of A "+what, all(t, h, err), pick(o.changes, r,
		func(x *sql.AccountChangeRow) juno.Index { return x.LogIndex },
		func(x *sql.AccountChangeRow) bool { return x.Name == "A" && x.Currency == "XXX" }))

	if r.From < r.To {
		o.compareLog(t, v, r)
		o.comparePoints(t, v, r, rng)
	}
}

func keep[Row any](rows []Row, wanted func(*Row) bool) []Row {
	return slices.DeleteFunc(rows, func(r Row) bool { return !wanted(&r) })
}

// sortedSame compares rows whose order inside one entry is free.
func sortedSame(t *testing.T, what string, got, want []sql.AccountChangeRow, down bool) {
	t.Helper()
	for i := 1; i < len(got); i++ {
		if a, b := got[i-1].LogIndex, got[i].LogIndex; a != b && a > b != down {
			t.Fatalf("%s: entry %d after %d", what, b, a)
		}
	}
	order := func(a, b sql.AccountChangeRow) int { return strings.Compare(normal(a), normal(b)) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	same(t, what, got, want)
}

func (o *oracle) compareLog(t *testing.T, v sql.View, r sql.Range) {
	t.Helper()
	c, err := v.Log(r)
	rows := all(t, c, err)
	if len(rows) != int(r.To-r.From) {
		t.Fatalf("%d log rows of [%d,%d)", len(rows), r.From, r.To)
	}
	for i, row := range rows {
		index := r.From + juno.Index(i)
		if r.Descending {
			index = r.To - 1 - juno.Index(i)
		}
		e := o.w.log.entries[index-1]
		prev, _ := o.w.log.Pos(index - 1)
		want := sql.LogRow{
			LogIndex: index, Term: e.Term, Leader: 1, Kind: e.Type.String(),
			PayloadHash: e.Header().PayloadHash, Hash: o.w.log.hashes[index-1], PrevHash: prev.Hash,
			Bytes: len(e.Payload), CommittedAt: e.Time,
		}
		if row != want {
			t.Fatalf("log row %+v, want %+v", row, want)
		}
	}
}

// comparePoints looks single rows up by what names them.
func (o *oracle) comparePoints(t *testing.T, v sql.View, r sql.Range, rng *rand.Rand) {
	t.Helper()
	in := pick(o.commands, r, func(x *sql.CommandRow) juno.Index { return x.LogIndex },
		func(*sql.CommandRow) bool { return true })
	if len(in) > 0 {
		want := in[rng.Intn(len(in))]
		c, err := v.Commands(sql.CommandScan{Range: r, Client: "alice", Request: want.RequestID})
		same(t, "command by request", all(t, c, err), []sql.CommandRow{want})
		c, err = v.Commands(sql.CommandScan{Range: r, Client: "bob", Request: want.RequestID})
		same(t, "command of nobody", all(t, c, err), nil)
	}
	moves := pick(o.transfers, r, func(x *sql.TransferRow) juno.Index { return x.LogIndex },
		func(*sql.TransferRow) bool { return true })
	if len(moves) > 0 {
		want := moves[rng.Intn(len(moves))]
		c, err := v.Transfers(sql.TransferScan{Range: r, TransferID: want.TransferID})
		same(t, "transfer by id", keep(all(t, c, err), func(x *sql.TransferRow) bool {
			return x.TransferID == want.TransferID
		}), []sql.TransferRow{want})
	}
	for _, id := range []string{"x", "1", "01.0", "1.", fmt.Sprintf("%d.0", r.To), "-1.0"} {
		c, err := v.Transfers(sql.TransferScan{Range: r, TransferID: id})
		same(t, "transfer "+id, all(t, c, err), nil)
	}
}

func TestIndexAt(t *testing.T) {
	w := newWriter()
	w.someEntries(600, rand.New(rand.NewSource(7)).Intn)
	l := mustOpen(t, w.options(t.TempDir()))
	if i, err := l.IndexAt(t.Context(), w.time); i != 0 || err != nil {
		t.Errorf("index in an empty ledger is %d, %v", i, err)
	}
	if lo, hi := l.Held(); lo != 1 || hi != 1 {
		t.Errorf("an empty ledger holds [%d,%d)", lo, hi)
	}
	mustApply(t, l, w.log.entries...)
	if lo, hi := l.Held(); lo != 1 || hi != 601 {
		t.Errorf("the ledger holds [%d,%d)", lo, hi)
	}
	first := w.log.entries[0].Time
	cases := map[juno.Millis]juno.Index{
		first - 1: 0, first: 1, first + 1: 1, first + 3: 2,
		w.time: 600, w.time + 1000: 600, first + 3*255: 256, first + 3*256 - 1: 256,
	}
	for at, want := range cases {
		if got, err := l.IndexAt(t.Context(), at); got != want || err != nil {
			t.Errorf("index at %d ms is %d, %v, want %d", at-first, got, err, want)
		}
	}
}

func TestFindRequests(t *testing.T) {
	w := newWriter()
	rng := rand.New(rand.NewSource(11))
	w.request = 70_000
	for range 400 { // forward, with gaps of up to three windows, and back inside the window
		w.request += juno.RequestID(rng.Intn(3 * 4096))
		if rng.Intn(2) == 0 {
			w.request += juno.RequestID(rng.Intn(3))
		}
		w.transfer("A", "B", 1)
		highest := w.request
		for range rng.Intn(4) {
			w.request = highest - juno.RequestID(1+rng.Intn(4000))
			w.transfer("A", "B", 1)
		}
		w.request = highest
	}
	o := newOracle(t, w)
	l := mustOpen(t, w.options(t.TempDir()))
	mustApply(t, l, w.log.entries...)
	used := make(map[juno.RequestID]juno.Index)
	for _, c := range o.commands {
		if used[c.RequestID] == 0 {
			used[c.RequestID] = c.LogIndex
		}
	}
	for id, want := range used {
		if got, ok, err := l.Find("alice", id); got != want || !ok || err != nil {
			t.Fatalf("request %d is at %d, %t, %v, want %d", id, got, ok, err, want)
		}
		if used[id+1] == 0 {
			if got, ok, err := l.Find("alice", id+1); ok || err != nil {
				t.Fatalf("request %d, never used, is at %d, %v", id+1, got, err)
			}
		}
	}
}
