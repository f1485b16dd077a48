package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"juno"
)

// testGenesis returns a ledger of n voters (keys 50+i), one observer, two admins (keys 90, 91),
// and the clients alice (operator, key 1) and bob (client, key 2).
func testGenesis(n int) *juno.Genesis {
	g := &juno.Genesis{Created: 1_700_000_000_000, Nonce: repeated(7), Config: juno.EpochConfig{
		FirstLeader: 1, AdminThreshold: 2, CheckpointEvery: 10_000,
		Admins: []juno.Admin{
			{Name: "ada", Public: testKey(90).Public()}, {
				Name:   "bela",
				Public: testKey(91).Public(),
			},
		},
	}}
	for i := 1; i <= n; i++ {
		g.Config.Voters = append(g.Config.Voters, juno.Member{
			ID: juno.NodeID(i), Address: fmt.Sprintf("127.0.0.1:%d", 7000+i),
			Public: testKey(50 + i).Public(),
		})
	}
	g.Config.Observers = []juno.Member{{ID: 200, Public: testKey(49).Public()}}
	g.Clients = []juno.ClientKey{
		{Name: "alice", Role: juno.RoleOperator, Public: testKey(1).Public()}, {
			Name: "bob",
			Role: juno.RoleClient, Public: testKey(2).Public(),
		},
	}
	return g
}

// testConfigChange adds a voter (node100, key 300) to present, with all that Verify asks for.
func testConfigChange(present *juno.EpochConfig, cluster juno.ClusterID) *juno.ConfigChange {
	next := *present
	next.Epoch++
	joining := testKey(300)
	next.Voters = append(next.Voters[:len(next.Voters):len(next.Voters)],
		juno.Member{ID: 100, Address: "127.0.0.1:7100", Public: joining.Public()})
	c := &juno.ConfigChange{Previous: present.Hash(), Next: next}
	c.Possess(joining, cluster)
	c.Approve(testKey(90), cluster)
	c.Approve(testKey(91), cluster)
	return c
}

// scene is a log of ten entries with everything in it. Entries 1 to 6 are of term 0.0, 7 and 8 of
// term 0.1, 9 and 10 of term 1.0.
type scene struct {
	t       testing.TB
	genesis *juno.Genesis
	cluster juno.ClusterID
	configs []juno.EpochConfig // by epoch
	rings   []*juno.Keyring    // by epoch
	entries []juno.Entry       // entries[i] has index i+1
	hashes  []juno.Hash        // hashes[i] is the chain hash at index i
}

func newScene(t testing.TB, voters int) *scene {
	t.Helper()
	g := testGenesis(voters)
	s := &scene{t: t, genesis: g, cluster: g.ID(), hashes: []juno.Hash{g.ID()}}
	single := &juno.Command{
		Request: 7, Expires: 300, Language: juno.LanguageHoplite,
		Text: "transfer(alice->bob, 12.50)",
	}
	single.Sign(testKey(1), s.cluster)
	carol := testKey(21)
	register := &juno.KeyOp{
		Action: juno.KeyRegister, Request: 8, Subject: "carol",
		Role: juno.RoleClient,
	}
	register.Sign(testKey(1), &carol, s.cluster)
	head, batched := juno.SignBatch(testKey(2), s.cluster, 8, []juno.Command{
		{Text: "CreateAccount zoë"}, {Text: "ObserveAccounts"},
	})
	change := testConfigChange(&g.Config, s.cluster)
	late := &juno.Command{Request: 1, Text: "ObserveAccount alice"}
	late.Sign(carol, s.cluster)
	s.add(juno.TermOf(0, 0), juno.EntryTermStart, repeatedBytes(0xec))
	s.add(juno.TermOf(0, 0), juno.EntryCommand, single.Payload())
	s.add(juno.TermOf(0, 0), juno.EntryKeyOp, register.Payload())
	s.add(juno.TermOf(0, 0), juno.EntryBatchHead, head.Payload())
	s.add(juno.TermOf(0, 0), juno.EntryCommand, batched[0])
	s.add(juno.TermOf(0, 0), juno.EntryCommand, batched[1])
	s.add(juno.TermOf(0, 1), juno.EntryTermStart, repeatedBytes(0xed))
	s.add(juno.TermOf(0, 1), juno.EntryConfig, change.Payload())
	s.add(juno.TermOf(1, 0), juno.EntryTermStart, repeatedBytes(0xee))
	s.add(juno.TermOf(1, 0), juno.EntryCommand, late.Payload())
	s.configs = []juno.EpochConfig{g.Config, change.Next}
	for i := range s.configs {
		ring, err := s.configs[i].Keyring(s.cluster)
		if err != nil {
			t.Fatal(err)
		}
		s.rings = append(s.rings, ring)
	}
	return s
}

