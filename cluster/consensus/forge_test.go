package consensus_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/datadriven"

	"juno"
	"juno/cluster/consensus"
)

// forger speaks for a Byzantine node. It sees everything and signs with the keys of that node
// only.
func (s *script) say(d *datadriven.TestData) error {
	who := ids(d)[0]
	m, err := s.forge(who, d)
	if err != nil {
		return err
	}
	signAs := number(d, "sign-as", who)
	consensus.Sign(m, scribe{s.world, fakeKey('n', signAs)})
	for _, to := range strings.Split(arg(d, "to", ""), "/") {
		id, err := strconv.Atoi(to)
		if err != nil {
			return err
		}
		s.world.post(who, id, m)
	}
	s.world.log("%s", consensus.Describe(m))
	return nil
}

func term(text string) (juno.Term, error) {
	var epoch, round uint32
	if _, err := fmt.Sscanf(text, "%d.%d", &epoch, &round); err != nil {
		return 0, fmt.Errorf("term %q: %w", text, err)
	}
	return juno.TermOf(epoch, round), nil
}

// forge makes the message that a script asks for; 2:5 is the position at index 5 of node 2's log:
//
//	say 4 vote term=0.1 accepted=2:5 [prepared=2:4] [committed=2:3] to=1
//	say 4 term-change term=0.2 to=1/2 [end]
//	say 4 leave to=1/2
//	say 4 append term=0.3 prev=1:4 entries=start/x/y to=1
//	say 4 new-term term=0.3 high=2:5 of=0.1 to=1
func (s *script) forge(who int, d *datadriven.TestData) (consensus.Message, error) {
	t, err := term(arg(d, "term", "0.0"))
	if err != nil {
		return nil, err
	}
	node := juno.NodeID(number(d, "as", who))
	switch {
	case d.HasArg("vote"):
		v := &consensus.Vote{}
		v.Term, v.Node = t, node
		v.Accepted, v.Prepared = s.pos(d, "accepted"), s.pos(d, "prepared")
		if p := s.pos(d, "committed"); p != nil {
			v.Committed = *p
		}
		return v, nil
	case d.HasArg("term-change"):
		w := &consensus.TermChange{Term: t, Node: node, Cause: consensus.CauseTimeout}
		if d.HasArg("end") {
			w.Cause = consensus.CauseEnd
		}
		return w, nil
	case d.HasArg("leave"):
		return &consensus.Leave{Node: node, Epoch: t.Epoch(), Reason: consensus.LeaveState}, nil
	case d.HasArg("append"):
		return s.forgeAppend(node, t, d)
	case d.HasArg("reply"):
		return s.forgeReply(node, d)
	case d.HasArg("new-term"):
		r := &consensus.NewTerm{Term: t, Node: node, Candidate: s.world.genesis.Leader(t)}
		if p := s.pos(d, "high"); p != nil {
			r.Pos = *p
			r.Rank.Index = p.Index
		} else {
			r.Pos = juno.Pos{Hash: s.world.cluster}
		}
		if r.Rank.Term, err = term(arg(d, "of", "0.0")); err != nil {
			return nil, err
		}
		if text := arg(d, "cert", ""); text != "" {
			r.Certificate, err = s.forgeCertificate(text, d)
			r.Rank = consensus.Rank{Term: r.Certificate.Term, Index: r.Certificate.Pos.Index}
			r.Pos = r.Certificate.Pos
		}
		return r, err
	}
	return nil, fmt.Errorf("say what?")
}

// pos reads node:index, a position on somebody's log; or made:index of a forged chain.
func (s *script) pos(d *datadriven.TestData, key string) *juno.Pos {
	text := arg(d, key, "")
	if text == "" {
		return nil
	}
	id, index, ok := strings.Cut(text, ":")
	if !ok {
		panic(mistake(fmt.Sprintf("%s=%s", key, text)))
	}
	i, err := strconv.Atoi(index)
	if err != nil {
		panic(err)
	}
	if id == "made" {
		p := s.world.made[juno.Index(i)]
		return &p
	}
	n, err := strconv.Atoi(id)
	if err != nil {
		panic(err)
	}
	h, found := s.world.node(n).disk.HashAt(juno.Index(i))
	if !found {
		panic(mistake(fmt.Sprintf("node %d has no entry %d", n, i)))
	}
	return &juno.Pos{Index: juno.Index(i), Hash: h}
}

