package consensus

import (
	"fmt"

	"juno"
)

// A client batch is judged as a whole (docs/SPECIFICATION.md §3.2), so it has to be decided as a
// whole: no term can begin in the middle of one, because the rest of it could not follow the start
// of the term. Correct nodes accept whole batches only. But a quorum is counted by positions, and
// one liar that names a position inside of a batch could make that the highest one that a quorum
// reached. Hence the rule (N9, E4, Y3): certificates, bases and commits count at the ends of
// batches only, and what is between them is rounded down, or refused. Everything that the argument
// of docs/SPECIFICATION.md §2.2 says of certificates is true of these: whatever a quorum voted for
// holds the rounded position.

// wholeTo returns the highest index, not above the one given, up to which our log holds no part of
// a batch only. What is final is whole.
func (c *Core) wholeTo(index juno.Index) juno.Index {
	if index <= c.commit.Index {
		return index
	}
	return c.commit.Index + juno.Index(uncut(c.log.slice(c.commit.Index+1, index+1)))
}

// isWhole reports whether a position on our log, or on a fragment, is at the end of a batch.
func (c *Core) isWhole(p juno.Pos, f *fragment) bool {
	if f == nil || p.Index <= f.start.Index {
		return !c.log.has(p) || c.wholeTo(p.Index) == p.Index
	}
	n := int(p.Index - f.start.Index)
	return uncut(f.entries[:n]) == n
}

// groupSize returns how many entries stand or fall with e: a batch head and its commands.
func groupSize(e *juno.Entry) int {
	if e.Type == juno.EntryBatchHead {
		if head, err := juno.ParseBatchHead(e.Payload); err == nil {
			return 1 + head.Count
		}
	}
	return 1
}

// groupLen returns how many of entries stand or fall with the first.
func groupLen(entries []juno.Entry) int {
	if len(entries) == 0 {
		return 0
	}
	return min(groupSize(&entries[0]), len(entries))
}

// uncut returns how many of entries, which begin with a whole group, come before a batch that is
// cut at their end. It looks back no further than a batch can reach.
func uncut(entries []juno.Entry) int {
	lowest := max(0, len(entries)-juno.BatchCommandsMax)
	for n := len(entries) - 1; n >= lowest; n-- {
		if entries[n].Type == juno.EntryCommand {
			continue
		}
		if n+groupSize(&entries[n]) > len(entries) {
			return n
		}
		break
	}
	return len(entries)
}

// refuseCut is what a position in the middle of a batch gets.
func refuseCut(what string, p juno.Pos) error {
	return fmt.Errorf("%s %s: it is in the middle of a client batch", what, p)
}
