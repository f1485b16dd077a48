package consensus

import (
	"fmt"

	"juno"
)

// Stored is the contents of a log when a node starts. Of an empty log only Genesis is used.
type Stored struct {
	// Genesis is the membership of epoch 0.
	Genesis *juno.EpochConfig
	// Start is the position before the first entry of the log, Last that of its last entry.
	// Both zero: the log is empty and begins at {0, Config.Cluster}.
	Start, Last juno.Pos
	// Records are, in any order between kinds, the newest HardState, Accepted, HighQC and Headers,
	// the newest Proof and Checkpoint, and all Epoch records as they were written.
	Records []juno.Record
}

// Format versions of the records' bodies.
const recordVersion = 1

// HardState is the durable state of a node besides its log and its certificates.
//
// Canonical bytes: version (1), flags (1: bit 0 Led is there, bit 1 Muted is there, bit 2 halted),
// term (8), led (8, if there), muted (8, if there), mode nonce (uvarint), committed (40).
type HardState struct {
	// Term is the newest term that the node entered. It signs nothing for older ones (E3).
	Term juno.Term
	// Led is the newest term that the node led, if EverLed. It never leads a term twice (F8).
	Led     juno.Term
	EverLed bool
	// Muted is the newest term in which the node may not accept any more, if EverMuted (F10).
	Muted     juno.Term
	EverMuted bool
	Halted    bool   // H1: no commands are proposed or accepted
	ModeNonce uint64 // of the newest mode change that was applied
	// Committed is a position known to be final. It is a hint that saves fetching; it is written
	// lazily.
	Committed juno.Pos
}

const (
	hardStateLed    = 1
	hardStateMuted  = 2
	hardStateHalted = 4
)

func (h *HardState) record() juno.Record {
	flags := byte(0)
	if h.EverLed {
		flags |= hardStateLed
	}
	if h.EverMuted {
		flags |= hardStateMuted
	}
	if h.Halted {
		flags |= hardStateHalted
	}
	b := append(make([]byte, 0, 80), recordVersion, flags)
	b = juno.AppendU64(b, uint64(h.Term))
	if h.EverLed {
		b = juno.AppendU64(b, uint64(h.Led))
	}
	if h.EverMuted {
		b = juno.AppendU64(b, uint64(h.Muted))
	}
	b = juno.AppendPos(juno.AppendUvarint(b, h.ModeNonce), h.Committed)
	return juno.Record{Kind: juno.RecordHardState, Index: h.Committed.Index, Bytes: b}
}

// ParseHardState reads the bytes of a juno.RecordHardState.
func ParseHardState(b []byte) (h HardState, err error) {
	d := juno.NewDecoder(b)
	d.Version(recordVersion, "hard state")
	flags := d.U8()
	if flags > hardStateLed|hardStateMuted|hardStateHalted {
		d.Fail("hard state with flags %d", flags)
	}
	h.EverLed, h.EverMuted = flags&hardStateLed != 0, flags&hardStateMuted != 0
	h.Halted = flags&hardStateHalted != 0
	h.Term = juno.Term(d.U64())
	if h.EverLed {
		h.Led = juno.Term(d.U64())
	}
	if h.EverMuted {
		h.Muted = juno.Term(d.U64())
	}
	h.ModeNonce, h.Committed = d.Uvarint(), d.Pos()
	if err := d.Done(); err != nil {
		return HardState{}, fmt.Errorf("hard state: %w", err)
	}
	return h, nil
}

// Accepted is the end of the chain that a node accepted from the leader of Term.
//
// Canonical bytes: version (1), term (8), position (40).
type Accepted struct {
	Term juno.Term
	Pos  juno.Pos
}

func (a *Accepted) record() juno.Record {
	b := juno.AppendU64(append(make([]byte, 0, 49), recordVersion), uint64(a.Term))
	return juno.Record{Kind: juno.RecordAccepted, Index: a.Pos.Index, Bytes: juno.AppendPos(b,
		a.Pos)}
}

// ParseAccepted reads the bytes of a juno.RecordAccepted.
func ParseAccepted(b []byte) (a Accepted, err error) {
	d := juno.NewDecoder(b)
	d.Version(recordVersion, "accepted position")
	a.Term, a.Pos = juno.Term(d.U64()), d.Pos()
	if err := d.Done(); err != nil {
		return Accepted{}, fmt.Errorf("accepted position: %w", err)
	}
	return a, nil
}

// HighQC is the highest prepare certificate that a node knows.
//
// Canonical bytes: version (1), flag (1: the certificate is there), term (8), position (40),
// certificate (AppendCertificate, if there).
type HighQC struct {
	Rank Rank
	Pos  juno.Pos
	// Certificate proves it. It is nil at the base of an epoch, which the epoch's own certificate
	// proves, and if the node is a quorum by itself: then its own accept, on its own disk, is all
	// that a prepare certificate would prove.
	Certificate *juno.QuorumCertificate
}

// Rank orders prepare certificates: first by term, then by index, never by index alone (F2).
type Rank struct {
	Term  juno.Term
	Index juno.Index
}

// Less reports whether r ranks below other.
func (r Rank) Less(other Rank) bool {
	return r.Term < other.Term || (r.Term == other.Term && r.Index < other.Index)
}

func (h *HighQC) record() juno.Record {
	b := juno.AppendBool(append(make([]byte, 0, 64), recordVersion), h.Certificate != nil)
	b = juno.AppendPos(juno.AppendU64(b, uint64(h.Rank.Term)), h.Pos)
	if h.Certificate != nil {
		b = juno.AppendCertificate(b, h.Certificate)
	}
	return juno.Record{Kind: juno.RecordHighQC, Index: h.Pos.Index, Bytes: b}
}

// ParseHighQC reads the bytes of a juno.RecordHighQC.
func ParseHighQC(b []byte) (h HighQC, err error) {
	d := juno.NewDecoder(b)
	d.Version(recordVersion, "highest certificate")
	proven := d.Bool()
	h.Rank.Term, h.Pos = juno.Term(d.U64()), d.Pos()
	h.Rank.Index = h.Pos.Index
	if proven {
		h.Certificate = d.Certificate()
		if c := h.Certificate; d.Err() == nil && (c.Pos != h.Pos || c.Term != h.Rank.Term) {
			d.Fail("highest certificate of %s at %s holds one of %s at %s",
				h.Rank.Term, h.Pos, c.Term, c.Pos)
		}
	}
	if err := d.Done(); err != nil {
		return HighQC{}, fmt.Errorf("highest certificate: %w", err)
	}
	return h, nil
}

// promise is one row of the table of docs/SPECIFICATION.md §3.4: what must be on disk before a
// message of a kind may leave, because a node that forgot it after a crash could contradict the
// message.
type promise struct {
	message MessageKind
	needs   string
	kept    func(d *Durable, m Message) bool
}

// promises is that table. Term changes, sync messages and checkpoints promise nothing of the kind;
// the last row applies to them too.
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

// Durable tracks what a node has on disk, and checks that no message leaves too early. The host
// asserts the promises of the core with it, and the simulator checks every message.
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

// Check returns an error for a message of this node that must not leave yet.
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
