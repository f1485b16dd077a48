package consensus_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"juno"
	"juno/cluster/consensus"
)

// world runs several cores in memory, step by step: it delivers, loses, holds back and forges
// messages, crashes and restarts nodes, and checks after every step what must never happen. It
// uses the exported API only.
type world struct {
	cluster juno.ClusterID
	genesis *juno.EpochConfig
	limits  consensus.Limits
	mutant  mutant
	nodes   []*node
	wire    []packet        // on its way, in the order of sending
	cuts    map[[2]int]bool // links that lose everything
	golden  map[juno.Index]juno.Hash
	faults  []string // what must never happen, and did
	trace   *strings.Builder
	made    map[juno.Index]juno.Pos // the newest chain that a script forged
	// newTerms are all that were ever sent: a Byzantine leader picks from them.
	newTerms map[juno.Term]map[juno.NodeID]*consensus.NewTerm
	oracle   *oracle
	votes    []juno.SignedVote // all that were ever sent
	sent     []packet          // since limit last looked
	asked    map[[2]int]*consensus.SyncRequest
	// together lets cores take in one message after the other before they are asked what they
	// want, as a host does whose inbox is full.
	together bool
}

// packet is a message on its way, in its canonical bytes.
type packet struct {
	from, to int
	message  consensus.Message
	bytes    []byte
}

// node is a core with its host.
type node struct {
	id       int
	world    *world
	core     *consensus.Core
	durable  *consensus.Durable
	disk     *disk
	pool     *pool
	rules    *rules
	down     bool
	byz      bool // no core runs: the script speaks for it
	hold     bool // the disk syncs only when told
	pending  []consensus.Ready
	now      juno.Millis
	seed     uint64
	config   *juno.EpochConfig
	applied  juno.Index
	root     juno.Hash // of everything applied
	corrupt  bool      // executes wrongly
	ended    bool      // the entry executed last ended an epoch
	endedAt  uint32
	censors  bool // throws away what is forwarded to it
	forwards int  // how often it handed requests to a leader
	// What it has signed.
	reportedFor juno.Term
	acceptedIn  map[juno.Term]juno.Pos
	starts      int
	role        consensus.Role
	installs    *consensus.SnapshotRequest
	certified   juno.Index // the newest checkpoint that was
	snapshot    []told     // the rules' state before the log
}

func (n *node) Uint64() uint64 { n.seed += 0x9e3779b97f4a7c15; return n.seed ^ n.seed>>29 }

// fakeKey returns the key of a member: worthless, but different for each.
func fakeKey(kind byte, id int) (p juno.PublicKey) {
	p[0], p[1], p[2], p[3] = kind, byte(id>>8), byte(id), 0x77
	return p
}

func memberOf(id int) juno.Member {
	return juno.Member{ID: juno.NodeID(id), Public: fakeKey('n', id)}
}

// scribe signs for one node. Nobody else can, because nobody else calls it: cheap, and unforgeable
// within a test.
type scribe struct {
	world *world
	key   juno.PublicKey
}

func seal(cluster juno.ClusterID, key juno.PublicKey, kind juno.Kind, body []byte) juno.Signature {
	sum := sha256.Sum256(juno.AppendSigningBytes(key[:], kind, cluster, body))
	var s juno.Signature
	copy(s[:], sum[:])
	return s
}

func (s scribe) Sign(kind juno.Kind, body []byte) (juno.KeyID, juno.Signature) {
	return s.key.ID(), seal(s.world.cluster, s.key, kind, body)
}

// verifier believes what scribes signed, under the memberships that one node knows.
type verifier struct{ node *node }

func (v verifier) Verify(all []consensus.Statement) error {
	for _, s := range all {
		if err := v.verify(&s); err != nil {
			return err
		}
	}
	return nil
}

