package wal

import (
	"errors"
	"fmt"

	"juno"
)

var (
	// ErrCorrupt marks bytes that no crash of ours can have left. The error is a *CorruptError.
	ErrCorrupt = errors.New("wal: corrupt")
	// ErrVersion is a directory written by a newer program: use that one.
	ErrVersion = errors.New("wal: written by a newer version of Juno")
	// ErrCluster is a directory that belongs to another cluster than the caller said.
	ErrCluster = errors.New("wal: belongs to another cluster")
	// ErrOptions is returned by Create and Open for options that make no sense.
	ErrOptions = errors.New("wal: options refused")
	// ErrExists is returned by Create where there is a log.
	ErrExists = errors.New("wal: directory holds a log already")
	// ErrNoLog is returned by Open where there is no log.
	ErrNoLog = errors.New("wal: directory holds no log")
	// ErrDiverged is returned by Open where the log ends before Options.Held, or has another chain
	// hash there than the caller: it is an older copy, its end is lost, or the two belong to
	// different histories.
	ErrDiverged = errors.New("wal: history differs from the one that the caller holds")
	// ErrFailed is the first failed write or sync, returned by every writing call after it. The
	// process must stop.
	ErrFailed = errors.New("wal: failed, stop the process")
	// ErrBatch is a batch that cannot be appended, for a mistake of the caller. Nothing happened.
	ErrBatch = errors.New("wal: batch refused")
	// ErrFloor is a batch that would cut back what is committed. Nothing happened.
	ErrFloor = errors.New("wal: cut below the committed floor refused")
	// ErrOutOfRange is an index that the log does not hold: before its start or behind its tip.
	ErrOutOfRange = errors.New("wal: index out of range")
	// ErrNoRecord is returned where there is no record of the kind at or above an index.
	ErrNoRecord = errors.New("wal: no such record")
	// ErrClosed is returned by every call on a log that was closed.
	ErrClosed = errors.New("wal: closed")
)

// CorruptError says where the damage is. errors.Is(err, ErrCorrupt) holds for it.
type CorruptError struct {
	File   string     // path of the file
	Offset int64      // of the first byte that could not be understood
	Index  juno.Index // entry that was expected there or next; 0 if that is not known
	Reason string     // what was expected and what was found
}

// Error names file, offset, index and reason.
func (e *CorruptError) Error() string {
	at := ""
	if e.Index != 0 {
		at = fmt.Sprintf(" (at entry %d)", e.Index)
	}
	return fmt.Sprintf("%v: %s at byte %d%s: %s", ErrCorrupt, e.File, e.Offset, at, e.Reason)
}

// Unwrap returns ErrCorrupt.
func (e *CorruptError) Unwrap() error { return ErrCorrupt }
