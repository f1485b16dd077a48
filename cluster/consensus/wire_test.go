package consensus

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"juno"
)

var updateGolden = flag.Bool("golden", false, "write testdata/golden anew")

const goldenFile = "testdata/golden/wire.hex"

func testPos(i int) juno.Pos {
	return juno.Pos{Index: juno.Index(i), Hash: juno.Hash{byte(i), 0xaa, byte(i)}}
}

func testSigned(i int) signed {
	return signed{Key: juno.KeyID{1, byte(i)}, Signature: juno.Signature{2, byte(i)}}
}

func testVote(i int) juno.SignedVote {
	accepted, prepared := testPos(i+1), testPos(i)
	return juno.SignedVote{
		Vote: juno.Vote{
			Term: juno.TermOf(1, 2), Node: juno.NodeID(i), Accepted: &accepted,
			Prepared: &prepared, Committed: testPos(3),
		},
		Key: juno.KeyID{9}, Signature: juno.Signature{8},
	}
}

func testCertificate() *juno.QuorumCertificate {
	link := juno.EntryHeader{
		Term: juno.TermOf(1, 2), Time: 77, Type: juno.EntryConfig, PayloadHash: juno.Hash{5},
	}
	return &juno.QuorumCertificate{
		Term: juno.TermOf(1, 2), Pos: testPos(7), Kind: juno.Commit, Detached: true,
		Votes:    []juno.SignedVote{testVote(1), testVote(2)},
		PrevHash: juno.Hash{4}, Head: link, Headers: []juno.EntryHeader{link},
	}
}

func testAppendHeader(n int) AppendHeader {
	return AppendHeader{
		Term: juno.TermOf(1, 2), Leader: 3, Prev: testPos(7), Last: testPos(7 + n), Count: n,
		signed: testSigned(1),
	}
}

func testEntries(n int) []juno.Entry {
	entries := make([]juno.Entry, n)
	for i := range entries {
		entries[i] = juno.Entry{
			Index: juno.Index(8 + i), Term: juno.TermOf(1, 2), Time: 1000,
			Type: juno.EntryCommand, Payload: []byte("pay"),
		}
	}
	return entries
}

func testNewTerm(node int) *NewTerm {
	return &NewTerm{
		Term: juno.TermOf(1, 3), Node: juno.NodeID(node), Candidate: 4,
		Rank: Rank{juno.TermOf(1, 2), 7}, Pos: testPos(7), signed: testSigned(node),
	}
}

func testElection() *ElectionCertificate {
	return &ElectionCertificate{
		Term: juno.TermOf(1, 3), NewTerms: []*NewTerm{testNewTerm(1), testNewTerm(2)},
		Base: testCertificate(),
	}
}

