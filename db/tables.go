package db

import (
	"context"

	"juno"
	"juno/db/sql"
)

// Tables are what other rooms know and SQL shows. Every function may be nil; the table is empty
// then. The rows that they return are the ledger's to change.
type Tables struct {
	// Nodes returns what this node knows of the members now. Only members are shown.
	Nodes func(context.Context) ([]sql.NodeRow, error)
	// Snapshots returns the snapshots on this node's disk, in order of index.
	Snapshots func(context.Context) ([]juno.SnapshotInfo, error)
	// Snapshot verifies the file and the signatures of the snapshot at an index, and returns what
	// it says of itself.
	Snapshot func(ctx context.Context, index juno.Index) (SnapshotRecord, error)
	// Evidence returns the proofs of misbehaviour, in order of finding.
	Evidence func(context.Context) ([]sql.EvidenceRow, error)
	// Denied returns the commands that were refused before they reached the log, in order of time.
	Denied func(context.Context) ([]sql.DeniedRow, error)
}