func (v verifier) verify(s *consensus.Statement) error {
	known := v.node.memberships()
	if s.Members != nil {
		known = []*juno.EpochConfig{s.Members}
	}
	if !s.Anywhere && s.Members == nil {
		if int(s.Epoch) >= len(known) {
			return consensus.ErrUnknownEpoch
		}
		known = known[s.Epoch : s.Epoch+1]
	}
	for _, config := range known {
		key, ok := keyOf(config, s)
		e := &s.Envelope
		if ok && key.ID() == e.Key &&
			seal(v.node.world.cluster, key, e.Kind, e.Body) == e.Signature {
			return nil
		}
	}
	return fmt.Errorf("bad signature: %w", juno.ErrBadSignature)
}

func keyOf(config *juno.EpochConfig, s *consensus.Statement) (juno.PublicKey, bool) {
	if s.Node != 0 {
		m, _, ok := config.Member(s.Node)
		return m.Public, ok
	}
	for _, a := range config.Admins {
		if a.Public.ID() == s.Envelope.Key {
			return a.Public, true
		}
	}
	return juno.PublicKey{}, false
}

// memberships returns the configs of all epochs that the node knows.
func (n *node) memberships() []*juno.EpochConfig {
	all := []*juno.EpochConfig{n.world.genesis}
	for _, r := range n.disk.history {
		if r.Kind == juno.RecordEpoch {
			e, err := juno.ParseEpochRecord(r.Bytes)
			if err != nil {
				panic(err)
			}
			all = append(all, e.Next)
		}
	}
	return all
}

// configs returns the memberships of all epochs that any correct node knows.
func (w *world) configs() []*juno.EpochConfig {
	all := []*juno.EpochConfig{w.genesis}
	for _, n := range w.nodes {
		if known := n.memberships(); !n.byz && len(known) > len(all) {
			all = known
		}
	}
	return all
}

// newWorld starts n voters and some observers.
func newWorld(voters, observers int, limits consensus.Limits, mutant mutant) *world {
	w := &world{
		cluster: sha256.Sum256([]byte("world")), limits: limits, mutant: mutant,
		cuts: make(map[[2]int]bool), golden: make(map[juno.Index]juno.Hash),
		trace: &strings.Builder{}, oracle: newOracle(),
	}
	w.genesis = &juno.EpochConfig{
		FirstLeader: 1, CheckpointEvery: 10, AdminThreshold: 1,
		Admins: []juno.Admin{{Name: "ann", Public: fakeKey('a', 1)}},
	}
	for id := 1; id <= voters; id++ {
		w.genesis.Voters = append(w.genesis.Voters, memberOf(id))
	}
	for id := voters + 1; id <= voters+observers; id++ {
		w.genesis.Observers = append(w.genesis.Observers, memberOf(id))
	}
	for id := 1; id <= voters+observers; id++ {
		w.addNode(id)
	}
	return w
}

// addNode makes a node with an empty disk; it is not started.
func (w *world) addNode(id int) *node {
	n := &node{
		id: id, world: w, disk: newDisk(w.cluster), seed: uint64(id) << 40, now: 1000, down: true,
	}
	n.disk.oracle = w.oracle
	w.nodes = append(w.nodes, n)
	return n
}

func (w *world) node(id int) *node { return w.nodes[id-1] }

// start starts a node on its disk.
func (n *node) start() error {
	stored := n.disk.stored(n.world.genesis)
	n.rules = newRules(n.world, n.disk.start.Index)
	copy(n.rules.told, n.snapshot)
	for i := range n.disk.entries {
		if err := n.rules.Append(&n.disk.entries[i]); err != nil {
			return err
		}
	}
	if n.pool == nil {
		n.pool = &pool{node: n}
	}
	n.pool.restart()
	n.starts++
	n.seed += uint64(n.starts)
	var err error
	if n.durable, err = consensus.NewDurable(juno.NodeID(n.id), stored); err != nil {
		return err
	}
	n.core, err = newCore(n.world.mutant, consensus.Config{
		ID: juno.NodeID(n.id), Cluster: n.world.cluster, Limits: n.world.limits,
	}, stored, consensus.Ports{Validator: n.rules, Pool: n.pool, Log: n.disk, Rand: n}, n.now)
	if err != nil {
		return err
	}
	n.down = false
	n.applied = max(n.applied, n.disk.start.Index)
	n.advance()
	return nil
}

