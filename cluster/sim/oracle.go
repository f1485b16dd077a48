package sim

import (
	"fmt"
	"math/bits"
	"strings"

	"juno"
	"juno/cluster/consensus"
)

// Violation is an invariant that a run broke.
type Violation struct {
	At   Micros
	Rule string // I1, I2, …, see docs/SPECIFICATION.md §4.1
	Text string
}

// Error implements error.
func (v *Violation) Error() string { return fmt.Sprintf("%s at %s: %s", v.Rule, v.At, v.Text) }

// oracle sees everything and checks the invariants. It looks at what correct nodes sign, commit and
// execute, never at how they decide.
type oracle struct {
	w    *World
	tree *tree
	// golden is the one history, by index: what any correct node ever committed.
	golden    []*block
	traces    []juno.Hash // of the state after each entry, by index; zero where no node executed it
	results   []juno.Hash // of executing each entry, by index
	requests  map[requestName]juno.Index
	configs   []*juno.EpochConfig // by epoch
	bases     []juno.Pos          // by epoch
	termVotes map[juno.Term]*termVotes
	terms     []juno.Term              // keys of termVotes, ascending
	promises  []promises               // by node
	roots     map[juno.Index]juno.Hash // states that a quorum signed
	// loose says that votes count at entries of older terms: the rule of the mutant.
	loose bool
}

// requestName identifies a command.
type requestName struct {
	key     juno.KeyID
	request juno.RequestID
}

// requestOf returns the name of an entry's command.
func requestOf(e *juno.Entry) (requestName, error) {
	switch e.Type {
	case juno.EntryCommand:
		c, err := juno.ParseCommand(e.Payload)
		return requestName{c.Key, c.Request}, err
	case juno.EntryKeyOp:
		o, err := juno.ParseKeyOp(e.Payload)
		return requestName{o.Key, o.Request}, err
	}
	return requestName{}, fmt.Errorf("%s is no request of a client", e.Type)
}

func newOracle(w *World, genesis *juno.Genesis) *oracle {
	o := &oracle{
		w: w, tree: newTree(genesis.ID()), requests: make(map[requestName]juno.Index),
		configs: []*juno.EpochConfig{&genesis.Config},
		bases:   []juno.Pos{{Hash: genesis.ID()}},
		roots: make(
			map[juno.Index]juno.Hash,
		), termVotes: make(map[juno.Term]*termVotes), promises: make([]promises, len(w.parties)),
		traces: make([]juno.Hash, 1), results: make([]juno.Hash, 1),
	}
	o.golden = []*block{o.tree.root}
	for i := range o.promises {
		o.promises[i].in = make(map[juno.Term]*word)
	}
	o.loose = w.plan.Mutant.breaksTermMatch()
	return o
}

// fail ends the run.
func (o *oracle) fail(rule, format string, args ...any) {
	panic(&Violation{o.w.now, rule, fmt.Sprintf(format, args...)})
}

// must returns the block at a position that a correct node names.
func (o *oracle) must(id juno.NodeID, p juno.Pos, what string) *block {
	b := o.tree.at(p)
	if b == nil {
		o.fail("I1", "%s %s %s, which is no history of any entries", id, what, p)
	}
	return b
}

// quorum returns q of an epoch, as the nodes count it.
func (o *oracle) quorum(c *juno.EpochConfig) int {
	if o.w.plan.Mutant.breaksQuorum() {
		return 2*c.Faulty() + 1
	}
	return c.Quorum()
}

// config returns the membership of a term, nil if it is not known yet.
func (o *oracle) config(t juno.Term) *juno.EpochConfig {
	if int(t.Epoch()) < len(o.configs) {
		return o.configs[t.Epoch()]
	}
	return nil
}

// enough returns how many correct voters make a quorum together with the whole adversary.
func (o *oracle) enough(c *juno.EpochConfig) int {
	return o.quorum(c) - o.w.byzantineIn(c)
}

// committed is I1: correct nodes commit one history.
func (o *oracle) committed(id juno.NodeID, b *block) {
	i := int(b.pos.Index)
	if i < len(o.golden) {
		if o.golden[i] != b {
			o.fail("I1", "%s committed %s, another node %s", id, b.pos, o.golden[i].pos)
		}
		return
	}
	tip := o.golden[len(o.golden)-1]
	if !b.holds(tip) {
		o.fail("I1", "%s committed %s, which does not hold %s", id, b.pos, tip.pos)
	}
	o.covered(id, b)
	for _, e := range b.entriesAfter(tip) {
		tip = o.tree.grow(tip, &e)
		o.golden = append(o.golden, tip)
		o.traces, o.results = append(o.traces, juno.Hash{}), append(o.results, juno.Hash{})
		o.extended(tip)
	}
}

// covered checks that a quorum, with the adversary, can have prepared what a node calls final.
func (o *oracle) covered(id juno.NodeID, b *block) {
	for i := len(o.terms) - 1; i >= 0; i-- {
		if tip := o.termVotes[o.terms[i]].final; tip != nil {
			if tip.holds(b) {
				return
			}
			break // the newest one holds all others
		}
	}
	o.fail("I7", "%s committed %s, and no quorum prepared it", id, b.pos)
}

