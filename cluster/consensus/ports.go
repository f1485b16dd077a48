package consensus

import "juno"

// Validator judges entries by the log before them: rule C1. It is a fold over the log prefix with
// undo, so that all correct nodes judge the same entry alike, however far each has executed.
//
// The core calls it in log order from one goroutine. It must be deterministic.
type Validator interface {
	// Append judges e, the entry right after all that were appended before, and folds it in.
	// After an error nothing is folded in. It judges payloads: signatures, request ids, expiry,
	// authorisation, mode, that a batch head is followed by exactly its commands. Chain, term,
	// time and what stands where are the core's own business.
	Append(e *juno.Entry) error
	// TruncateTo undoes every entry above index, which is never below the commit index.
	TruncateTo(index juno.Index)
}

// Pool holds what clients want to have in the log. The core takes from it while it leads.
// Calls come from the core's goroutine only.
type Pool interface {
	// Next removes and returns the oldest waiting entries, at most entriesMax and bytesMax
	// (of payload), fewer if no more wait. Only Type and Payload are set. A batch head comes
	// with all its commands behind it or not at all; if the very first one is bigger than the
	// limits it is returned alone, because it could never go otherwise.
	Next(entriesMax, bytesMax int) []juno.Entry
	// Len returns how many entries wait.
	Len() int
	// Requeue puts entries that lost their place back to the front, in their order. They were
	// in the log of a leader that was replaced before they committed.
	Requeue(entries []juno.Entry)
	// Reject gives back entries that the Validator refused: one entry, or a batch head with its
	// commands. They are gone unless the host keeps them.
	Reject(entries []juno.Entry, reason error)
	// OldestTicks returns how many ticks ago the oldest request was admitted that is neither
	// committed nor refused yet, also if it was taken or forwarded; false if there is none.
	OldestTicks() (ticks uint64, ok bool)
}

// Log reads what earlier Readies made durable and the core keeps no longer in memory. The core
// asks only for indices at or below the last one reported by Persisted. Answers must be what was
// appended: they are inputs like any other, and a Log that cannot read must stop the process.
type Log interface {
	// First returns the lowest index that can be read; 1 unless the log begins at a snapshot.
	First() juno.Index
	// HashAt returns the chain hash at index, for any index from First()-1 on.
	HashAt(index juno.Index) (juno.Hash, bool)
	// Entries returns the entries [lo, hi), cut short once they take more than bytesMax of
	// payload, but never to none.
	Entries(lo, hi juno.Index, bytesMax int) []juno.Entry
	// Certificate returns the commit certificate with the lowest position at or above index
	// that was ever in a RecordCommit or juno.RecordEpoch, or false.
	Certificate(index juno.Index) (*juno.QuorumCertificate, bool)
}

// Rand is the entropy of a node: for jitter and for choosing whom to ask. It need not be secret.
type Rand interface {
	// Uint64 returns the next number.
	Uint64() uint64
}