// crash loses everything that is not synced.
func (n *node) crash() {
	n.down, n.hold, n.pending, n.core, n.installs = true, false, nil, nil, nil
	n.disk.crash()
	n.applied = min(n.applied, n.disk.tip().Index)
	n.pool.waiting = nil
}

// advance does what the core wants until it wants nothing.
func (n *node) advance() {
	for !n.world.together {
		r, ok := n.core.Ready()
		if !ok {
			return
		}
		n.perform(r)
	}
}

func (n *node) perform(r consensus.Ready) {
	if r.Truncate != nil && *r.Truncate < n.applied && r.Reset == nil {
		n.world.fault("node %d drops what follows %d, and has executed %d", n.id, *r.Truncate,
			n.applied)
	}
	n.disk.write(&r)
	n.observe(&r)
	n.send(r.Now, false)
	n.apply(r.Committed)
	n.pending = append(n.pending, r)
	if !n.hold {
		n.sync()
	}
}

// sync makes everything written durable, and lets go what waited for it.
func (n *node) sync() {
	n.disk.sync()
	done := n.pending
	n.pending = nil
	for i := range done {
		if err := n.durable.Synced(&done[i]); err != nil {
			panic(err)
		}
		if done[i].Sync {
			n.core.Persisted(done[i].Seq)
		}
		n.send(done[i].After, true)
	}
}

// send signs messages and puts them on the wire.
func (n *node) send(all []consensus.Out, after bool) {
	for _, out := range all {
		checked := consensus.Sign(out.Message, scribe{n.world, fakeKey('n', n.id)})
		if err := n.durable.Check(out.Message); err != nil {
			n.world.fault("node %d: %v", n.id, err)
		}
		n.checkSaid(out.Message)
		for _, to := range out.To {
			n.world.post(n.id, int(to), out.Message)
		}
		if out.Self {
			_ = n.core.Step(checked) // refused messages are normal
		}
	}
}

func (w *world) post(from, to int, m consensus.Message) {
	w.oracle.message(m)
	switch m := m.(type) {
	case *consensus.Vote:
		w.votes = append(w.votes, m.SignedVote)
	case *consensus.SyncRequest:
		if w.asked == nil {
			w.asked = make(map[[2]int]*consensus.SyncRequest)
		}
		w.asked[[2]int{from, to}] = m
	}
	switch m := m.(type) {
	case *consensus.NewTerm:
		w.noteNewTerm(m)
	case *consensus.Append:
		if m.Election != nil {
			for _, r := range m.Election.NewTerms {
				own := *r
				if b := m.Election.Base; b != nil && b.Pos == r.Pos && b.Term == r.Rank.Term {
					own.Certificate = b
				}
				w.noteNewTerm(&own)
			}
		}
	}
	b := consensus.Encode(m)
	w.wire = append(w.wire, packet{from: from, to: to, message: m, bytes: b})
	w.sent = append(w.sent, packet{from: from, to: to, message: m})
}

// checkSaid checks what a correct node signs against what it has signed before, also before a
// crash: the chain that it accepts in a term only grows (I3), and after its new-term message for a
// term it signs nothing for the ones before (I5).
func (n *node) checkSaid(m consensus.Message) {
	switch m := m.(type) {
	case *consensus.NewTerm:
		n.reportedFor = max(n.reportedFor, m.Term)
	case *consensus.Vote:
		if m.Term < n.reportedFor {
			n.world.fault("node %d signs a vote of term %s after its new-term message for %s",
				n.id, m.Term, n.reportedFor)
		}
		if m.Accepted == nil {
			return
		}
		old := n.acceptedIn[m.Term]
		if !n.world.oracle.extends(*m.Accepted, old) && old.Index > 0 {
			n.world.fault("node %d accepts %s in term %s, after %s", n.id, *m.Accepted, m.Term, old)
		}
		if n.acceptedIn == nil {
			n.acceptedIn = make(map[juno.Term]juno.Pos)
		}
		n.acceptedIn[m.Term] = *m.Accepted
	}
}

