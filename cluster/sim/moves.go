package sim

import (
	"slices"

	"juno"
	"juno/cluster/consensus"
)

// move is something that the adversary does now and then.
type move struct {
	name  string
	every Micros // mean distance
	make  func(a *adversary)
}

// moves are the moves of the adversary besides the styles of its nodes, each with a name that plans
// show. "echo" and "usurp" also happen in answer to messages of correct nodes.
var moves = []move{
	{"echo", 40 * millisecond, (*adversary).echo},
	{"usurp", 60 * millisecond, (*adversary).usurpAgain},
	{"fork", 30 * millisecond, (*adversary).goOn},
	{"new-term", 50 * millisecond, (*adversary).newTermLie},
	{"term-change", 80 * millisecond, (*adversary).termChangeSpam},
	{"leap", 500 * millisecond, (*adversary).termChangeLeap},
	{"invalid", 60 * millisecond, (*adversary).invalid},
	{"seal", 60 * millisecond, (*adversary).afterConfig},
	{"replay", 30 * millisecond, (*adversary).sayAgain},
	{"garbage", 30 * millisecond, (*adversary).garbage},
	{"commit", 50 * millisecond, (*adversary).claimCommit},
	{"checkpoint", 80 * millisecond, (*adversary).checkpointLie},
	{"accuse", 80 * millisecond, (*adversary).accuse},
	{"leave", 400 * millisecond, (*adversary).leave},
	{"answer", 20 * millisecond, (*adversary).answerAsk},
	{"repeat", 50 * millisecond, (*adversary).repeatRequest},
	{"proof", 50 * millisecond, (*adversary).proofLie},
}

func moveNames() []string {
	var all []string
	for _, m := range moves {
		all = append(all, m.name)
	}
	return all
}

// makes reports whether a move is part of the plan.
func (a *adversary) makes(name string) bool { return slices.Contains(a.w.plan.Moves, name) }

// react answers the vote of a correct node at once, in one of the ways of echo.
func (a *adversary) react(v *consensus.Vote) {
	if a.makes("echo") && a.rng.IntN(3) == 0 {
		a.echoOf(&v.SignedVote)
	}
}

// echo votes for what some correct node voted for: for every fork, to all nodes or to one.
func (a *adversary) echo() {
	if c, ok := pick(a.rng, a.votes); ok {
		a.echoOf(&c)
	}
}

func (a *adversary) echoOf(c *juno.SignedVote) {
	if c.Accepted == nil {
		return
	}
	accepted := a.w.oracle.tree.at(*c.Accepted)
	prepared := accepted
	if a.rng.IntN(3) == 0 {
		prepared = nil
	}
	to := a.some()
	for _, id := range a.ids {
		if v, ok := a.vote(id, c.Term, accepted, prepared); ok {
			a.launch(newPacket(id, v), to)
		}
	}
}

// usurp leads a term, in two or three ways at once, when the new-term messages for it arrive.
func (a *adversary) usurp(r *consensus.NewTerm) {
	if a.makes("usurp") && a.w.isByzantine(r.Candidate) {
		a.usurpTerm(r.Term)
	}
}

// usurpAgain tries the newest terms that one of the adversary's nodes may lead.
func (a *adversary) usurpAgain() {
	for t := a.newest; t+3 > a.newest && t.Round() > 0; t-- {
		a.usurpTerm(t)
	}
	if a.newest.Round() == 0 {
		a.usurpTerm(a.newest)
	}
}

// forksMax bounds the chains that one term is led with.
const forksMax = 3

func (a *adversary) usurpTerm(t juno.Term) {
	config := a.w.oracle.config(t)
	if config == nil || !a.w.isByzantine(config.Leader(t)) {
		return
	}
	mine := 0
	for _, f := range a.forks {
		if f.term == t {
			mine++
		}
	}
	if mine >= forksMax {
		return
	}
	f := &fork{term: t, leader: config.Leader(t), shown: a.half()}
	if t.Round() == 0 {
		f.base = a.w.oracle.tree.at(a.w.oracle.bases[t.Epoch()])
	} else if f.election, f.base = a.elect(t); f.base == nil {
		return
	}
	f.tip = f.base
	a.forks = remember(a.forks, f, thingsSeen)
	if f.base.endsEpoch(t) && a.rng.IntN(4) > 0 {
		a.show(f, nil, a.members(f.shown)) // the seal
	} else {
		a.show(f, a.extend(f, a.rng.IntN(3)), a.members(f.shown))
	}
	a.support(f)
}

