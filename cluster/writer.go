package cluster

import (
	"slices"

	"juno"
	"juno/cluster/consensus"
)

// proofEvery is how many entries may pass before a commit certificate is written, although a newer
// one will cover the same entries. Under load every batch has its own; with a single client there
// would otherwise be 200 bytes of proof for each command.
const proofEvery = 64

// writer makes Readies durable, outside the loop: it writes all that are waiting, then syncs once.
// It is the group commit.
type writer struct {
	log  Log
	in   *queue[writeJob]
	done func(persisted)
	fail func(error)

	proof      *juno.Record // the newest one, not written yet
	proofIndex juno.Index   // of the newest one that was written
}

// writeJob is a Ready to be made durable; or, with flushed set, a request to write everything that
// was deferred, and to close flushed.
type writeJob struct {
	ready      *consensus.Ready
	coreNumber int // see Node.restartCore
	flushed    chan struct{}
	// certified, if not 0, is a checkpoint that a quorum has signed.
	certified juno.Index
	// reset, if not nil, is closed when the log was restarted.
	reset chan struct{}
}

// persisted is a number of written Readies, and whether a sync came after them.
type persisted struct {
	jobs   []writeJob
	synced bool
}

// run works until the queue is closed and empty, or the log fails.
func (w *writer) run() {
	for {
		all, ok := w.in.take()
		if !ok {
			break
		}
		synced, err := w.write(all)
		if err != nil {
			w.fail(err)
			return
		}
		// A crash before this line breaks no promise: no vote and no answer has left yet.
		w.done(persisted{all, synced})
	}
	if err := w.finish(); err != nil {
		w.fail(err)
	}
}

func (w *writer) write(all []writeJob) (synced bool, err error) {
	sync := false
	for i := range all {
		if all[i].flushed != nil {
			if err := w.finish(); err != nil {
				return false, err
			}
			close(all[i].flushed)
			continue
		}
		if at := all[i].certified; at > 0 {
			if err := w.log.Certified(at); err != nil {
				return false, err
			}
			continue
		}
		rd := all[i].ready
		sync = sync || rd.Sync
		if rd.Reset != nil {
			w.proof, w.proofIndex = nil, rd.Reset.Index // the entries that it proves are gone
		}
		g := Group{
			Reset: rd.Reset, Truncate: rd.Truncate, Entries: rd.Append, Tip: rd.Tip,
			Records: w.deferProofs(rd.Records),
		}
		if g.Reset == nil && g.Truncate == nil && len(g.Entries) == 0 && len(g.Records) == 0 {
			continue
		}
		if err := w.log.Write(g); err != nil {
			return false, err
		}
		if all[i].reset != nil {
			close(all[i].reset)
		}
	}
	if !sync {
		return false, nil
	}
	return true, w.log.Sync()
}

// deferProofs holds commit certificates back until they cover enough entries.
func (w *writer) deferProofs(records []juno.Record) []juno.Record {
	proofs := func(r juno.Record) bool { return r.Kind == juno.RecordProof }
	if !slices.ContainsFunc(records, proofs) {
		return records
	}
	kept := make([]juno.Record, 0, len(records))
	for _, r := range records {
		if !proofs(r) {
			kept = append(kept, r)
			continue
		}
		proof := r
		w.proof = &proof
		if r.Index >= w.proofIndex+proofEvery {
			kept = append(kept, w.takeProof())
		}
	}
	return kept
}

func (w *writer) takeProof() juno.Record {
	r := *w.proof
	w.proof, w.proofIndex = nil, r.Index
	return r
}

// finish writes deferred certificates, after a pause and at a clean end.
func (w *writer) finish() error {
	if w.proof != nil {
		if err := w.log.Write(Group{Records: []juno.Record{w.takeProof()}}); err != nil {
			return err
		}
		if err := w.log.Sync(); err != nil {
			return err
		}
	}
	return w.log.Idle()
}
