package consensus

import (
	"crypto/sha256"
	"fmt"

	"juno"
)

// RecordKind says what a record of the log is, besides its entries. The numbers are those of
// package wal, which the host hands the records to.
type RecordKind uint8

// The kinds of records. Of the first four the newest counts, of the others all are kept.
const (
	RecordHardState  RecordKind = 0x10 // HardState
	RecordAccepted   RecordKind = 0x11 // the newest position taken from a leader, and its term
	RecordHigh       RecordKind = 0x12 // the highest prepare certificate
	RecordHeaders    RecordKind = 0x13 // headers of the uncommitted AppendEntries, to relay
	RecordProof      RecordKind = 0x20 // commit certificate; Index: the position it proves
	RecordEpoch      RecordKind = 0x21 // EpochRecord; Index: the Config entry
	RecordCheckpoint RecordKind = 0x22 // certificate of a snapshot; Index: the snapshot's
	RecordEvidence   RecordKind = 0x23 // Evidence; Index: what was final when it was found
)

var recordNames = map[RecordKind]string{
	RecordHardState: "hard-state", RecordAccepted: "accepted", RecordHigh: "high",
	RecordHeaders: "headers", RecordProof: "proof", RecordEpoch: "epoch",
	RecordCheckpoint: "checkpoint", RecordEvidence: "evidence",
}

// String returns the name that traces show.
func (k RecordKind) String() string {
	if name, ok := recordNames[k]; ok {
		return name
	}
	return fmt.Sprintf("record(%#02x)", uint8(k))
}

// Record is something that must not be forgotten, in canonical bytes. Within a kind that keeps
// all, Index never decreases.
type Record struct {
	Kind  RecordKind
	Index juno.Index
	Bytes []byte
}

// Stored is what a log holds when a node starts. Of an empty log only Genesis matters.
type Stored struct {
	// Genesis is the membership of epoch 0.
	Genesis *juno.EpochConfig
	// Start is the position before the first entry of the log, Last that of its last entry.
	// Both zero: the log is empty and begins at {0, Config.Cluster}.
	Start, Last juno.Pos
	// Records are, in any order between kinds, the newest HardState, Accepted, High and Headers,
	// the newest Proof and Checkpoint, and all Epoch records as they were written.
	Records []Record
}

// Format versions of the records' bodies.
const recordVersion = 1

// HardState is what a node must not forget besides its log and its certificates.
//
// Canonical bytes: version (1), flags (1: bit 0 Led is there, bit 1 Muted is there, bit 2
// halted), term (8), led (8, if there), muted (8, if there), mode nonce (uvarint), committed (40).
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
	ModeNonce uint64 // of the newest halt that was obeyed
	// Committed is the newest position known as final. It is a hint that saves fetching; it is
	// written lazily.
	Committed juno.Pos
}

const (
	hardStateLed    = 1
	hardStateMuted  = 2
	hardStateHalted = 4
)

func (h *HardState) record() Record {
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
	return Record{Kind: RecordHardState, Index: h.Committed.Index, Bytes: b}
}

// ParseHardState reads the bytes of a RecordHardState.
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

// Accepted is the end of the chain that a node took from the leader of Term.
//
// Canonical bytes: version (1), term (8), position (40).
type Accepted struct {
	Term juno.Term
	Pos  juno.Pos
}

func (a *Accepted) record() Record {
	b := juno.AppendU64(append(make([]byte, 0, 49), recordVersion), uint64(a.Term))
	return Record{Kind: RecordAccepted, Index: a.Pos.Index, Bytes: juno.AppendPos(b, a.Pos)}
}

// ParseAccepted reads the bytes of a RecordAccepted.
func ParseAccepted(b []byte) (a Accepted, err error) {
	d := juno.NewDecoder(b)
	d.Version(recordVersion, "accepted position")
	a.Term, a.Pos = juno.Term(d.U64()), d.Pos()
	if err := d.Done(); err != nil {
		return Accepted{}, fmt.Errorf("accepted position: %w", err)
	}
	return a, nil
}

// High is the highest prepare certificate that a node knows.
//
// Canonical bytes: version (1), flag (1: the certificate is there), term (8), position (40),
// certificate (AppendCertificate, if there).
type High struct {
	Rank Rank
	Pos  juno.Pos
	// Certificate proves it. It is nil at the base of an epoch, which the epoch's own
	// certificate proves, and where the node is a quorum by itself: then being accepted on its
	// own disk is all that a prepare certificate would say.
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

func (h *High) record() Record {
	b := juno.AppendBool(append(make([]byte, 0, 64), recordVersion), h.Certificate != nil)
	b = juno.AppendPos(juno.AppendU64(b, uint64(h.Rank.Term)), h.Pos)
	if h.Certificate != nil {
		b = juno.AppendCertificate(b, h.Certificate)
	}
	return Record{Kind: RecordHigh, Index: h.Pos.Index, Bytes: b}
}

// ParseHigh reads the bytes of a RecordHigh.
func ParseHigh(b []byte) (h High, err error) {
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
		return High{}, fmt.Errorf("highest certificate: %w", err)
	}
	return h, nil
}

// EpochRecord says that an epoch ended, how, and who the members of the next one are.
//
// Canonical bytes: version (1), payload of the Config entry (length-prefixed), certificate
// (AppendCertificate).
type EpochRecord struct {
	// Payload is that of the Config entry, a juno.ConfigChange; the head of the certificate
	// holds its hash.
	Payload     []byte
	Next        *juno.EpochConfig       // as in Payload
	Certificate *juno.QuorumCertificate // of kind Commit, detached
}

func appendEpochRecord(b []byte, e *EpochRecord) []byte {
	b = juno.AppendBytes(append(b, recordVersion), e.Payload)
	return juno.AppendCertificate(b, e.Certificate)
}

// Record returns what a log keeps of it.
func (e *EpochRecord) Record() Record {
	return Record{
		Kind: RecordEpoch, Index: e.Certificate.Pos.Index,
		Bytes: appendEpochRecord(nil, e),
	}
}

// ParseEpochRecord reads the bytes of a RecordEpoch.
func ParseEpochRecord(b []byte) (*EpochRecord, error) {
	d := juno.NewDecoder(b)
	e := decodeEpochRecord(d)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("epoch record: %w", err)
	}
	return e, nil
}

func decodeEpochRecord(d *juno.Decoder) *EpochRecord {
	d.Version(recordVersion, "epoch record")
	e := &EpochRecord{Payload: d.Bytes(juno.EntryPayloadBytesMax)}
	e.Certificate = d.Certificate()
	if d.Err() != nil {
		return e
	}
	change, err := juno.ParseConfigChange(e.Payload)
	switch c := e.Certificate; {
	case err != nil:
		d.Fail("epoch record: %v", err)
		return e
	case c.Kind != juno.Commit || !c.Detached || c.Head.Type != juno.EntryConfig:
		d.Fail("epoch record without a detached commit certificate of a config entry")
	case c.Head.PayloadHash != sha256.Sum256(e.Payload):
		d.Fail("epoch record with the certificate of another config entry")
	}
	e.Next = &change.Next
	return e
}

// proofRecord keeps a commit certificate.
func proofRecord(c *juno.QuorumCertificate) Record {
	return Record{Kind: RecordProof, Index: c.Pos.Index, Bytes: juno.AppendCertificate(nil, c)}
}

// ParseProof reads the bytes of a RecordProof.
func ParseProof(b []byte) (*juno.QuorumCertificate, error) {
	d := juno.NewDecoder(b)
	c := d.Certificate()
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("commit certificate: %w", err)
	}
	return c, nil
}