func (w *world) noteNewTerm(r *consensus.NewTerm) {
	if w.newTerms == nil {
		w.newTerms = make(map[juno.Term]map[juno.NodeID]*consensus.NewTerm)
	}
	if w.newTerms[r.Term] == nil {
		w.newTerms[r.Term] = make(map[juno.NodeID]*consensus.NewTerm)
	}
	if old := w.newTerms[r.Term][r.Node]; old == nil || old.Certificate == nil {
		w.newTerms[r.Term][r.Node] = r
	}
}

// observe writes down what an operator would see.
func (n *node) observe(r *consensus.Ready) {
	if r.Role != nil && r.Role.Role != n.role {
		n.role = r.Role.Role
		n.world.log("node %d: %s in term %s", n.id, r.Role.Role, r.Role.Term)
	}
	for _, a := range r.Alarms {
		n.world.log("node %d: ALARM %s", n.id, a.Text)
	}
	for _, e := range r.Evidence {
		n.world.log("node %d: %s", n.id, consensus.Describe(e))
		accused, _ := e.Accused()
		if !n.world.node(int(accused)).byz && !n.rules.strict {
			n.world.fault("node %d has evidence against node %d, which is correct", n.id, accused)
		}
	}
	for _, e := range r.Epochs {
		n.config = e
		n.world.log("node %d: epoch %d with voters %s", n.id, e.Epoch, voterNames(e))
	}
	if r.Certified != nil {
		n.certified = r.Certified.Index
		n.world.log("node %d: checkpoint %d certified", n.id, r.Certified.Index)
	}
	if r.Snapshot != nil {
		n.installs = r.Snapshot
		n.world.log("node %d: wants the snapshot at %d", n.id, r.Snapshot.Checkpoint.Index)
	}
	if r.Forward != 0 {
		n.forward(int(r.Forward))
	}
}

// install makes the state that the core asked for the node's, if it did: what somebody has that
// came so far.
func (n *node) install() error {
	if n.installs == nil {
		return nil
	}
	k := n.installs.Checkpoint
	n.installs = nil
	if k.Index <= n.core.Status().Committed.Index {
		n.core.NotInstalled() // it came another way
		return nil
	}
	n.rules.told = make([]told, k.Index)
	for _, o := range n.world.nodes {
		if o.rules != nil && o != n && o.applied >= k.Index {
			copy(n.rules.told, o.rules.told)
		}
	}
	n.snapshot = slices.Clone(n.rules.told)
	n.applied, n.root, n.ended = k.Index, k.StateRoot, false
	if err := n.core.Installed(); err != nil {
		return err
	}
	n.advance()
	return nil
}

// prune archives the log up to index, of which the node has the state.
func (n *node) prune(index juno.Index) {
	n.snapshot = slices.Clone(n.rules.told[:index])
	n.disk.prune(index)
}

func voterNames(c *juno.EpochConfig) string {
	var names []string
	for _, m := range c.Voters {
		names = append(names, fmt.Sprint(uint32(m.ID)))
	}
	return strings.Join(names, " ")
}

// apply executes what is final, and checks that all agree on it (I1).
func (n *node) apply(all []consensus.Committed) {
	for _, c := range all {
		for _, e := range c.Entries {
			h, ok := n.disk.HashAt(e.Index)
			if !ok {
				n.world.fault("node %d: entry %d is final and not in its log", n.id, e.Index)
				continue
			}
			if golden, known := n.world.golden[e.Index]; known && golden != h && !n.byz {
				n.world.fault("FORK at %d: node %d has %x, others %x", e.Index, n.id, h[:2],
					golden[:2])
			} else if !known {
				n.world.golden[e.Index] = h
			}
			n.execute(&e, h)
		}
		if c.Certificate != nil {
			n.checkProof(&c)
		}
	}
}

