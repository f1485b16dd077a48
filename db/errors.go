package db

import "errors"

var (
	// ErrCluster is a directory that holds the ledger of another cluster. Nothing was changed.
	ErrCluster = errors.New("db: belongs to another cluster")
	// ErrVersion is a directory written by a newer program: use that one, or delete the directory.
	ErrVersion = errors.New("db: written by a newer version of Juno")
	// ErrDiverged is a directory whose state is not one that the log leads to: the log is shorter,
	// or has another hash where the state stands. One of the two was put back from a backup.
	ErrDiverged = errors.New("db: state and log belong to different histories")
	// ErrBehind is a state that the log cannot bring forward: the entries after it are not held.
	ErrBehind = errors.New("db: the log begins after this state")
	// ErrDamaged is a directory that cannot be read. The log is the truth: it may be deleted, and
	// Rebuild makes it again.
	ErrDamaged = errors.New("db: damaged")
	// ErrLocked is a directory that another process, or another Ledger of this one, holds open.
	ErrLocked = errors.New("db: in use by another process")
	// ErrNoBase is returned where the log does not begin with the genesis and no snapshot is given
	// that it continues.
	ErrNoBase = errors.New("db: the log does not begin with the genesis, and there is no snapshot")
	// ErrBase is a snapshot whose elements are not the state that it names.
	ErrBase = errors.New("db: snapshot refused")
	// ErrFailed is the first failed write, returned by every call that writes after it. The
	// process must stop; what was acknowledged is in the log.
	ErrFailed = errors.New("db: failed, stop the process")
	// ErrFull is a disk without enough room to go on writing. It comes under ErrFailed.
	ErrFull = errors.New("db: disk full")
	// ErrRange is an index whose state is not there yet, or not held any more.
	ErrRange = errors.New("db: index out of range")
	// ErrNoPoint is an index that Elements cannot read: only sync points have session elements.
	ErrNoPoint = errors.New("db: not a sync point")
	// ErrClosed is returned by every call on a ledger that was closed.
	ErrClosed = errors.New("db: closed")
)
