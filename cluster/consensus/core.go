package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// Ports are what the core needs from its host.
type Ports struct {
	Validator Validator
	Pool      Pool
	Log       Log
	Rand      Rand
}

// Core is the consensus of one node: a deterministic function of the inputs New, Step, Tick,
// Propose, Persisted, Behind, Executed, Installed and Resign, and of what the ports answer. It is
// not safe for concurrent use.
type Core struct {
	id        juno.NodeID
	cluster   juno.ClusterID
	limits    Limits
	observe   bool // never vote, whatever the membership says
	validator Validator
	pool      Pool
	rand      Rand

	now   juno.Millis // newest time that the host gave
	ticks uint64

	epoch *epoch
	past  []*juno.EpochRecord // all epoch records known, oldest first; the last one began epoch

	// Durable state, docs/SPECIFICATION.md §3.4.
	hard         HardState
	accepted     Accepted // counts only if accepted.Term == hard.Term and everAccepted is set
	everAccepted bool     // something was accepted from some leader
	highQC       HighQC
	log          *chain

	role     Role
	prepared *juno.Pos // in this term; proven by highQC
	term     termState

	commit juno.Pos
	// newestProof is the newest commit certificate; it may be behind commit.
	newestProof *juno.QuorumCertificate
	delivered   juno.Index                // newest index handed to the host
	proofs      []*juno.QuorumCertificate // of positions in (delivered, commit]

	requestedTerms []juno.Term  // newest term that each voter asked for
	votes          []voterVotes // of each voter
	leading        leading
	timers         timers
	sync           syncing
	checkpoints    checkpointState
	lastHalt       *Halt // the halt obeyed last, unless that was before a restart
	accused        []accusation
	voteSchedule   voteSchedule
	out            outbox

	scratchIndices []juno.Index
}

// termState is what a node knows of the present term. All of it is volatile.
type termState struct {
	// known says that the base of the term is known: always in round 0, otherwise by a valid
	// election certificate. The chain of the term begins at base.
	known    bool
	base     juno.Pos
	election *ElectionCertificate // nil in round 0
	// endsEpoch says that base ends the epoch: the term can only confirm it (N6).
	endsEpoch bool
	newTerms  []*NewTerm     // received as designated leader, by node
	headers   []AppendHeader // accepted from the leader and not committed, in order
	buffered  []*Append      // appends whose predecessors are missing, or whose time has not come
	commits   uint64         // entries committed in the term, for rotation
}

// New starts a core on the contents of a log. now is the clock of the host.
//
// The Validator must have folded in exactly the entries of the log.
func New(cfg Config, st *Stored, ports Ports, now juno.Millis) (*Core, error) {
	if err := cfg.Limits.Check(); err != nil {
		return nil, err
	}
	c := &Core{
		id: cfg.ID, cluster: cfg.Cluster, limits: cfg.Limits, observe: cfg.Observe,
		validator: ports.Validator, pool: ports.Pool, rand: ports.Rand, now: now,
	}
	if err := c.restore(st, ports.Log); err != nil {
		return nil, fmt.Errorf("start %s: %w", cfg.ID, err)
	}
	c.begin()
	return c, nil
}

// Step processes a message from a peer, or a message of the core itself that the host has signed.
// The error says why a message was rejected; it is for traces and counters, and needs no action.
func (c *Core) Step(in Checked) error {
	if c.role == Quarantined {
		return errQuarantined
	}
	err := c.step(in.message)
	c.drainBuffered()
	return err
}

var errQuarantined = errors.New("this node is quarantined and processes no messages")

func (c *Core) step(in Message) error {
	switch m := in.(type) {
	case *Vote:
		return c.stepVote(m)
	case *Append:
		return c.stepAppend(m)
	case *TermChange:
		return c.stepTermChange(m)
	case *NewTerm:
		return c.stepNewTerm(m)
	case *SyncRequest:
		return c.stepSyncRequest(m)
	case *SyncReply:
		return c.stepSyncReply(m)
	case *Checkpoint:
		return c.stepCheckpoint(m)
	case *Evidence:
		return c.stepEvidence(m)
	case *Leave:
		return c.stepLeave(m)
	case *Halt:
		return c.stepHalt(m)
	case *Revolution:
		return c.stepRevolution(m)
	}
	return fmt.Errorf("%s: unknown message", in.Kind())
}

// Tick advances the core by 10 ms. now is the clock of the host.
func (c *Core) Tick(now juno.Millis) {
	c.now = max(c.now, now)
	c.ticks++
	if c.role == Quarantined {
		return
	}
	c.drainBuffered() // an entry's time may have come
	c.tickTimers()
	if c.ticks%c.limits.HeartbeatTicks == 0 {
		c.heartbeat()
	}
	c.tickSync()
	c.propose()
}

// Propose proposes what the pool holds. A host that has just put entries into the pool need not
// wait for a tick.
func (c *Core) Propose(now juno.Millis) {
	c.now = max(c.now, now)
	c.propose()
}

// Status returns the present state of the core.
func (c *Core) Status() Status {
	s := Status{
		ID: c.id, Role: c.role, Term: c.hard.Term,
		Leader: c.epoch.config.Leader(c.hard.Term), Last: c.log.tip(), Committed: c.commit,
		HighRank: c.highQC.Rank, HighPos: c.highQC.Pos, Halted: c.hard.Halted,
		Config: c.epoch.config, TermKnown: c.term.known, Base: c.term.base,
	}
	if c.epoch.votes() {
		s.RequestedTerm = c.requestedTerms[c.epoch.me]
	}
	if c.hasAccepted() {
		p := c.accepted.Pos
		s.Accepted = &p
	}
	if c.prepared != nil {
		p := *c.prepared
		s.Prepared = &p
	}
	return s
}

// alarm reports to the operator a condition that no correct node can repair by itself.
func (c *Core) alarm(format string, args ...any) {
	c.out.ready.Alarms = append(c.out.ready.Alarms, Alarm{Text: fmt.Sprintf(format, args...)})
}