// goOn lengthens one of the forks.
func (a *adversary) goOn() {
	f, ok := pick(a.rng, a.forks)
	if !ok {
		return
	}
	if a.rng.IntN(4) == 0 {
		f.shown |= a.half()
	}
	a.show(f, a.extend(f, 1+a.rng.IntN(2)), a.members(f.shown))
	a.support(f)
}

// support votes for a fork, to the parties that see it.
func (a *adversary) support(f *fork) {
	to := a.members(f.shown)
	for _, id := range a.ids {
		if v, ok := a.vote(id, f.term, f.tip, f.tip); ok {
			a.launch(newPacket(id, v), to)
		}
	}
}

// newTermLie sends a new-term message with an old certificate, or a lower one than is known, to the
// leader of a term.
func (a *adversary) newTermLie() {
	t := a.newest + juno.Term(a.rng.IntN(2))
	id := a.one()
	r := a.lie(id, t)
	if r != nil {
		a.launch(newPacket(id, r), []juno.NodeID{r.Candidate})
	}
}

// termChangeSpam asks for the next term again and again.
func (a *adversary) termChangeSpam() {
	for _, id := range a.ids {
		w := &consensus.TermChange{Term: a.newest + 1, Node: id, Cause: consensus.CauseTimeout}
		a.say(id, w.Term.Epoch(), w, a.some())
	}
}

// termChangeLeap asks for a term that is far away, or in another epoch.
func (a *adversary) termChangeLeap() {
	id := a.one()
	t := a.newest + juno.Term(a.rng.Uint32N(1<<31))
	if a.rng.IntN(4) == 0 {
		t = juno.TermOf(a.newest.Epoch(), ^uint32(0))
	}
	a.say(id, t.Epoch(), &consensus.TermChange{Term: t, Node: id, Cause: consensus.CauseEvidence},
		a.some())
}

// invalid shows entries that no validator may accept, as the leader of a fork.
func (a *adversary) invalid() {
	f, ok := pick(a.rng, a.forks)
	if !ok {
		return
	}
	own := *f // the fork itself stays sound
	entries := a.extend(&own, 2)
	e := &entries[a.rng.IntN(len(entries))]
	switch a.rng.IntN(8) {
	case 0:
		e.Term--
	case 1:
		e.Time = 1
	case 2:
		e.Type = juno.EntryConfig
	case 3:
		e.Payload = []byte("nonsense")
	case 4: // a command that is in the log already (B6)
		if old, ok := pick(a.rng, a.w.oracle.golden[1:]); ok {
			e.Type, e.Payload = old.entry.Type, old.entry.Payload
		}
	case 5:
		e.Time += 1 << 40
	case 6:
		entries = append(entries[:1], entries...)
	case 7: // the term, begun where it does not begin
		a.beginElsewhere(f)
		return
	}
	a.show(&own, entries, a.members(own.shown))
}

// beginElsewhere leads a term from a position that some correct node accepted, whatever the
// election says.
func (a *adversary) beginElsewhere(f *fork) {
	c, ok := pick(a.rng, a.votes)
	if !ok || c.Accepted == nil {
		return
	}
	at := a.w.oracle.tree.at(*c.Accepted)
	if at == nil || at == f.base {
		return
	}
	own := &fork{term: f.term, leader: f.leader, election: f.election, tip: at, shown: a.half()}
	if a.rng.IntN(2) == 0 {
		own.base = at // it gets a start of the term, too
	}
	a.show(own, a.extend(own, 2), a.members(own.shown))
	a.support(own)
}