// extended checks an entry that has become final: I8, and the memberships.
func (o *oracle) extended(b *block) {
	switch e := &b.entry; e.Type {
	case juno.EntryCommand, juno.EntryKeyOp:
		name, err := requestOf(e)
		if err != nil {
			o.fail("I8", "entry %d is final: %v", e.Index, err)
		}
		if at := o.requests[name]; at != 0 {
			o.fail("I8", "request %d of %s is at %d and at %d", name.request, name.key, at, e.Index)
		}
		o.requests[name] = e.Index
	case juno.EntryConfig:
		change, err := juno.ParseConfigChange(e.Payload)
		if err != nil || int(change.Next.Epoch) != len(o.configs) {
			o.fail("I10", "entry %d is final and begins no epoch %d: %v", e.Index, len(o.configs),
				err)
		}
		o.configs = append(o.configs, &change.Next)
		o.bases = append(o.bases, b.pos)
	}
}

// entered is I10: all correct nodes begin an epoch at the same entry.
func (o *oracle) entered(id juno.NodeID, config *juno.EpochConfig, base juno.Pos) {
	e := int(config.Epoch)
	if e >= len(o.configs) || o.configs[e].Hash() != config.Hash() {
		o.fail("I10", "%s entered epoch %d at %s, which no final entry began", id, e, base)
	}
}

// executed is I9: the state after an entry is the same everywhere.
func (o *oracle) executed(id juno.NodeID, at juno.Index, trace, result juno.Hash) {
	if o.traces[at] == (juno.Hash{}) {
		o.traces[at], o.results[at] = trace, result
	}
	if o.traces[at] != trace {
		o.fail("I9", "the state of %s at %d is %s, elsewhere %s", id, at, trace.Short(),
			o.traces[at].Short())
	}
}

// count returns the size of a set of nodes.
func count(set uint64) int { return bits.OnesCount64(set) }

// status checks the changes of a correct node's status: I2 and I4.
func (o *oracle) status(n *node, before, now *consensus.Status) {
	o.enteredTerm(n, now)
	if now.Committed.Index < before.Committed.Index {
		o.fail("I2", "%s committed %s and then %s", n.id, before.Committed, now.Committed)
	}
	if now.Committed != before.Committed {
		o.committed(n.id, o.must(n.id, now.Committed, "committed"))
	}
	if now.Last == before.Last && now.HighPos == before.HighPos &&
		now.Committed == before.Committed {
		return
	}
	tip := o.must(n.id, now.Last, "has")
	if !tip.holds(o.must(n.id, now.Committed, "committed")) {
		o.fail("I2", "%s has %s and committed %s", n.id, now.Last, now.Committed)
	}
	high := o.must(n.id, now.HighPos, "is sure of")
	fetching := n.installed && now.HighPos.Index > now.Last.Index
	if !tip.holds(high) && !fetching {
		o.fail("I4", "%s has %s, its highest certificate is at %s", n.id, now.Last, now.HighPos)
	}
}

// proven checks that the certificate of executed entries is valid for anyone who knows the members.
func (o *oracle) proven(id juno.NodeID, c *consensus.Committed) {
	cert := c.Certificate
	if cert == nil {
		return
	}
	config := o.config(cert.Term)
	if config == nil || cert.Kind != juno.Commit || cert.Pos != c.Pos {
		o.fail("I7", "%s proves %s by a %s certificate of %s", id, c.Pos, cert.Kind, cert.Pos)
	}
	if err := cert.Check(config, nil); err != nil {
		o.fail("I7", "%s proves %s by: %v", id, c.Pos, err)
	}
}

// certified is I9 for checkpoints: a quorum signs only the state that correct nodes computed.
func (o *oracle) certified(k *juno.CheckpointCertificate) {
	if known, ok := o.roots[k.Index]; ok && known != k.StateRoot {
		o.fail("I9", "two states are certified at %d: %s and %s", k.Index, known.Short(),
			k.StateRoot.Short())
	}
	o.roots[k.Index] = k.StateRoot
}

// damaged is H2: a correct node whose state a quorum contradicts must leave. This is checked only
// if it received the checkpoints of the quorum, after healing.
func (o *oracle) damaged(n *node) {
	_, known := o.roots[n.wrongAt]
	if n.corrupt == 0 || n.wrongAt == 0 || !known || o.w.now < n.doubtAt+second {
		return
	}
	if st := n.core.Status(); st.Role != consensus.Quarantined {
		o.fail("H2", "the state of %s at %d is wrong, and it goes on as %s", n.id, n.wrongAt,
			st.Role)
	}
}

// accused is I11: evidence convicts the adversary only.
func (o *oracle) accused(id juno.NodeID, e *consensus.Evidence) {
	o.w.count(Convictions)
	if node, term := e.Accused(); !o.w.isByzantine(node) {
		o.fail("I11", "%s accuses %s, which is correct: %s in term %s", id, node, e.What, term)
	}
}

// alarmed checks the alarms of a node. No alarm is right in a run, except that one of the
// adversary's nodes left, or one with a damaged state.
func (o *oracle) alarmed(id juno.NodeID, a consensus.Alarm) {
	if o.w.adversary.left(a.Text) {
		return
	}
	for _, n := range o.w.honest {
		left := strings.HasPrefix(a.Text, fmt.Sprintf("H2: %s left", n.id))
		if n.corrupt > 0 && (left || (n.id == id && strings.HasPrefix(a.Text, "H2: the state"))) {
			return
		}
	}
	o.fail("alarm", "%s: %s", id, a.Text)
}
