package consensus

import (
	"fmt"

	"juno"
)

// promise is one row of the table of docs/SPECIFICATION.md §3.4: what must be on disk before a
// message of a kind may leave, because a node that forgot it after a crash could contradict the
// message.
type promise struct {
	message MessageKind
	needs   string
	kept    func(d *Durable, m Message) bool
}

// promises is that table. Wishes, sync messages, checkpoints and clients' answers promise nothing
// of the kind; the last row holds for them, too.
var promises = []promise{
	{KindNewTerm, "HardState.Term = the new-term message's", func(d *Durable, m Message) bool {
		return d.hard.Term >= m.(*NewTerm).Term
	}},
	{KindNewTerm, "HighQC = the new-term message's", func(d *Durable, m Message) bool {
		r := m.(*NewTerm)
		return d.highQC.Rank == r.Rank && d.highQC.Pos == r.Pos || r.Rank == d.baseRank
	}},
	{KindVote, "HardState.Term = the vote's", func(d *Durable, m Message) bool {
		return d.hard.Term >= m.(*Vote).Term
	}},
	{KindVote, "entries up to Accepted, and Accepted", func(d *Durable, m Message) bool {
		v := m.(*Vote)
		return v.Accepted == nil || (d.accepted.Term == v.Term &&
			d.accepted.Pos.Index >= v.Accepted.Index && d.last >= v.Accepted.Index)
	}},
	{KindVote, "HighQC at or above Prepared", func(d *Durable, m Message) bool {
		v := m.(*Vote)
		return v.Prepared == nil || !d.highQC.Rank.Less(Rank{v.Term, v.Prepared.Index})
	}},
	{KindAppend, "HardState.Led = the term", func(d *Durable, m Message) bool {
		ae := m.(*Append)
		return ae.Leader != d.id || (d.hard.EverLed && d.hard.Led >= ae.Term)
	}},
	{KindHalt, "HardState.ModeNonce", func(d *Durable, m Message) bool {
		return d.hard.ModeNonce >= m.(*Halt).Change.Nonce
	}},
	{anyKind, "EpochRecord of the epoch before", func(d *Durable, m Message) bool {
		return messageEpoch(m) <= d.epoch
	}},
}

const anyKind MessageKind = 0

// Durable follows what a node has on disk, and checks that nothing leaves before its time. The
// host asserts with it what the core promises; the simulator does at every message.
type Durable struct {
	id       juno.NodeID
	hard     HardState
	accepted Accepted
	highQC   HighQC
	last     juno.Index
	epoch    uint32
	baseRank Rank
}

// NewDurable returns what is on disk when a node starts.
func NewDurable(id juno.NodeID, st *Stored) (*Durable, error) {
	d := &Durable{id: id, last: st.Last.Index, epoch: st.Genesis.Epoch}
	for i := range st.Records {
		if err := d.note(&st.Records[i]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Synced notes that a Ready is on disk.
func (d *Durable) Synced(r *Ready) error {
	if r.Reset != nil {
		d.last = r.Reset.Index
	}
	if r.Truncate != nil {
		d.last = min(d.last, *r.Truncate)
	}
	if n := len(r.Append); n > 0 {
		d.last = r.Append[n-1].Index
	}
	for i := range r.Records {
		if err := d.note(&r.Records[i]); err != nil {
			return err
		}
	}
	return nil
}

func (d *Durable) note(r *juno.Record) (err error) {
	switch r.Kind {
	case juno.RecordHardState:
		d.hard, err = ParseHardState(r.Bytes)
	case juno.RecordAccepted:
		d.accepted, err = ParseAccepted(r.Bytes)
	case juno.RecordHighQC:
		d.highQC, err = ParseHighQC(r.Bytes)
	case juno.RecordEpoch:
		var e *juno.EpochRecord
		if e, err = juno.ParseEpochRecord(r.Bytes); err == nil {
			d.epoch = max(d.epoch, e.Next.Epoch)
			d.baseRank = Rank{e.Certificate.Head.Term, e.Certificate.Pos.Index}
		}
	}
	return err
}

// Check reports a message of ours that must not leave yet.
func (d *Durable) Check(m Message) error {
	for i := range promises {
		p := &promises[i]
		if (p.message == anyKind || p.message == m.Kind()) && !p.kept(d, m) {
			return fmt.Errorf("%s leaves before %s is on disk", Describe(m), p.needs)
		}
	}
	return nil
}

// messageEpoch returns the epoch that a message belongs to, 0 if to none.
func messageEpoch(m Message) uint32 {
	switch m := m.(type) {
	case *Vote:
		return m.Term.Epoch()
	case *NewTerm:
		return m.Term.Epoch()
	case *TermChange:
		return m.Term.Epoch()
	case *Append:
		return m.Term.Epoch()
	case *SyncRequest:
		return m.Term.Epoch()
	case *Checkpoint:
		return m.Epoch
	}
	return 0
}
