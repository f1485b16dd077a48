package sql

import (
	"context"

	"juno"
)

// Source is the ledger as the tables read it; the db room implements it. All methods may be
// called from many goroutines at once. Nothing behind this port ever writes.
//
// The engine pins one log index per statement: it calls Head once, opens a View there, and one
// more View for every other instant that the statement names. A View must stay readable and
// unchanged, whatever is committed meanwhile, until it is closed.
type Source interface {
	// Head returns the newest entry that every table already shows. It is cheap: it runs once
	// per statement. A ledger without entries has Head().Index == 0.
	Head() juno.Head

	// HeadAt returns the head as it was when at, which is held and not above Head, was the newest.
	HeadAt(at juno.Index) (juno.Head, error)

	// Held returns the indexes [lo, hi) whose state can still be read: lo is 1, or the index of
	// the snapshot that an imported or pruned ledger begins with; hi is at least Head().Index+1.
	// An empty ledger returns [1, 1).
	Held() (lo, hi juno.Index)

	// IndexAt returns the last entry committed at or before t, 0 if the log that is held begins
	// after t. Commit times never decrease along the log, so a binary search finds it.
	IndexAt(ctx context.Context, t juno.Millis) (juno.Index, error)

	// View opens the state right after entry at; at == 0 is the empty ledger. The engine asks
	// only for indexes that are held and not above the pinned head. ctx belongs to the statement:
	// once it is done every cursor of the view must return its error soon (look at it every few
	// hundred rows; the engine does the same between rows).
	View(ctx context.Context, at juno.Index) (View, error)

	// Verify starts a check. Rows come as the work proceeds, so that a caller can show progress;
	// a check that finds a fault returns a row with OK == false, not an error. An error means
	// that the check could not be carried out.
	Verify(ctx context.Context, request VerifyRequest) (Cursor[juno.Finding], error)
}

// View is every table at one moment: the state right after one log entry. One goroutine uses a
// view and its cursors at a time.
//
// Scans narrow what a cursor visits. A cursor may return rows outside the scan (the engine checks
// every condition again) but must never leave out a row that is inside. Order is binding: the
// engine drops its own sort where it asked for one.
type View interface {
	// Index returns the log index that the view shows.
	Index() juno.Index

	// Accounts returns the accounts in byte order of (name, currency). With Name set this is the
	// hot path: with Currency too it is one point read.
	Accounts(scan AccountScan) (Cursor[AccountRow], error)
	// AccountChanges returns one row per change of an account, in order of log index. With Name
	// set it walks that account's versions, otherwise the log.
	AccountChanges(scan AccountChangeScan) (Cursor[AccountChangeRow], error)
	// Currencies returns the currencies in byte order of name.
	Currencies() (Cursor[CurrencyRow], error)

	// Transfers returns the transfers in order of (log index, op). With Account, Source or Target
	// set a source may walk that account's history instead of the log.
	Transfers(scan TransferScan) (Cursor[TransferRow], error)
	// Postings returns the postings in order of (log index, op), the debit before the credit.
	// With Account set a source walks that account's history instead of the log.
	Postings(scan PostingScan) (Cursor[PostingRow], error)
	// Commands returns the commands in order of log index.
	Commands(scan CommandScan) (Cursor[CommandRow], error)
	// Log returns the entries in order of log index.
	Log(scan Range) (Cursor[LogRow], error)
	// Proofs returns the attestations in order of (log index, node): only those whose entry is at
	// or before the view, though they may have been signed later.
	Proofs(scan Range) (Cursor[ProofRow], error)

	// Keys returns all keys known at the view, revoked ones too, in order of key id.
	Keys() (Cursor[KeyRow], error)
	// Settings returns the settings in byte order of name.
	Settings() (Cursor[SettingRow], error)

	// The tables below are what this node saw and not part of the replicated state. A view of the
	// past returns the rows whose moment (index or time) is not after the view.

	// Nodes returns the members, and of each what this node knows last. There is no history of
	// it: a view of the past returns the members as of that index, live figures zero.
	Nodes() (Cursor[NodeRow], error)
	// Snapshots returns the snapshots on this node's disk in order of index.
	Snapshots() (Cursor[juno.SnapshotInfo], error)
	// Evidence returns proofs of misbehaviour in order of finding.
	Evidence() (Cursor[EvidenceRow], error)
	// Denied returns commands refused before they reached the log, in order of time.
	Denied() (Cursor[DeniedRow], error)

	// Close releases the view; its cursors are closed before.
	Close()
}

// Cursor reads rows one by one.
type Cursor[Row any] interface {
	// Next returns the next row, nil at the end. The row belongs to the cursor and is valid until
	// the next call; strings and byte slices in it may be kept, they never change.
	Next() (*Row, error)
	// Close releases the cursor. It is called exactly once.
	Close()
}

// Range is a stretch of the log and the direction it is read in.
type Range struct {
	From, To juno.Index // [From, To), already clipped to what the view shows; From >= 1
	// Descending asks for the newest first.
	Descending bool
	// RowsHint is how many rows the reader is likely to take before it stops; 0: all of them.
	// It never limits the answer.
	RowsHint int
}

// AccountScan narrows accounts. Empty fields do not narrow.
type AccountScan struct {
	Name     string // exactly this name
	Currency string // exactly this currency
	// NameFrom and NameTo bound the name in byte order: [NameFrom, NameTo).
	NameFrom, NameTo string
	RowsHint         int
}

// AccountChangeScan narrows the history of accounts. Empty fields do not narrow.
type AccountChangeScan struct {
	Range
	Name, Currency string
}

// TransferScan narrows transfers. Empty fields do not narrow.
type TransferScan struct {
	Range
	TransferID     string
	Source, Target string
}

// PostingScan narrows postings. Empty fields do not narrow.
type PostingScan struct {
	Range
	TransferID string
	Account    string
	// NoBalance says that nobody will read BalanceAfter: a source may leave it zero.
	NoBalance bool
}

// CommandScan narrows commands. Empty fields do not narrow. Client and Request together name at
// most one command.
type CommandScan struct {
	Range
	Client  string
	Request juno.RequestID
}

// VerifyKind names a check.
type VerifyKind uint8

// The checks, one table-valued function each.
const (
	VerifyChain      VerifyKind = iota // recompute the hash chain over [From, To)
	VerifySignatures                   // check every client signature in [From, To)
	VerifyProofs                       // check every attestation of [From, To)
	VerifyBalances                     // recompute every balance at To-1 from the postings
	VerifySnapshot                     // check the snapshot at index From and replay up to it
	VerifyAll                          // all of these
)

// VerifyRequest asks for one check over the entries [From, To). The engine has clipped the range
// to what is held and to the pinned head.
type VerifyRequest struct {
	Kind     VerifyKind
	From, To juno.Index
}
