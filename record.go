package juno

import (
	"crypto/sha256"
	"fmt"
)

// RecordKind says what a record of the log is. The numbers are part of the format. The log itself
// knows them only by two ranges: kinds of state and kinds of history.
type RecordKind uint8

// Kinds of state: the newest record of a kind replaces the older ones.
const (
	RecordHardState RecordKind = 0x10 // term, led term, halted, …: what a voter must not forget
	RecordAccepted  RecordKind = 0x11 // the newest position accepted from a leader, and its term
	RecordHighQC    RecordKind = 0x12 // the highest prepare certificate
	RecordHeaders   RecordKind = 0x13 // headers of the uncommitted AppendEntries, to relay
)

// Kinds of history: every record is kept, and found by its index.
const (
	RecordProof      RecordKind = 0x20 // commit certificate; index: the position that it proves
	RecordEpoch      RecordKind = 0x21 // EpochRecord; index: the Config entry
	RecordCheckpoint RecordKind = 0x22 // CheckpointCertificate; index: the checkpoint's
	RecordEvidence   RecordKind = 0x23 // contradicting messages; index: what was final then
)

// RecordKindMin and RecordKindMax bound all kinds; those from RecordHistoryMin on are history.
const (
	RecordKindMin    RecordKind = 0x10
	RecordHistoryMin RecordKind = 0x20
	RecordKindMax    RecordKind = 0x3f
)

// Valid reports whether k is a kind of state or of history, named above or not.
func (k RecordKind) Valid() bool { return k >= RecordKindMin && k <= RecordKindMax }

// History reports whether every record of the kind is kept.
func (k RecordKind) History() bool { return k >= RecordHistoryMin }

var recordNames = map[RecordKind]string{
	RecordHardState: "hard-state", RecordAccepted: "accepted", RecordHighQC: "high",
	RecordHeaders: "headers", RecordProof: "proof", RecordEpoch: "epoch",
	RecordCheckpoint: "checkpoint", RecordEvidence: "evidence",
}

// String returns the name that traces and dumps show.
func (k RecordKind) String() string {
	if name, ok := recordNames[k]; ok {
		return name
	}
	return fmt.Sprintf("record(%#02x)", uint8(k))
}

// Record is something that must not be forgotten, in canonical bytes. Consensus and verify know
// what it says; the log keeps it beside the entries.
type Record struct {
	Kind RecordKind
	// Index is what the record speaks about. Within a kind of history it never decreases; two
	// records of a kind may have the same.
	Index Index
	Bytes []byte
}

// Record returns what a log keeps of a commit certificate.
func (c *QuorumCertificate) Record() Record {
	return Record{Kind: RecordProof, Index: c.Pos.Index, Bytes: AppendCertificate(nil, c)}
}

// ParseProof reads the bytes of a RecordProof.
func ParseProof(b []byte) (*QuorumCertificate, error) {
	d := NewDecoder(b)
	c := d.Certificate()
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("commit certificate: %w", err)
	}
	return c, nil
}

// recordVersion is the format version of an epoch record's body.
const recordVersion = 1

// EpochRecord says that an epoch ended, how, and which members the next one has. It is an
// EpochChange in the form that a log keeps.
//
// Canonical bytes: version (1), payload of the Config entry (length-prefixed), certificate
// (AppendCertificate).
type EpochRecord struct {
	// Payload is that of the Config entry, a ConfigChange; the head of the certificate holds its
	// hash.
	Payload     []byte
	Next        *EpochConfig       // as in Payload
	Certificate *QuorumCertificate // of kind Commit, detached
}

// Change returns the same proof with the entry itself.
func (e *EpochRecord) Change() EpochChange {
	c := e.Certificate
	return EpochChange{
		Prev: c.PrevHash, Certificate: c,
		Entry: Entry{
			Index: c.Pos.Index, Term: c.Head.Term, Time: c.Head.Time,
			Type: EntryConfig, Payload: e.Payload,
		},
	}
}

// AppendEpochRecord appends the canonical bytes of e.
func AppendEpochRecord(b []byte, e *EpochRecord) []byte {
	b = AppendBytes(append(b, recordVersion), e.Payload)
	return AppendCertificate(b, e.Certificate)
}

// Record returns what a log keeps of it.
func (e *EpochRecord) Record() Record {
	return Record{
		Kind: RecordEpoch, Index: e.Certificate.Pos.Index, Bytes: AppendEpochRecord(nil, e),
	}
}

// ParseEpochRecord reads the bytes of a RecordEpoch. It checks the form only.
func ParseEpochRecord(b []byte) (*EpochRecord, error) {
	d := NewDecoder(b)
	e := d.EpochRecord()
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("epoch record: %w", err)
	}
	return e, nil
}

// EpochRecord reads what AppendEpochRecord wrote. It checks the form only.
func (d *Decoder) EpochRecord() *EpochRecord {
	d.Version(recordVersion, "epoch record")
	e := &EpochRecord{Payload: d.Bytes(EntryPayloadBytesMax)}
	e.Certificate = d.Certificate()
	if d.Err() != nil {
		return e
	}
	change, err := ParseConfigChange(e.Payload)
	switch c := e.Certificate; {
	case err != nil:
		d.Fail("epoch record: %v", err)
		return e
	case c.Kind != Commit || !c.Detached || c.Head.Type != EntryConfig:
		d.Fail("epoch record without a detached commit certificate of a config entry")
	case c.Head.PayloadHash != sha256.Sum256(e.Payload):
		d.Fail("epoch record with the certificate of another config entry")
	}
	e.Next = &change.Next
	return e
}
