package shell

import (
	"context"

	"juno"
)

// Ledger is the ledger as the shell sees it: embedded in this process, or a cluster far away.
// cmd/juno implements it over both. One goroutine calls it at a time, except that Accounts and
// Head may be called by the line editor while nothing else runs.
//
// A method that takes a context returns soon after the context is done, with an error for which
// errors.Is(err, ctx.Err()) holds. Only Submit may leave something behind that went on without
// the caller; it says so per command (juno.ErrUnknown).
type Ledger interface {
	Text

	// Identity says who speaks to which ledger. It never changes.
	Identity() Identity

	// Head returns the newest entry that this side knows of. It is called before every prompt and
	// must not wait: a remote ledger returns what its last answer said.
	Head() juno.Head

	// Query starts one SQL statement. A refused statement is a *juno.QueryError, here or from
	// Rows.Err.
	Query(ctx context.Context, query juno.Query) (juno.Rows, error)

	// Submit signs and sends commands and waits for what became of them. It returns one outcome
	// per text, in the order of the texts, also when the context ended half-way. The error is for
	// what concerns them all before anything was sent: no key, no leader, a text too long.
	// progress may be nil.
	Submit(ctx context.Context, texts []string, mode juno.Mode, progress juno.Progress) (
		[]juno.Outcome, error)

	// Accounts returns at most limit names of accounts that begin with prefix, ignoring case
	// where that is cheap, in byte order: for completion. It is called with a short deadline.
	Accounts(ctx context.Context, prefix string, limit int) ([]string, error)

	// Receipt returns the self-contained proof of an entry as one JSON document.
	Receipt(ctx context.Context, index juno.Index) ([]byte, error)

	// Verify runs all checks over the entries [from, to); 0, 0 stands for everything that is held.
	// A check that finds a fault is a Finding with OK == false, not an error; an error means that
	// the checks could not be carried out. progress may be called from another goroutine.
	Verify(ctx context.Context, from, to juno.Index, progress juno.Progress) ([]juno.Finding, error)

	// Snapshot writes a snapshot of the state as it is now.
	Snapshot(ctx context.Context, progress juno.Progress) (juno.SnapshotInfo, error)

	// Status returns what an operator wants to know first, in the order to be shown.
	Status(ctx context.Context) ([]juno.Fact, error)
}

// Cluster is a Ledger that several nodes keep, so that a question can be put to one of them or to
// as many as it takes to believe the answer.
type Cluster interface {
	Ledger
	// Quorum reports whether the answers of Query are those that enough nodes agree on.
	Quorum() bool
	// SetQuorum chooses that, for the queries to come; otherwise one node answers.
	SetQuorum(on bool)
}

// Vouched is an answer that can say who stands behind it.
type Vouched interface {
	juno.Rows
	// Vouchers returns a few words for the line under the rows, "node1, node3 agree". It is asked
	// after the last row.
	Vouchers() string
}

// Text is what the shell has to know of the languages, whose readers live elsewhere. All methods
// are functions of their arguments and cheap enough for every keystroke.
type Text interface {
	// Detect tells a ledger command from SQL and says in which language it is. It is asked about
	// text that begins with neither space nor a backslash.
	Detect(text string) Detection

	// Split cuts SQL at its semicolons; strings and comments are respected. Statements that hold
	// only space and comments are left out. The last one has Complete == false where no semicolon
	// ended it, and is there even if it is only the beginning of a comment.
	Split(sql string) []juno.Statement

	// Parameters returns the names of a statement's parameters without their signs, and how many
	// arguments those want that go by position. A statement with a mistake in one has none.
	Parameters(sql string) (names []string, positions int)

	// Schema returns the tables and functions of SQL.
	Schema() juno.Schema
}

// Detection is what a text is.
type Detection struct {
	// Command says that the text goes to Submit; otherwise it is SQL.
	Command  bool
	Language juno.Language // of a command
	// Open says that a command goes on in the next line: a program with an open bracket.
	Open bool
}

// Identity says who speaks to which ledger.
type Identity struct {
	Ledger string // name of the ledger, as "demo": the base name of its directory, or an address
	Client string // whose commands these are; empty where there is no key, for reading only
	Key    juno.KeyID
	Remote bool // a cluster answers, not this process
}