// forgeAppend makes entries on any position: start, config, or commands by their text. The chain
// that it makes can be named made: afterwards.
func (s *script) forgeAppend(leader juno.NodeID, t juno.Term, d *datadriven.TestData,
) (consensus.Message, error) {
	ae := &consensus.Append{}
	ae.Term, ae.Leader = t, leader
	prev := s.pos(d, "prev")
	if prev == nil {
		return nil, fmt.Errorf("append to what?")
	}
	ae.Prev = *prev
	ae.Last = ae.Prev
	entryTerm, err := term(arg(d, "entry-term", t.String()))
	if err != nil {
		return nil, err
	}
	if s.world.made == nil {
		s.world.made = make(map[juno.Index]juno.Pos)
	}
	s.world.made[ae.Prev.Index] = ae.Prev
	for _, name := range strings.Split(arg(d, "entries", ""), "/") {
		if name == "" {
			continue
		}
		e := juno.Entry{
			Index: ae.Last.Index + 1, Term: entryTerm,
			Time: juno.Millis(number(d, "time", 1000)), Type: juno.EntryCommand,
			Payload: []byte(name),
		}
		switch name {
		case "start":
			e.Type, e.Payload = juno.EntryTermStart, make([]byte, juno.HashBytes)
		case "noop":
			e.Type, e.Payload = juno.EntryNoop, nil
		case "config":
			next := *s.world.genesis
			next.Epoch++
			change := &juno.ConfigChange{Previous: s.world.genesis.Hash(), Next: next}
			e.Type, e.Payload = juno.EntryConfig, change.Payload()
		}
		ae.Entries = append(ae.Entries, e)
		ae.Last = juno.Pos{Index: e.Index, Hash: e.ChainHash(ae.Last.Hash)}
		s.world.made[e.Index] = ae.Last
	}
	ae.Count = len(ae.Entries)
	of, err := term(arg(d, "use", t.String())) // the new-term messages of another term
	if e := s.elections(d)[of]; e != nil && !d.HasArg("bare") {
		ae.Election = &consensus.ElectionCertificate{Term: t, NewTerms: e.NewTerms, Base: e.Base}
	}
	return ae, err
}

// forgeReply answers the newest request of a node with entries that nobody decided on, and a
// certificate that only the liar signed.
func (s *script) forgeReply(node juno.NodeID, d *datadriven.TestData) (consensus.Message, error) {
	to := number(d, "to", 0)
	asked := s.world.asked[[2]int{to, int(node)}]
	if asked == nil {
		return nil, fmt.Errorf("node %d asked node %d for nothing", to, node)
	}
	m, err := s.forgeAppend(node, asked.Term, d)
	if err != nil {
		return nil, err
	}
	ae := m.(*consensus.Append)
	v := &consensus.Vote{}
	v.Term, v.Node, v.Committed = asked.Term, node, ae.Last
	v.Accepted, v.Prepared = &ae.Last, &ae.Last
	consensus.Sign(v, scribe{s.world, fakeKey('n', int(node))})
	last := ae.Entries[len(ae.Entries)-1]
	before := ae.Prev.Hash
	for _, e := range ae.Entries[:len(ae.Entries)-1] {
		before = e.ChainHash(before)
	}
	return &consensus.SyncReply{
		Node: node, Nonce: asked.Nonce, Entries: ae.Entries, Commit: ae.Last,
		Proof: &juno.QuorumCertificate{
			Term: asked.Term, Pos: ae.Last, Kind: juno.Commit, Detached: true,
			PrevHash: before, Head: last.Header(), Votes: []juno.SignedVote{v.SignedVote},
		},
	}, nil
}

// forgeCertificate makes term:node:index, a prepare certificate for a position on a node's log, of
// votes that were sent in the term for anything behind it.
func (s *script) forgeCertificate(
	text string, d *datadriven.TestData,
) (*juno.QuorumCertificate, error) {
	parts := strings.SplitN(text, ":", 2)
	t, err := term(parts[0])
	if err != nil {
		return nil, err
	}
	d.CmdArgs = append(d.CmdArgs, datadriven.CmdArg{Key: "_at", Vals: []string{parts[1]}})
	at := *s.pos(d, "_at")
	id, _, _ := strings.Cut(parts[1], ":")
	n, err := strconv.Atoi(id)
	if err != nil {
		return nil, err
	}
	log := s.world.node(n).disk
	c := &juno.QuorumCertificate{Term: t, Pos: at, Kind: juno.Prepare, Detached: true}
	c.PrevHash, _ = log.HashAt(at.Index - 1)
	c.Head = log.entries[at.Index-1].Header()
	end := at.Index
	seen := make(map[juno.NodeID]bool)
	for i := len(s.world.votes) - 1; i >= 0; i-- {
		v := s.world.votes[i]
		if seen[v.Node] || v.Term != t || v.Accepted == nil {
			continue
		}
		h, ok := log.HashAt(v.Accepted.Index)
		if !ok || h != v.Accepted.Hash || v.Accepted.Index < at.Index {
			continue
		}
		seen[v.Node] = true
		end = max(end, v.Accepted.Index)
		c.Votes = append(c.Votes, v)
	}
	for i := at.Index + 1; i <= end; i++ {
		c.Headers = append(c.Headers, log.entries[i-1].Header())
	}
	return c, nil
}

// elections returns the elections that can be made from the new-term messages that were ever on the
// wire; of those of the nodes in election=1/2/3, if the script names them.
func (s *script) elections(d *datadriven.TestData) map[juno.Term]*consensus.ElectionCertificate {
	chosen := strings.Split(arg(d, "election", ""), "/")
	all := make(map[juno.Term]*consensus.ElectionCertificate)
	for t, newTerms := range s.world.newTerms {
		q := s.world.genesis.Quorum()
		if len(newTerms) < q {
			continue
		}
		e := &consensus.ElectionCertificate{Term: t}
		var top *consensus.NewTerm
		for id := juno.NodeID(1); int(id) <= len(s.world.nodes) && len(e.NewTerms) < q; id++ {
			r := newTerms[id]
			if r == nil || (chosen[0] != "" && !slices.Contains(chosen, fmt.Sprint(uint32(id)))) {
				continue
			}
			own := *r
			own.Certificate = nil
			e.NewTerms = append(e.NewTerms, &own)
			if top == nil || top.Rank.Less(r.Rank) {
				top = r
			}
		}
		if len(e.NewTerms) == q {
			e.Base = top.Certificate
			all[t] = e
		}
	}
	return all
}