// checkProof checks what comes with final entries, by the book.
func (n *node) checkProof(c *consensus.Committed) {
	configs := n.world.configs()
	epoch := int(c.Certificate.Term.Epoch())
	if c.Certificate.Pos != c.Pos || c.Certificate.Kind != juno.Commit || epoch >= len(configs) {
		n.world.fault("node %d: the %s certificate of %s proves %s", n.id, c.Certificate.Kind,
			c.Pos, c.Certificate.Pos)
		return
	}
	if err := c.Certificate.Check(configs[epoch], nil); err != nil {
		n.world.fault("node %d believes that %s is final: %v", n.id, c.Pos, err)
	}
}

func (n *node) execute(e *juno.Entry, h juno.Hash) {
	if e.Index <= n.applied {
		return
	}
	if e.Index != n.applied+1 {
		n.world.fault("node %d executes %d after %d", n.id, e.Index, n.applied)
	}
	if n.ended && e.Term.Epoch() == n.endedAt {
		n.world.fault("node %d executes %d after the end of epoch %d", n.id, e.Index, n.endedAt)
	}
	n.ended, n.endedAt = e.Type == juno.EntryConfig, e.Term.Epoch()
	n.applied = e.Index
	n.pool.purge(e.Payload)
	n.root = sha256.Sum256(append(n.root[:], h[:]...))
	if n.corrupt {
		n.root[0]++
	}
	if n.rules.told[e.Index-1].open > 0 {
		return // a state is taken between batches
	}
	if uint64(e.Index)%n.world.genesis.CheckpointEvery == 0 {
		n.core.Executed(e.Index, n.root)
	}
}

func (w *world) log(format string, args ...any) {
	fmt.Fprintf(w.trace, format+"\n", args...)
}

func (w *world) fault(format string, args ...any) {
	f := fmt.Sprintf(format, args...)
	w.faults = append(w.faults, f)
	w.log("FAULT: %s", f)
}

// receive lets a node take a packet from the wire: parse, check the signatures, step.
func (w *world) receive(p packet) error {
	n := w.node(p.to)
	if n.down || n.byz || w.cuts[[2]int{p.from, p.to}] {
		return nil
	}
	m, err := consensus.Decode(p.bytes)
	if err != nil {
		w.fault("node %d cannot read %s: %v", p.to, consensus.Describe(p.message), err)
		return err
	}
	checked, err := consensus.Check(m, verifier{n})
	if err != nil {
		if errors.Is(err, consensus.ErrUnknownEpoch) {
			n.core.Behind(juno.NodeID(p.from))
			n.advance()
		}
		return err
	}
	err = n.core.Step(checked)
	n.advance()
	n.check()
	return err
}

// check is what holds for a correct node after every step.
func (n *node) check() {
	s := n.core.Status()
	if s.Committed.Index > s.Last.Index {
		n.world.fault("node %d: committed %s, log ends at %s", n.id, s.Committed, s.Last)
	}
}

// tick lets time pass at a node.
func (n *node) tick() {
	n.now += 10
	if n.down || n.byz {
		return
	}
	n.pool.ticks++
	n.core.Tick(n.now)
	n.advance()
	n.check()
}

// settle delivers everything that is on its way, and what follows from it.
func (w *world) settle(keep func(packet) bool) int {
	delivered := 0
	for again := true; again; {
		again = false
		for i := 0; i < len(w.wire); i++ {
			p := w.wire[i]
			if !keep(p) {
				continue
			}
			w.wire = slices.Delete(w.wire, i, i+1)
			i--
			_ = w.receive(p)
			if delivered++; delivered > 200_000 {
				w.fault("event storm: %s", consensus.Describe(p.message))
				return delivered
			}
			again = true
		}
	}
	return delivered
}

// forward hands old requests to the leader, as the host does over its own channel.
func (n *node) forward(leader int) {
	n.forwards++
	to := n.world.node(leader)
	if to.down || to.byz || to.censors || n.world.cuts[[2]int{n.id, leader}] {
		return
	}
	for _, r := range n.pool.admitted {
		to.pool.add(r.entries...)
	}
}

// modePayload makes an entry of administrators.
func modePayload(halted bool, nonce uint64) *juno.ModeChange {
	return &juno.ModeChange{Halted: halted, Nonce: nonce}
}
