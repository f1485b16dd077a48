package db

import (
	"slices"
	"strconv"
	"strings"

	"juno"
	"juno/db/sql"
	"juno/db/state"
)

// rowScan makes rows of entries: none, one or many per entry, in order, or in reverse order where
// the scan descends.
type rowScan[Row any] struct {
	entries    entryScan
	descending bool
	// make appends the rows of an entry, in ascending order.
	make func(rows []Row, e *decoded) ([]Row, error)
	rows []Row
	used int
}

func (s *rowScan[Row]) next() (*Row, error) {
	for s.used == len(s.rows) {
		e, err := s.entries.next()
		if err != nil || e == nil {
			return nil, err
		}
		if s.rows, err = s.make(s.rows[:0], e); err != nil {
			return nil, err
		}
		if s.used = 0; s.descending {
			slices.Reverse(s.rows)
		}
	}
	s.used++
	return &s.rows[s.used-1], nil
}

func rowsOfEntries[Row any](
	v *view, entries entryScan, descending bool, make func([]Row, *decoded) ([]Row, error),
) sql.Cursor[Row] {
	s := &rowScan[Row]{entries: entries, descending: descending, make: make}
	return &cursor[Row]{ctx: v.ctx, next: s.next, end: entries.close}
}

// transferID names a movement of money: its entry and its place in the command, "4711.0".
func transferID(index juno.Index, op int) string {
	b := strconv.AppendUint(make([]byte, 0, 24), uint64(index), 10)
	return string(strconv.AppendUint(append(b, '.'), uint64(op), 10))
}

// parseTransferID returns the entry that a transfer id names, false if it is none.
func parseTransferID(id string) (juno.Index, bool) {
	text, op, found := strings.Cut(id, ".")
	index, err := strconv.ParseUint(text, 10, 64)
	place, errOp := strconv.ParseUint(op, 10, 31)
	ok := found && err == nil && errOp == nil && transferID(juno.Index(index), int(place)) == id
	return juno.Index(index), ok
}

// Transfers returns the movements of money.
func (v *view) Transfers(scan sql.TransferScan) (sql.Cursor[sql.TransferRow], error) {
	entries, err := v.opScan(scan.Range, scan.TransferID, scan.Source, scan.Target)
	if err != nil {
		return nil, err
	}
	return rowsOfEntries(v, entries, scan.Descending, v.transferRows), nil
}

func (v *view) transferRows(rows []sql.TransferRow, e *decoded) ([]sql.TransferRow, error) {
	for i := range e.ops {
		op := &e.ops[i]
		scale, err := v.scale(op.Currency)
		if err != nil {
			return nil, err
		}
		rows = append(rows, sql.TransferRow{
			TransferID: transferID(e.Index, op.Number), LogIndex: e.Index, Op: uint32(op.Number),
			Source: op.Source, Target: op.Target, Currency: op.Currency, Amount: op.Amount,
			Scale: scale, Kind: op.Kind.String(), Reference: op.Label, Memo: op.Memo,
			Actor: e.actor, CommittedAt: e.Time,
		})
	}
	return rows, nil
}

// opScan returns the entries that can hold the movements asked for.
func (v *view) opScan(r sql.Range, id string, accounts ...string) (entryScan, error) {
	if id != "" {
		index, ok := parseTransferID(id)
		if !ok || index < r.From || index >= r.To || index < v.firstEntry(index) {
			return &pointScan{index: noIndex}, nil
		}
		return v.entriesAt(depthOps, onceIndex(index)), nil
	}
	var best *indexMerge
	for _, account := range accounts {
		if account == "" {
			continue
		}
		m, err := v.accountIndexes(account, r)
		if err != nil {
			return nil, err
		}
		if best == nil || m.count < best.count {
			best = m
		}
	}
	// Reading an entry by its index costs about as much as reading pointCost in a row.
	if best == nil || best.count*pointCost > uint64(r.To-min(r.From, r.To)) {
		return v.newEntryScan(r, depthOps), nil
	}
	return v.entriesAt(depthOps, best.next), nil
}

// pointCost is how many entries in a row cost as much as one that is looked up.
const pointCost = 8

func (v *view) entriesAt(d depth, index func() (juno.Index, bool, error)) entryScan {
	return &pointScan{ctx: v.ctx, decoder: v.l.newDecoder(d), index: index}
}

func noIndex() (juno.Index, bool, error) { return 0, false, nil }

func onceIndex(index juno.Index) func() (juno.Index, bool, error) {
	given := false
	return func() (juno.Index, bool, error) {
		if given {
			return 0, false, nil
		}
		given = true
		return index, true, nil
	}
}

