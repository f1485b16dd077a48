package cluster

import (
	"errors"
	"fmt"

	"juno"
	"juno/cluster/consensus"
)

// applier executes final entries, outside the loop, and completes the tickets with their outcomes.
type applier struct {
	machine Machine
	states  States // nil: no checkpoints
	log     Log
	in      *queue[job]
	applied func(juno.Pos)
	// answer, if not nil, is called with executed entries and their results.
	answer func(upto juno.Pos, entries []juno.Entry, results []juno.Result)
	// executed is called with the state root after every entry that is a checkpoint.
	executed func(index juno.Index, root juno.Hash)
	fail     func(error)
	stopped  <-chan struct{}   // closed when the node has failed
	config   *juno.EpochConfig // in force at index
	index    juno.Index        // everything up to here is executed
	later    []job             // replays of entries that are not executed yet
	failed   bool              // the machine failed; nothing is executed any more
	batchEnd juno.Index        // last entry of the newest client batch
	due      bool              // a checkpoint is due, and waits for the end of a batch
}

var errMachineStopped = errors.New("the state machine has stopped")

// job is a stretch of final entries with the proposals in it; or a request that is in the log
// already and needs its first result; or a checkpoint that a quorum has signed; or a state that was
// fetched from others.
type job struct {
	committed *consensus.Committed
	proposals []*Proposal // by their index in the log

	replay *Proposal
	client string
	at     []juno.Index // indices of its commands; 0 is for Machine.Find, see also notInLog

	certified *juno.CheckpointCertificate

	install *installation
}

// run works until the queue is closed and empty, or the machine fails.
func (a *applier) run() {
	for {
		jobs, ok := a.in.take()
		if !ok {
			for _, j := range a.later {
				j.replay.ticket.finish(nil, juno.ErrUnknown)
			}
			return
		}
		for i := range jobs {
			if err := a.do(jobs[i]); err != nil {
				a.failed = true
				a.fail(err)
			}
		}
	}
}

// giveUp ends the tickets of a job that the machine did not execute completely.
func giveUp(j job, err error) {
	for _, p := range j.proposals {
		p.ticket.finish(nil, fmt.Errorf("%w (%w)", juno.ErrUnknown, err))
	}
	if j.replay != nil {
		j.replay.ticket.finish(nil, fmt.Errorf("%w (%w)", juno.ErrUnknown, err))
	}
}

func (a *applier) do(j job) error {
	switch {
	case a.failed:
		giveUp(j, errMachineStopped)
		return nil
	case j.replay != nil:
		a.replay(j)
		return nil
	case j.certified != nil:
		a.states.Certified(j.certified)
		return nil
	case j.install != nil:
		return a.install(j.install)
	}
	// After a restart the core may deliver entries that the machine has executed already, because
	// the commit index is written lazily.
	entries := j.committed.Entries
	for len(entries) > 0 && entries[0].Index <= a.index {
		entries = entries[1:]
	}
	results, err := a.execute(entries)
	if err != nil {
		err = fmt.Errorf("execute entries up to %s: %w", j.committed.Pos, err)
		giveUp(j, err)
		return err
	}
	a.index = max(a.index, j.committed.Pos.Index)
	for _, p := range j.proposals {
		a.complete(p, entries, results)
	}
	a.applied(j.committed.Pos)
	if a.answer != nil {
		a.answer(j.committed.Pos, entries, results)
	}
	waiting := a.later
	a.later = nil
	for _, r := range waiting {
		a.replay(r)
	}
	return nil
}

// execute applies entries, pausing at every checkpoint among them.
func (a *applier) execute(entries []juno.Entry) ([]juno.Result, error) {
	var results []juno.Result
	for len(entries) > 0 {
		n := a.untilCheckpoint(entries)
		part, err := a.machine.Apply(entries[:n])
		if err != nil {
			return nil, err
		}
		if results == nil {
			results = part
		} else {
			results = append(results, part...)
		}
		if err := a.checkpoint(entries[:n]); err != nil {
			return nil, err
		}
		entries = entries[n:]
	}
	return results, nil
}

// untilCheckpoint returns how many entries can be executed together: up to a checkpoint, or to a
// change of the membership, which may move the checkpoints. A checkpoint is at the first entry at
// or behind a multiple of the interval that is not inside a client's batch. That is the same entry
// on all nodes.
func (a *applier) untilCheckpoint(entries []juno.Entry) int {
	due := a.due
	for i := range entries {
		switch e := &entries[i]; e.Type {
		case juno.EntryConfig:
			return i + 1
		case juno.EntryBatchHead:
			if h, err := juno.ParseBatchHead(e.Payload); err == nil {
				a.batchEnd = e.Index + juno.Index(h.Count)
			}
		}
		due = due || uint64(entries[i].Index)%a.config.CheckpointEvery == 0
		if due && entries[i].Index >= a.batchEnd {
			return i + 1
		}
	}
	return len(entries)
}