// afterConfig tries to go on behind the end of an epoch.
func (a *adversary) afterConfig() {
	change := a.w.admin.change
	f, ok := pick(a.rng, a.forks)
	if !ok || change == nil {
		return
	}
	own := f
	if a.rng.IntN(2) == 0 {
		entries := a.extend(own, 0)
		e := change.entries[0]
		e.Index = own.tip.pos.Index + 1 + juno.Index(len(entries))
		e.Term, e.Time = own.term, own.tip.entry.Time
		if len(entries) > 0 {
			e.Time = max(e.Time, entries[len(entries)-1].Time)
		}
		a.show(own, append(entries, e), a.members(own.shown))
	}
	a.show(own, a.extend(own, 1), a.members(own.shown))
	a.support(own)
}

// sayAgain replays a message of a correct node, perhaps in an epoch that is over.
func (a *adversary) sayAgain() {
	if p, ok := pick(a.rng, a.packets); ok {
		a.launch(p, a.some())
	}
}

// garbage sends bytes: noise, or a message with a few bits flipped.
func (a *adversary) garbage() {
	var b []byte
	if p, ok := pick(a.rng, a.packets); ok && a.rng.IntN(4) > 0 {
		b = slices.Clone(p.bytes)
		for range 1 + a.rng.IntN(3) {
			b[a.rng.IntN(len(b))] ^= 1 << a.rng.IntN(8)
		}
		b = b[:1+a.rng.IntN(len(b))]
	} else {
		b = make([]byte, a.rng.IntN(200))
		for i := range b {
			b[i] = byte(a.rng.Uint32())
		}
	}
	a.launch(&packet{from: a.one(), bytes: b, hash: mixBytes(0, b)}, a.some())
}

// claimCommit claims that something is final: the tip of anything (N9c).
func (a *adversary) claimCommit() {
	c, ok := pick(a.rng, a.votes)
	if !ok || c.Accepted == nil {
		return
	}
	to := a.some()
	for _, id := range a.ids {
		v := &consensus.Vote{}
		v.Term, v.Node, v.Committed = c.Term, id, *c.Accepted
		if a.rng.IntN(2) == 0 {
			v.Committed.Hash[0] ^= 1
		}
		a.say(id, v.Term.Epoch(), v, to)
	}
}

// checkpointLie signs a state that no node computed.
func (a *adversary) checkpointLie() {
	o := a.w.oracle
	b, ok := pick(a.rng, o.golden[1:])
	if !ok {
		return
	}
	to := a.some()
	for _, id := range a.ids {
		p := &consensus.Checkpoint{Checkpoint: juno.Checkpoint{
			Epoch: a.newest.Epoch(), Index: b.pos.Index, Hash: b.pos.Hash, Node: id,
			StateRoot: juno.Hash{byte(a.rng.IntN(3))},
		}}
		a.say(id, p.Epoch, p, to)
	}
}

// accuse sends evidence that proves nothing.
func (a *adversary) accuse() {
	x, ok := pick(a.rng, a.votes)
	y, _ := pick(a.rng, a.votes)
	if !ok {
		return
	}
	e := &consensus.Evidence{What: consensus.EvidenceTwoVotes, Votes: []juno.SignedVote{x, y}}
	a.launch(newPacket(a.one(), e), a.some())
}

// leave sends a leave message for no reason, and stays.
func (a *adversary) leave() {
	id := a.one()
	tip := a.w.oracle.golden[len(a.w.oracle.golden)-1].pos
	l := &consensus.Leave{
		Node: id, Epoch: a.newest.Epoch(), Reason: consensus.LeaveContradicted, Mine: tip,
		Theirs: tip,
	}
	a.say(id, l.Epoch, l, a.some())
}

// repeatRequest sends a client's request to other nodes, again and again.
func (a *adversary) repeatRequest() {
	if r, ok := pick(a.rng, a.requests); ok {
		for _, id := range a.some() {
			a.w.requestFrom(id, r)
		}
	}
}

// proofLie sends a certificate that was not requested, under-claimed or of the wrong kind.
func (a *adversary) proofLie() {
	c, ok := pick(a.rng, a.certs)
	if a.rng.IntN(2) == 0 {
		c = a.underclaim(a.newest + 1)
		ok = c != nil
	}
	if !ok {
		return
	}
	own := *c
	if a.rng.IntN(2) == 0 {
		own.Kind = juno.Commit
	}
	id := a.one()
	a.launch(newPacket(id, &consensus.SyncReply{Node: id, Proof: &own, Commit: own.Pos}), a.some())
}
