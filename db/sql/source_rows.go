package sql

import "juno"

// The rows of the tables, as a Source hands them over. Empty text, zero indexes, zero times and
// zero hashes are shown as NULL; amounts always have a value. Scale is the number of decimal places
// that the currency fixes, ScaleNone if it fixes none; the *_minor columns come from it.

// ScaleNone says that a currency fixes no number of decimal places.
const ScaleNone int8 = -1

// AccountRow is one account in one currency.
type AccountRow struct {
	Name         string
	Currency     string
	Balance      juno.Amount
	Scale        int8
	OwnerKey     juno.KeyID
	Floor        juno.Amount // the balance must not go below it
	HasFloor     bool        // false: the account may be overdrawn without limit
	Status       string      // "open", "frozen", "closed"
	OpenedIndex  juno.Index
	OpenedAt     juno.Millis
	UpdatedIndex juno.Index
	UpdatedAt    juno.Millis
	Version      uint64 // how many changes the account has seen; 1 after its creation
}

// AccountChangeRow is an account right after one change of it.
type AccountChangeRow struct {
	AccountRow
	Change      string      // "created" or "changed"
	Delta       juno.Amount // balance after minus balance before
	LogIndex    juno.Index
	Actor       string // who signed the command
	CommittedAt juno.Millis
}

// CurrencyRow is one currency.
type CurrencyRow struct {
	Name         string
	Scale        int8
	Issuer       string // the issuance account
	Supply       juno.Amount
	CreatedIndex juno.Index
}

// TransferRow is one movement from one account to another.
type TransferRow struct {
	TransferID  string
	LogIndex    juno.Index
	Op          uint32 // place within its command, from 0
	Source      string
	Target      string
	Currency    string
	Amount      juno.Amount
	Scale       int8
	Kind        string
	Reference   string
	Memo        string
	Actor       string
	CommittedAt juno.Millis
}

// PostingRow is one side of a transfer. Per transfer and currency debits equal credits.
type PostingRow struct {
	LogIndex     juno.Index
	Op           uint32
	TransferID   string
	Account      string
	Currency     string
	Side         byte // 'D' or 'C'
	Amount       juno.Amount
	BalanceAfter juno.Amount
	Actor        string
	CommittedAt  juno.Millis
}

// CommandRow is one client command and what became of it.
type CommandRow struct {
	LogIndex    juno.Index
	Client      string
	KeyID       juno.KeyID
	RequestID   juno.RequestID
	Kind        string
	Body        string
	Status      string // "applied" or "refused"
	ErrorCode   string
	Result      string
	Cost        uint64
	CommittedAt juno.Millis
}

// LogRow is one entry of the log.
type LogRow struct {
	LogIndex    juno.Index
	Term        juno.Term
	Leader      juno.NodeID
	Kind        string
	PayloadHash juno.Hash
	Hash        juno.Hash // chain hash at this entry
	PrevHash    juno.Hash
	Bytes       int // of the payload
	CommittedAt juno.Millis
}

// ProofRow is one node's signature over a position of the chain.
type ProofRow struct {
	LogIndex   juno.Index
	CoversFrom juno.Index // the signature covers entries [CoversFrom, LogIndex]
	Node       juno.NodeID
	KeyID      juno.KeyID
	SignedHash juno.Hash
	Signature  juno.Signature
}

// KeyRow is one key and the part of the log it is valid in.
type KeyRow struct {
	KeyID        juno.KeyID
	Subject      string
	Role         string
	PublicKey    juno.PublicKey
	ValidFrom    juno.Index
	ValidTo      juno.Index // first index it is no longer valid at; 0: valid
	IntroducedBy juno.KeyID
	RevokedBy    juno.KeyID
}

// NodeRow is one member of the cluster as this node sees it.
type NodeRow struct {
	Node         juno.NodeID
	Address      string
	Role         string
	Voting       bool
	Term         juno.Term
	CommitIndex  juno.Index
	AppliedIndex juno.Index
	Hash         juno.Hash
	StateHash    juno.Hash
	LastSeen     juno.Millis
	Lag          uint64 // entries behind this node's commit index
}

// EvidenceRow is a proof of misbehaviour: two signed statements that no honest node makes both.
type EvidenceRow struct {
	EvidenceID string
	Kind       string
	Node       juno.NodeID
	LogIndex   juno.Index
	StatementA []byte
	StatementB []byte
	FoundAt    juno.Millis
}

// DeniedRow is a command that was refused before it reached the log.
type DeniedRow struct {
	At          juno.Millis
	Client      string
	Reason      string
	CommandHash juno.Hash
}

// SettingRow is one setting of the ledger.
type SettingRow struct {
	Name     string
	Value    string
	SetIndex juno.Index
}
