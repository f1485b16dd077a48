package juno

import (
	"bytes"
	"fmt"
	"testing"
)

// testGenesis returns a ledger of n voters (keys 50+i), one observer, two admins (keys 90, 91),
// and the clients alice (operator, key 1) and bob (client, key 2).
func testGenesis(n int) *Genesis {
	g := &Genesis{Created: 1_700_000_000_000, Nonce: repeated(7), Config: EpochConfig{
		FirstLeader: 1, AdminThreshold: 2, CheckpointEvery: 10_000,
		Admins: []Admin{{"ada", testKey(90).Public()}, {"bela", testKey(91).Public()}},
	}}
	for i := 1; i <= n; i++ {
		g.Config.Voters = append(g.Config.Voters, Member{
			NodeID(i),
			fmt.Sprintf("127.0.0.1:%d", 7000+i), testKey(50 + i).Public(),
		})
	}
	g.Config.Observers = []Member{{200, "", testKey(49).Public()}}
	g.Clients = []ClientKey{
		{"alice", RoleOperator, testKey(1).Public()}, {"bob", RoleClient, testKey(2).Public()},
	}
	return g
}

// testConfigChange adds a voter (node100, key 300) to present, with all that Judge asks for.
func testConfigChange(present *EpochConfig, cluster ClusterID) *ConfigChange {
	next := *present
	next.Epoch++
	joining := testKey(300)
	next.Voters = append(next.Voters[:len(next.Voters):len(next.Voters)],
		Member{100, "127.0.0.1:7100", joining.Public()})
	c := &ConfigChange{Previous: present.Hash(), Next: next}
	c.Possess(joining, cluster)
	c.Approve(testKey(90), cluster)
	c.Approve(testKey(91), cluster)
	return c
}

// scene is a log of ten entries with everything in it. Entries 1 to 6 are of term 0.0, 7 and 8 of
// term 0.1, 9 and 10 of term 1.0.
type scene struct {
	t       testing.TB
	genesis *Genesis
	cluster ClusterID
	configs []EpochConfig // by epoch
	rings   []*Keyring    // by epoch
	entries []Entry       // entries[i] has index i+1
	hashes  []Hash        // hashes[i] is the chain hash at index i
}

func newScene(t testing.TB, voters int) *scene {
	t.Helper()
	g := testGenesis(voters)
	s := &scene{t: t, genesis: g, cluster: g.ID(), hashes: []Hash{g.ID()}}
	single := &Command{
		Request: 7, Expires: 300, Language: LanguageHoplite,
		Text: "transfer(alice->bob, 12.50)",
	}
	single.Sign(testKey(1), s.cluster)
	carol := testKey(21)
	register := &KeyOp{Action: KeyRegister, Request: 8, Subject: "carol", Role: RoleClient}
	register.Sign(testKey(1), &carol, s.cluster)
	head, batched := SignBatch(testKey(2), s.cluster, 8, []Command{
		{Text: "CreateAccount zoë"}, {Text: "ObserveAccounts"},
	})
	change := testConfigChange(&g.Config, s.cluster)
	late := &Command{Request: 1, Text: "ObserveAccount alice"}
	late.Sign(carol, s.cluster)
	s.add(TermOf(0, 0), EntryTermStart, repeatedBytes(0xec))
	s.add(TermOf(0, 0), EntryCommand, single.Payload())
	s.add(TermOf(0, 0), EntryKeyOp, register.Payload())
	s.add(TermOf(0, 0), EntryBatchHead, head.Payload())
	s.add(TermOf(0, 0), EntryCommand, batched[0])
	s.add(TermOf(0, 0), EntryCommand, batched[1])
	s.add(TermOf(0, 1), EntryTermStart, repeatedBytes(0xed))
	s.add(TermOf(0, 1), EntryConfig, change.Payload())
	s.add(TermOf(1, 0), EntryTermStart, repeatedBytes(0xee))
	s.add(TermOf(1, 0), EntryCommand, late.Payload())
	s.configs = []EpochConfig{g.Config, change.Next}
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

func (s *scene) add(term Term, kind EntryType, payload []byte) {
	n := len(s.entries)
	e := Entry{
		Index: Index(n + 1), Term: term, Time: s.genesis.Created + Millis(1000+n),
		Type: kind, Payload: payload,
	}
	s.entries = append(s.entries, e)
	s.hashes = append(s.hashes, e.ChainHash(s.hashes[n]))
}

// HashAt and HeaderAt make the scene a History.
func (s *scene) HashAt(i Index) (Hash, bool) {
	if i >= Index(len(s.hashes)) {
		return Hash{}, false
	}
	return s.hashes[i], true
}

func (s *scene) HeaderAt(i Index) (EntryHeader, bool) {
	if i == 0 || i > Index(len(s.entries)) {
		return EntryHeader{}, false
	}
	return s.entries[i-1].Header(), true
}

func (s *scene) entry(i Index) *Entry { return &s.entries[i-1] }

func (s *scene) pos(i Index) Pos { return Pos{i, s.hashes[i]} }

// nodeKey is the key of a voter of testGenesis or testConfigChange.
func nodeKey(id NodeID) PrivateKey {
	if id == 100 {
		return testKey(300)
	}
	return testKey(50 + int(id))
}

// vote is the vote of a voter that supports a certificate of that kind and term at index.
func (s *scene) vote(node NodeID, term Term, kind CertificateKind, index Index) SignedVote {
	p := s.pos(index)
	c := Vote{Term: term, Node: node, Accepted: &p, Committed: s.pos(0)}
	if kind == Commit {
		c.Prepared = &p
	}
	return SignVote(nodeKey(node), s.cluster, c)
}

// certificate returns one of a quorum's votes, all for index itself, of the term of the entry.
func (s *scene) certificate(kind CertificateKind, index Index) *QuorumCertificate {
	term := s.entry(index).Term
	cfg := &s.configs[term.Epoch()]
	c := &QuorumCertificate{Term: term, Pos: s.pos(index), Kind: kind}
	for _, m := range cfg.Voters[:cfg.Quorum()] {
		c.Votes = append(c.Votes, s.vote(m.ID, term, kind, index))
	}
	return c
}

// detached returns a certificate at index that can be checked without the log; its last vote is
// for a later position, furthest.
func (s *scene) detached(kind CertificateKind, index, furthest Index) *QuorumCertificate {
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
func (s *scene) answer(node NodeID, index Index, r Result) Answer {
	c, err := ParseCommand(s.entry(index).Payload)
	if err != nil {
		s.t.Fatal(err)
	}
	client := map[KeyID]string{
		testKey(1).Public().ID(): "alice", testKey(2).Public().ID(): "bob",
		testKey(21).Public().ID(): "carol",
	}[c.Key]
	a := Answer{
		Node: node, Client: client, Request: c.Request,
		Command: CommandID(s.entry(index).Payload), Pos: s.pos(index), Result: r,
	}
	a.Sign(nodeKey(node), s.cluster)
	return a
}
