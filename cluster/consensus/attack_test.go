package consensus

import (
	"runtime"
	"slices"
	"testing"

	"juno"
)

// These are the attacks of docs/SPECIFICATION.md §1 that no scenario can show, because they lie
// below the core: in the signatures and in the parser.

// forgedSigner signs with a real key, but for another cluster or as another kind of statement.
type forgedSigner struct {
	key     juno.PrivateKey
	cluster juno.ClusterID
	kind    juno.Kind // 0: what is asked for
	asked   juno.Kind
}

func (s *forgedSigner) Sign(kind juno.Kind, body []byte) (juno.KeyID, juno.Signature) {
	s.asked = kind
	if s.kind != 0 {
		kind = s.kind
	}
	e := juno.Seal(s.key, s.cluster, kind, body)
	return e.Key, e.Signature
}

// realKey is the key of a node.
func realKey(id int) juno.PrivateKey {
	return juno.NewPrivateKey([juno.SeedBytes]byte{byte(id), 7})
}

// realKeys knows the real keys of four nodes.
func realKeys(t *testing.T) *Keys {
	t.Helper()
	config := testConfig(4)
	for i := range config.Voters {
		config.Voters[i].Public = realKey(i + 1).Public()
	}
	keys, err := NewKeys(testCluster, config)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// signedMessages are messages of node 2 that it signs itself, one of each kind.
func signedMessages() []Message {
	return []Message{
		&TermChange{Term: 1, Node: 2, Cause: CauseTimeout},
		&NewTerm{Term: 1, Node: 2, Candidate: 3},
		&Append{AppendHeader: AppendHeader{Term: 1, Leader: 2}},
		&Vote{juno.SignedVote{Vote: juno.Vote{Term: 1, Node: 2}}},
		&SyncRequest{Node: 2, From: 1, Term: 1},
		&Checkpoint{Checkpoint: juno.Checkpoint{Node: 2, Index: 10}},
		&Leave{Node: 2, Reason: LeaveState},
	}
}

// TestAttack_B9 replays a signature across kinds and clusters. In the prototype neither was signed.
func TestAttack_B9(t *testing.T) {
	keys := realKeys(t)
	const kinds = 32 // more than there are
	for _, m := range signedMessages() {
		honest := &forgedSigner{key: realKey(2), cluster: testCluster}
		if _, err := Check(Sign(m, honest).Message(), keys); err != nil {
			t.Errorf("%s: %v", m.Kind(), err)
		}
		for kind := juno.Kind(1); kind < kinds; kind++ {
			if kind == honest.asked {
				continue
			}
			as := &forgedSigner{key: realKey(2), cluster: testCluster, kind: kind}
			if _, err := Check(Sign(m, as).Message(), keys); err == nil {
				t.Errorf("%s: good with a signature for kind %d, it is of kind %d", m.Kind(),
					kind, honest.asked)
			}
		}
		elsewhere := &forgedSigner{key: realKey(2), cluster: juno.ClusterID{0xc2}}
		if _, err := Check(Sign(m, elsewhere).Message(), keys); err == nil {
			t.Errorf("%s: good with a signature for another cluster", m.Kind())
		}
	}
}

// TestAttack_B1 signs in the name of node 2 with the key of node 3, with real signatures; see also
// the scenario b1_impersonation.
func TestAttack_B1(t *testing.T) {
	keys := realKeys(t)
	for _, m := range signedMessages() {
		forged := Sign(m, &forgedSigner{key: realKey(3), cluster: testCluster}).Message()
		if _, err := Check(forged, keys); err == nil {
			t.Errorf("%s of node 2: good with the signature of node 3", m.Kind())
		}
	}
}

// TestAttack_L8 gives the parser messages whose counts and lengths promise more than there is. What
// it allocates must be in proportion to what it was given.
func TestAttack_L8(t *testing.T) {
	bombs := [][]byte{
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, // fixed width, everything
		{0xff, 0xff, 0x7f},             // uvarint 2^21-1
		{0xff, 0xff, 0xff, 0xff, 0x0f}, // uvarint 2^32-1
		{0x7f},                         // uvarint 127
	}
	var before, after runtime.MemStats
	for name, m := range samples() {
		b := Encode(m)
		for at := 2; at < len(b); at++ {
			for _, bomb := range bombs {
				spoiled := slices.Concat(b[:at], bomb, b[min(at+len(bomb), len(b)):])
				if at%17 != 0 { // measuring stops the world: every place is tried, some are weighed
					_, _ = Decode(spoiled)
					continue
				}
				runtime.ReadMemStats(&before)
				_, _ = Decode(spoiled)
				runtime.ReadMemStats(&after)
				const perByte, slack = 64, 64 << 10
				got := after.TotalAlloc - before.TotalAlloc
				if most := uint64(perByte*len(spoiled) + slack); got > most {
					t.Errorf("%s with %x at %d: allocates %d bytes for %d, at most %d", name, bomb,
						at, got, len(spoiled), most)
				}
			}
		}
	}
}
