package rpc

import "time"

// Version is the version of all frames.
const Version = 1

// Limits of the protocol. A frame that breaks one is refused as malformed.
const (
	// FrameBytesMax bounds every frame: a batch of 1 MiB of commands fits with its head, and so
	// does the genesis with the most clients, or the largest end of an epoch.
	FrameBytesMax = 4 << 20
	// SubmitItemsMax bounds the things that one frame submits.
	SubmitItemsMax = 4096
	// AskRequestsMax bounds the requests that one frame asks about.
	AskRequestsMax = 4096
	// QueryBytesMax bounds a query: what one command may have.
	QueryBytesMax = 64 << 10
	// CellBytesMax bounds one cell of an answer, and with it a row of few columns.
	CellBytesMax = 1 << 20
	// ColumnsMax is SQLite's limit for the columns of an answer.
	ColumnsMax = 2000
	// rowsMax bounds the rows of one frame; StreamFrameBytes is reached long before.
	rowsMax = 1 << 16
	// StreamFrameBytes is how much a frame of a stream holds, if no row is larger.
	StreamFrameBytes = 64 << 10
	// CreditFirst is how many frames a stream may send before its first Credit.
	CreditFirst = 8
	// CreditMax bounds what may be granted ahead.
	CreditMax = 1024
	// NamesMax bounds the names of one completion.
	NamesMax = 1000
	// EpochsMax bounds the ends of epochs in one Info.
	EpochsMax = 64
	// epochsBytesMax is where a server stops adding ends of epochs to an Info.
	epochsBytesMax = 256 << 10
	// textBytesMax bounds words for people, and names of facts.
	textBytesMax = 16 << 10
	// factsMax bounds the facts of a status.
	factsMax = 4096
	// snapshotsMax bounds the snapshots of a list.
	snapshotsMax = 1000
	// adminBytesMax bounds what administrators hand in.
	adminBytesMax = 1 << 20
	// TimeoutMax bounds how long a request may take, whatever its client says.
	TimeoutMax = 10 * time.Minute
	// SessionLease is how long a session stays open without a request.
	SessionLease = 15 * time.Second
)