// samples are messages of every kind, with everything in them that there can be, and without.
func samples() map[string]Message {
	want := testPos(9)
	full := testNewTerm(2)
	full.Certificate = testCertificate()
	config := juno.ConfigChange{Previous: juno.Hash{1}, Next: *testConfig(4)}
	config.Next.Epoch = 2
	payload := config.Payload()
	ended := testCertificate()
	ended.Head.PayloadHash = (&juno.Entry{Payload: payload}).Header().PayloadHash
	checkpoint := &juno.CheckpointCertificate{
		Epoch: 1, Index: 10, Hash: juno.Hash{1}, StateRoot: juno.Hash{2},
		Votes: []juno.CheckpointVote{testCheckpointVote(1), testCheckpointVote(2)},
	}
	approvals := []juno.Approval{{Key: juno.KeyID{1}}, {Key: juno.KeyID{2}}}
	return map[string]Message{
		"vote":          &Vote{testVote(1)},
		"vote-nothing":  &Vote{juno.SignedVote{Vote: juno.Vote{Term: 5, Node: 1}}},
		"term-change":   &TermChange{Term: 9, Node: 2, Cause: CauseEvidence, signed: testSigned(3)},
		"new-term":      full,
		"new-term-base": testNewTerm(1),
		"append": &Append{
			AppendHeader: testAppendHeader(2), Entries: testEntries(2),
			Election: testElection(),
		},
		"append-heartbeat": &Append{AppendHeader: testAppendHeader(0)},
		"sync-request": &SyncRequest{
			Node: 2, Nonce: 11, Term: 5, Commit: testPos(3), From: 4,
			Want: &want, BytesMax: 1 << 20, signed: testSigned(1),
		},
		"sync-request-plain": &SyncRequest{Node: 2, From: 1},
		"sync-reply": &SyncReply{
			Node: 2, Nonce: 11, Entries: testEntries(3),
			Proof: testCertificate(), Election: testElection(),
			Headers: []AppendHeader{testAppendHeader(1), testAppendHeader(2)}, Commit: testPos(5),
		},
		"sync-reply-empty": &SyncReply{Node: 2},
		"sync-reply-snapshot": &SyncReply{Node: 2, Nonce: 1, Snapshot: &SnapshotOffer{
			Epochs: []*juno.EpochRecord{{
				Payload: payload, Next: &config.Next,
				Certificate: ended,
			}},
			Checkpoint: checkpoint, Proof: testCertificate(),
		}},
		"checkpoint": &Checkpoint{
			Checkpoint: juno.Checkpoint{
				Epoch: 1, Index: 10, Hash: juno.Hash{1}, StateRoot: juno.Hash{2}, Node: 3,
			},
			signed: testSigned(4),
		},
		"evidence-chains": &Evidence{
			What:         EvidenceTwoChains,
			Headers:      []AppendHeader{testAppendHeader(1), testAppendHeader(2)},
			EntryHeaders: []juno.EntryHeader{ended.Head},
		},
		"evidence-invalid": &Evidence{
			What: EvidenceInvalid, Headers: []AppendHeader{testAppendHeader(2)},
			Entries: testEntries(2),
		},
		"evidence-votes": &Evidence{
			What:  EvidenceTwoVotes,
			Votes: []juno.SignedVote{testVote(1), testVote(1)},
		},
		"leave": &Leave{
			Node: 2, Epoch: 1, Reason: LeaveState, Mine: testPos(1), Theirs: testPos(2),
			signed: testSigned(1), Votes: []juno.SignedVote{testVote(3)},
			Proof: testCertificate(),
		},
		"halt": &Halt{Change: &juno.ModeChange{
			Halted: true, Nonce: 3, Reason: "fire",
			Approvals: approvals,
		}},
		"revolution": &Revolution{Term: 6, Leader: 2, Approvals: approvals},
	}
}