// Postings returns the two sides of every movement, the debit first.
func (v *view) Postings(scan sql.PostingScan) (sql.Cursor[sql.PostingRow], error) {
	entries, err := v.opScan(scan.Range, scan.TransferID, scan.Account)
	if err != nil {
		return nil, err
	}
	p := &postings{v: v, balances: make(map[balanceOf]juno.Amount), running: !scan.Descending &&
		scan.TransferID == "" && scan.Account == ""}
	return rowsOfEntries(v, entries, scan.Descending, p.rows), nil
}

type balanceOf struct{ account, currency string }

// runningBalancesMax bounds the balances that a scan of postings carries along.
const runningBalancesMax = 100_000

// postings computes the balance after each posting. A scan that meets every entry carries the
// balances along; others read the balance before the entry.
type postings struct {
	v        *view
	running  bool
	balances map[balanceOf]juno.Amount
}

func (p *postings) rows(rows []sql.PostingRow, e *decoded) ([]sql.PostingRow, error) {
	if !p.running || len(p.balances) > runningBalancesMax {
		clear(p.balances)
	}
	for i := range e.ops {
		op := &e.ops[i]
		row := sql.PostingRow{
			LogIndex: e.Index, Op: uint32(op.Number), TransferID: transferID(e.Index, op.Number),
			Currency: op.Currency, Amount: op.Amount, Actor: e.actor, CommittedAt: e.Time,
		}
		for _, side := range [...]byte{'D', 'C'} {
			var err error
			row.Side, row.Account = side, op.Source
			amount := op.Amount.Neg()
			if side == 'C' {
				row.Account, amount = op.Target, op.Amount
			}
			row.BalanceAfter, err = p.post(e.Index, row.Account, op.Currency, amount)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// post returns the balance after amount was added.
func (p *postings) post(
	index juno.Index, account, currency string, amount juno.Amount,
) (juno.Amount, error) {
	of := balanceOf{account, currency}
	before, known := p.balances[of]
	if !known {
		key := state.AppendBalanceKey(nil, account, currency)
		b, _, err := parsed(p.v.l.store, key, index-1, state.ParseBalance)
		if err != nil {
			return before, err
		}
		before = b.Amount
		of = balanceOf{strings.Clone(account), strings.Clone(currency)}
	}
	after, err := before.Add(amount)
	p.balances[of] = after
	return after, err
}

// Log returns the entries.
func (v *view) Log(scan sql.Range) (sql.Cursor[sql.LogRow], error) {
	entries := v.newEntryScan(scan, depthEntry)
	return rowsOfEntries(v, entries, scan.Descending, v.logRows), nil
}

func (v *view) logRows(rows []sql.LogRow, e *decoded) ([]sql.LogRow, error) {
	link := e.Header()
	return append(rows, sql.LogRow{
		LogIndex: e.Index, Term: e.Term, Leader: v.l.leader(e.Term), Kind: e.Type.String(),
		PayloadHash: link.PayloadHash, Hash: e.Hash, PrevHash: e.prev, Bytes: len(e.Payload),
		CommittedAt: e.Time,
	}), nil
}

// leader returns who led a term, 0 if its membership is older than the history.
func (l *Ledger) leader(t juno.Term) juno.NodeID {
	for _, e := range *l.epochs.Load() {
		if e.config.Epoch == t.Epoch() {
			return e.config.Leader(t)
		}
	}
	return 0
}

// Commands returns the commands of clients, changes of keys among them.
func (v *view) Commands(scan sql.CommandScan) (sql.Cursor[sql.CommandRow], error) {
	if scan.Client == "" || scan.Request == 0 {
		entries := v.newEntryScan(scan.Range, depthCommand)
		return rowsOfEntries(v, entries, scan.Descending, commandRows), nil
	}
	index, err := v.l.find(v.ctx, scan.Client, scan.Request, min(scan.To, v.at+1))
	if err != nil {
		return nil, err
	}
	entries := entryScan(&pointScan{index: noIndex})
	if index >= scan.From && index > 0 {
		entries = v.entriesAt(depthCommand, onceIndex(index))
	}
	return rowsOfEntries(v, entries, scan.Descending, commandRows), nil
}

func commandRows(rows []sql.CommandRow, e *decoded) ([]sql.CommandRow, error) {
	if !e.isCommand {
		return rows, nil
	}
	row := sql.CommandRow{
		LogIndex: e.Index, Client: e.actor, KeyID: e.command.Key, RequestID: e.command.Request,
		Kind: e.verb, Body: e.command.Text, Status: "applied", Result: e.result.Value,
		CommittedAt: e.Time,
	}
	if e.result.Status != juno.StatusOK {
		row.Status, row.ErrorCode = "refused", string(e.result.Code)
		row.Result = e.result.Message
	}
	return append(rows, row), nil
}