func repeated(b byte) [32]byte { return [32]byte(repeatedBytes(b)) }

func repeatedBytes(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func (s *scene) add(term juno.Term, kind juno.EntryType, payload []byte) {
	n := len(s.entries)
	e := juno.Entry{
		Index: juno.Index(n + 1), Term: term, Time: s.genesis.Created + juno.Millis(1000+n),
		Type: kind, Payload: payload,
	}
	s.entries = append(s.entries, e)
	s.hashes = append(s.hashes, e.ChainHash(s.hashes[n]))
}

// HashAt and HeaderAt make the scene a History.
func (s *scene) HashAt(i juno.Index) (juno.Hash, bool) {
	if i >= juno.Index(len(s.hashes)) {
		return juno.Hash{}, false
	}
	return s.hashes[i], true
}

func (s *scene) HeaderAt(i juno.Index) (juno.EntryHeader, bool) {
	if i == 0 || i > juno.Index(len(s.entries)) {
		return juno.EntryHeader{}, false
	}
	return s.entries[i-1].Header(), true
}

func (s *scene) entry(i juno.Index) *juno.Entry { return &s.entries[i-1] }

func (s *scene) pos(i juno.Index) juno.Pos { return juno.Pos{Index: i, Hash: s.hashes[i]} }

// nodeKey is the key of a voter of testGenesis or testConfigChange.
func nodeKey(id juno.NodeID) juno.PrivateKey {
	if id == 100 {
		return testKey(300)
	}
	return testKey(50 + int(id))
}

// vote is the vote of a voter that supports a certificate of that kind and term at index.
func (s *scene) vote(
	node juno.NodeID, term juno.Term, kind juno.CertificateKind, index juno.Index,
) juno.SignedVote {
	p := s.pos(index)
	c := juno.Vote{Term: term, Node: node, Accepted: &p, Committed: s.pos(0)}
	if kind == juno.Commit {
		c.Prepared = &p
	}
	return juno.SignVote(nodeKey(node), s.cluster, c)
}

// certificate returns one of a quorum's votes, all for index itself, of the term of the entry.
func (s *scene) certificate(kind juno.CertificateKind, index juno.Index) *juno.QuorumCertificate {
	term := s.entry(index).Term
	cfg := &s.configs[term.Epoch()]
	c := &juno.QuorumCertificate{Term: term, Pos: s.pos(index), Kind: kind}
	for _, m := range cfg.Voters[:cfg.Quorum()] {
		c.Votes = append(c.Votes, s.vote(m.ID, term, kind, index))
	}
	return c
}

// detached returns a certificate at index that can be checked without the log; its last vote is
// for a later position, furthest.
func (s *scene) detached(
	kind juno.CertificateKind, index, furthest juno.Index,
) *juno.QuorumCertificate {
	c := s.certificate(kind, index)
	last := &c.Votes[len(c.Votes)-1]
	*last = s.vote(last.Node, c.Term, kind, furthest)
	c.Detached, c.PrevHash, c.Head = true, s.hashes[index-1], s.entry(index).Header()
	for i := index + 1; i <= furthest; i++ {
		c.Headers = append(c.Headers, s.entry(i).Header())
	}
	return c
}

// answer is a voter's word on the command at index.
func (s *scene) answer(node juno.NodeID, index juno.Index, r juno.Result) juno.Answer {
	c, err := juno.ParseCommand(s.entry(index).Payload)
	if err != nil {
		s.t.Fatal(err)
	}
	client := map[juno.KeyID]string{
		testKey(1).Public().ID(): "alice", testKey(2).Public().ID(): "bob",
		testKey(21).Public().ID(): "carol",
	}[c.Key]
	a := juno.Answer{
		Node: node, Client: client, Request: c.Request,
		Command: juno.CommandID(s.entry(index).Payload), Pos: s.pos(index), Result: r,
	}
	a.Sign(nodeKey(node), s.cluster)
	return a
}

func testKey(n int) juno.PrivateKey {
	return juno.NewPrivateKey(
		sha256.Sum256(binary.BigEndian.AppendUint64([]byte("key"), uint64(n))))
}