// checkpoint handles a change of the membership or a checkpoint at the last executed entry. The
// entries before it in run can only have made a checkpoint due.
func (a *applier) checkpoint(run []juno.Entry) error {
	e := &run[len(run)-1]
	a.due = a.due || uint64(e.Index)/a.config.CheckpointEvery >
		uint64(run[0].Index-1)/a.config.CheckpointEvery
	if e.Type == juno.EntryConfig {
		change, err := juno.ParseConfigChange(e.Payload)
		if err != nil {
			return fmt.Errorf("the final entry %d is no membership change: %w", e.Index, err)
		}
		a.config = &change.Next
	}
	if a.states == nil || !a.due {
		return nil
	}
	hash, ok := a.log.HashAt(e.Index)
	if !ok {
		return fmt.Errorf("checkpoint at %d: the log does not hold it", e.Index)
	}
	root, ok, err := a.states.Checkpoint(juno.Pos{Index: e.Index, Hash: hash})
	if err != nil || !ok {
		return err // inside a batch: it is still due
	}
	a.due = false
	a.executed(e.Index, root)
	return nil
}

// complete ends a proposal whose entries are all in the executed stretch, or began in an earlier
// one: then the first results are read again.
func (a *applier) complete(p *Proposal, entries []juno.Entry, results []juno.Result) {
	n := len(p.commands())
	first := p.first + juno.Index(len(p.entries)-n)
	outcomes := make([]juno.Outcome, n)
	for i := range outcomes {
		index := first + juno.Index(i)
		if len(entries) == 0 || index < entries[0].Index {
			outcome, err := a.outcome(index)
			if err != nil {
				p.ticket.finish(nil, fmt.Errorf("%w: %w", juno.ErrUnknown, err))
				return
			}
			outcomes[i] = outcome
			continue
		}
		k := index - entries[0].Index
		outcomes[i] = juno.Outcome{Index: index, Time: entries[k].Time, Result: results[k]}
	}
	p.ticket.finish(outcomes, nil)
}

func (a *applier) outcome(index juno.Index) (juno.Outcome, error) {
	e, err := a.log.Entry(index)
	if err != nil {
		return juno.Outcome{}, err
	}
	r, err := a.machine.Result(index)
	return juno.Outcome{Index: index, Time: e.Time, Result: r}, err
}

// replay answers a request that is in the log with its first result, once it is executed.
func (a *applier) replay(j job) {
	commands := j.replay.commands()
	outcomes := make([]juno.Outcome, len(commands))
	missing := -1
	for i := range commands {
		if j.at[i] == notInLog {
			missing = i
			continue
		}
		index, err := a.locate(j, i)
		if err != nil {
			j.replay.ticket.finish(nil, err)
			return
		}
		if index > a.index {
			a.later = append(a.later, j)
			return
		}
		if err := a.sameCommand(j, i, index, &commands[i]); err != nil {
			j.replay.ticket.finish(nil, err)
			return
		}
		if outcomes[i], err = a.outcome(index); err != nil {
			j.replay.ticket.finish(nil, fmt.Errorf("%w: %w", juno.ErrUnknown, err))
			return
		}
		outcomes[i].Replayed = true
	}
	if missing >= 0 {
		j.replay.ticket.finish(nil, fmt.Errorf("%w, by itself: a part of the batch is in the log "+
			"without request %d, so the batch is not taken", juno.ErrUnknown,
			j.replay.request+juno.RequestID(missing)))
		return
	}
	j.replay.ticket.finish(outcomes, nil)
}

func (a *applier) locate(j job, i int) (juno.Index, error) {
	if j.at[i] != 0 {
		return j.at[i], nil
	}
	request := j.replay.request + juno.RequestID(i)
	index, ok, err := a.machine.Find(j.client, request)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", juno.ErrUnknown, err)
	}
	if !ok && a.log.First() > 1 {
		return 0, fmt.Errorf("request %d of %s: %w, or another node: this one does not hold the "+
			"history of that time", request, j.client, juno.ErrUnknown)
	}
	if !ok {
		return 0, fmt.Errorf("request %d of %s: %w, too long ago to find", request, j.client,
			juno.ErrReused)
	}
	return index, nil
}

// sameCommand returns an error unless the entry at index, which has the request's number, holds the
// same command.
func (a *applier) sameCommand(
	j job, i int, index juno.Index, again *juno.Entry,
) error {
	first, err := a.log.Entry(index)
	if err != nil {
		return fmt.Errorf("%w: %w", juno.ErrUnknown, err)
	}
	if juno.SameRequest(&first, again) {
		return nil
	}
	request := j.replay.request + juno.RequestID(i)
	if ask, ok := juno.AskOf(&first); ok && ask.Key == j.replay.key && ask.Request == request {
		return fmt.Errorf("%w: it is the one at index %d", juno.ErrReused, index)
	}
	if found, ok, err := a.machine.Find(j.client, request); err != nil || !ok || found != index {
		// The entry of another leader took this place in the meantime.
		return fmt.Errorf("%w: it lost its place at index %d", juno.ErrUnknown, index)
	}
	return fmt.Errorf("%w: it is the one at index %d", juno.ErrReused, index)
}