func sampleNames() []string {
	var names []string
	for name := range samples() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestWireGolden(t *testing.T) {
	var got strings.Builder
	all := samples()
	for _, name := range sampleNames() {
		fmt.Fprintf(&got, "%s %s\n", name, hex.EncodeToString(Encode(all[name])))
	}
	if *updateGolden {
		if err := os.WriteFile(goldenFile, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	wantLines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got.String(), "\n") {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Errorf("the bytes changed: got  %.200s\nwant %.200s", line,
				wantLines[min(i, len(wantLines)-1)])
		}
	}
}

func TestWireRoundTrip(t *testing.T) {
	for name, m := range samples() {
		b := Encode(m)
		read, err := Decode(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := Encode(read); !bytes.Equal(got, b) {
			t.Errorf("%s: read and written again it is\n%x, was\n%x", name, got, b)
		}
		if got, want := Describe(read), Describe(m); got != want {
			t.Errorf("%s: read as %q, was %q", name, got, want)
		}
		if got, want := len(read.statements(nil)), len(m.statements(nil)); got != want {
			t.Errorf("%s: %d signatures to check, was %d", name, got, want)
		}
	}
}

// TestWireStrict cuts, extends and spoils every message.
func TestWireStrict(t *testing.T) {
	for name, m := range samples() {
		b := Encode(m)
		for n := range b {
			if _, err := Decode(b[:n]); err == nil {
				t.Errorf("%s: the first %d of %d bytes are a message", name, n, len(b))
			}
		}
		if _, err := Decode(append(slices.Clone(b), 0)); err == nil {
			t.Errorf("%s: with a byte more it is a message", name)
		}
		for i := range b {
			for _, bit := range []byte{1, 0x80} {
				spoiled := slices.Clone(b)
				spoiled[i] ^= bit
				if read, err := Decode(spoiled); err == nil && !bytes.Equal(Encode(read), spoiled) {
					t.Errorf("%s: with byte %d spoiled it is written differently", name, i)
				}
			}
		}
	}
}

func TestWireKinds(t *testing.T) {
	seen := make(map[MessageKind]bool)
	for _, m := range samples() {
		seen[m.Kind()] = true
	}
	for k := range decoders {
		if decoders[k] != nil && !seen[MessageKind(k)] {
			t.Errorf("no sample of %s", MessageKind(k))
		}
	}
	for _, b := range [][]byte{nil, {1}, {1, 0}, {1, 12}, {1, 255}, {2, 1}} {
		if m, err := Decode(b); err == nil {
			t.Errorf("%x is %s", b, Describe(m))
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(Encode(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if got := Encode(m); !bytes.Equal(got, b) {
			t.Errorf("read and written again it is\n%x, was\n%x", got, b)
		}
		m.statements(nil)
		Describe(m)
	})
}

// recordSamples are records of every kind.
func recordSamples() []juno.Record {
	sample := samples()["sync-reply-snapshot"].(*SyncReply).Snapshot
	hard := HardState{
		Term: 5, Led: 4, EverLed: true, Muted: 5, EverMuted: true, Halted: true,
		ModeNonce: 300, Committed: testPos(2),
	}
	return []juno.Record{
		hard.record(), (&HardState{}).record(),
		(&Accepted{Term: 3, Pos: testPos(4)}).record(),
		(&HighQC{
			Rank: Rank{juno.TermOf(1, 2), 7}, Pos: testPos(7),
			Certificate: testCertificate(),
		}).record(),
		(&HighQC{Rank: Rank{2, 7}, Pos: testPos(7)}).record(),
		headersRecord([]AppendHeader{testAppendHeader(1)}, 3),
		testCertificate().Record(),
		sample.Epochs[0].Record(),
		sample.Checkpoint.Record(),
		{Kind: juno.RecordEvidence, Bytes: samples()["evidence-votes"].appendTo(nil)},
	}
}

// rewriteRecord reads a record and writes it again.
func rewriteRecord(r juno.Record) (juno.Record, error) {
	switch r.Kind {
	case juno.RecordHardState:
		h, err := ParseHardState(r.Bytes)
		return h.record(), err
	case juno.RecordAccepted:
		a, err := ParseAccepted(r.Bytes)
		return a.record(), err
	case juno.RecordHighQC:
		h, err := ParseHighQC(r.Bytes)
		return h.record(), err
	case juno.RecordHeaders:
		all, err := ParseHeaders(r.Bytes)
		return headersRecord(all, r.Index), err
	case juno.RecordProof:
		c, err := juno.ParseProof(r.Bytes)
		if err != nil {
			return r, err
		}
		return c.Record(), nil
	case juno.RecordEpoch:
		e, err := juno.ParseEpochRecord(r.Bytes)
		if err != nil {
			return r, err
		}
		return e.Record(), nil
	case juno.RecordCheckpoint:
		k, err := juno.ParseCheckpointCertificate(r.Bytes)
		if err != nil {
			return r, err
		}
		return k.Record(), nil
	case juno.RecordEvidence:
		e, err := ParseEvidence(r.Bytes)
		if err != nil {
			return r, err
		}
		return juno.Record{Kind: r.Kind, Bytes: e.appendTo(nil)}, nil
	}
	return r, fmt.Errorf("%s", r.Kind)
}

func TestRecordsRoundTrip(t *testing.T) {
	for _, r := range recordSamples() {
		again, err := rewriteRecord(r)
		if err != nil {
			t.Errorf("%s: %v", r.Kind, err)
		} else if !bytes.Equal(again.Bytes, r.Bytes) {
			t.Errorf("%s: read and written again it is\n%x, was\n%x", r.Kind, again.Bytes, r.Bytes)
		}
		for n := range r.Bytes {
			if _, err := rewriteRecord(juno.Record{Kind: r.Kind, Bytes: r.Bytes[:n]}); err == nil {
				t.Errorf("%s: the first %d of %d bytes are a record", r.Kind, n, len(r.Bytes))
			}
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, r := range recordSamples() {
		f.Add(byte(r.Kind), r.Bytes)
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		again, err := rewriteRecord(juno.Record{Kind: juno.RecordKind(kind), Bytes: b})
		if err == nil && !bytes.Equal(again.Bytes, b) {
			t.Errorf("%s: read and written again it is\n%x, was\n%x", juno.RecordKind(kind),
				again.Bytes, b)
		}
	})
}

func testCheckpointVote(id juno.NodeID) juno.CheckpointVote {
	s := testSigned(int(id))
	return juno.CheckpointVote{Node: id, Key: s.Key, Signature: s.Signature}
}
