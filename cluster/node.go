package cluster

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"juno"
	"juno/cluster/consensus"
)

const (
	// tickEvery is the length of a tick of the core; all its timers count in it.
	tickEvery = 10 * time.Millisecond
	// waitingCommandsMax bounds the commands that wait for an answer, and so the memory of a node
	// under overload.
	waitingCommandsMax = 1 << 18
	// waitingBytesMax bounds the same by payload.
	waitingBytesMax = 256 << 20
	// admissionQueue bounds the proposals that wait for their signature check.
	admissionQueue = 8192
	// admittedMax bounds the batches of checked proposals that wait for the loop. Meanwhile
	// admission checks the next ones; a longer queue would only make the batches smaller.
	admittedMax = 4
	// requestsMax bounds the functions that wait for the loop. They are rare: a call by an
	// operator, a checkpoint, the end of a fetch. A caller that finds the queue full waits.
	requestsMax = 16
	// idleTicks is the pause after which the log is told that no writes are coming.
	idleTicks = 100
	// restTicks is how many ticks a node at rest takes at a time: one heartbeat.
	restTicks = 5
	// publishTicks is the interval at which the status is published although nothing happened.
	publishTicks = 5
	// stopTicksMax is how long a stopping node waits for its proposals, and for another leader: two
	// seconds.
	stopTicksMax = 200
)

// Config configures a node.
type Config struct {
	ID juno.NodeID
	// Key signs for the node. Keys are further keys, see Node.AddKey: the membership determines
	// which key signs.
	Key       juno.PrivateKey
	Keys      []juno.PrivateKey
	Cluster   juno.ClusterID
	Limits    consensus.Limits
	Stored    *consensus.Stored // what Log holds
	Log       Log
	Machine   Machine
	Validator Validator // has folded in exactly the entries of Log
	States    States    // nil: no checkpoints
	// Connect connects the node to the other members; nil: the node is alone.
	Connect Connector
	// Executed is the newest entry that Machine has executed. Later final entries are executed
	// before Start returns.
	Executed juno.Index
	// Answer, if not nil, is called with executed entries, their term and their results. It must
	// return soon, and change neither slice.
	Answer func(term juno.Term, upto juno.Pos, entries []juno.Entry, results []juno.Result)
	// ClientKeys, if not nil, is called with the keyring at the start and after every change. It
	// must return soon; the keyring never changes.
	ClientKeys func(ring *juno.Keyring)
	// Progress, if not nil, is called while Start executes entries.
	Progress func(done, total juno.Index)
	// Quarantine, if not nil, is called with the reason when the node enters quarantine, to keep
	// what an operator needs for the diagnosis (H2). It must return at once.
	Quarantine func(reason string)
	// Known, if not nil, is a membership that is proven to have come into force, perhaps newer than
	// those in the log. Its keys and addresses are used to find the other members.
	Known *juno.EpochConfig
	// FindKey, if not nil, looks for a secret key that a membership names and that the node was not
	// given, because it was drawn while the node ran. The loop waits for it.
	FindKey func(juno.PublicKey) (juno.PrivateKey, bool)
	// Entered, if not nil, is called when another membership comes into force. It must return at
	// once.
	Entered func()
	Clock   func() juno.Millis
	Rand    consensus.Rand
}

// Node is one running member of a cluster. All methods are safe for concurrent use.
type Node struct {
	cfg       Config
	transport Transport
	keys      keys
	members   *members
	seen      *seen
	verifiers sync.Pool // of *verifier
	inbox     *inbox
	forwarded quotas
	admission admission
	server    server
	// voteSampling belongs to the goroutine that verifies votes.
	voteSampling voteSampling

	queues
	lifecycle
	loopState

	commands atomic.Int64 // commands without an answer
	bytes    atomic.Int64 // their payload
	status   atomic.Pointer[Status]
	applied  atomic.Pointer[juno.Pos]
	watchers watchers
}

// queues carry work from one goroutine of a node to another.
type queues struct {
	admitted chan []*Proposal // admission to loop
	incoming chan incoming    // checkers to loop
	requests chan func()      // functions that the loop runs
	written  *queue[persisted]
	writes   *queue[writeJob]
	jobs     *queue[job]                 // loop to applier
	pieces   atomic.Pointer[chan *piece] // of the fetch under way, or nil
}

func newQueues() queues {
	return queues{
		admitted: make(chan []*Proposal, admittedMax), incoming: make(chan incoming, stepsAhead),
		requests: make(chan func(), requestsMax), written: newQueue[persisted](),
		writes: newQueue[writeJob](), jobs: newQueue[job](),
	}
}

// lifecycle starts and ends the goroutines of a node.
type lifecycle struct {
	stop     chan struct{} // closed: take no new proposals, and finish
	stopOnce sync.Once
	quit     chan struct{} // closed when the loop has ended
	failed   chan struct{} // closed after the first failure
	failOnce sync.Once
	failure  error
	done     sync.WaitGroup // admission, checkers and loop
	ended    chan struct{}  // closed when no goroutine takes proposals, and none is left
	// submitting is locked for reading while a proposal is handed over. The last search for
	// proposals that were not taken locks it for writing, so it comes after all of them.
	submitting sync.RWMutex
	workers    sync.WaitGroup // writer and applier
}

// loopState belongs to the goroutine of Node.loop.
type loopState struct {
	core      *consensus.Core
	durable   *consensus.Durable
	validator *signatureValidator
	pool      *pool
	peers     peers
	ticks     uint64

	unsynced   []*consensus.Ready // written, and not known to be on disk
	config     *juno.EpochConfig
	observing  bool
	coreNumber int        // see restartCore
	delivered  juno.Index // newest entry that the applier was given

	leader      juno.NodeID // to which proposals were forwarded last
	unforwarded []*Proposal // of this node's clients, not sent to the leader yet

	lastWork uint64 // tick of the last write
	listNext uint64 // tick from which on the peers are listed again
	idle     bool
	resting  bool   // several ticks are taken at a time
	stopping uint64 // tick at which the end was asked for
	resigned bool

	alarms     alarms
	certified  juno.Index
	quarantine string
	transfer   transfer
	installing *juno.EpochConfig // in force behind the state that is being installed
}

// Start starts a node. The caller must call Stop.
func Start(cfg Config) (*Node, error) {
	n := &Node{cfg: cfg, queues: newQueues(), seen: newSeen(), inbox: newInbox()}
	n.stop, n.quit = make(chan struct{}), make(chan struct{})
	n.failed, n.ended = make(chan struct{}), make(chan struct{})
	n.idle = true
	n.pool = newPool(func() uint64 { return n.ticks })
	n.pool.refused = n.reject
	n.admission.in = make(chan *Proposal, admissionQueue)
	n.admission.out = n.admitted
	n.admission.batch = juno.NewBatchVerifier(verifyBatchMax)
	n.validator = &signatureValidator{Validator: cfg.Validator, node: n}
	n.keys.add(append([]juno.PrivateKey{cfg.Key}, cfg.Keys...)...)
	if err := n.begin(cfg.Stored); err != nil {
		return nil, err
	}
	if err := n.catchUp(); err != nil {
		return nil, err
	}
	if err := n.publishKeys(); err != nil {
		return nil, err
	}
	n.publish()
	if err := n.connect(); err != nil {
		return nil, err
	}
	n.run()
	return n, nil
}

// begin makes the core, and its surroundings, from the contents of the log.
func (n *Node) begin(st *consensus.Stored) error {
	configs, err := configsOf(st)
	if err != nil {
		return err
	}
	if n.members, err = newMembers(n.cfg.Cluster, st.Genesis); err != nil {
		return err
	}
	for _, c := range configs[1:] {
		if err := n.members.add(c); err != nil {
			return err
		}
	}
	n.verifiers.New = func() any { return newVerifier(n.members, n.seen) }
	n.config = configs[len(configs)-1]
	n.admission.config.Store(n.config)
	return n.makeCore(st)
}

// makeCore makes a core from the contents of the log.
func (n *Node) makeCore(st *consensus.Stored) (err error) {
	if n.durable, err = consensus.NewDurable(n.cfg.ID, st); err != nil {
		return err
	}
	var validator consensus.Validator = n.validator
	if n.cfg.Connect == nil {
		validator = n.validator.Validator // everything comes in through admission
	}
	n.observing = n.mustObserve(n.config)
	n.core, err = consensus.New(consensus.Config{
		ID: n.cfg.ID, Cluster: n.cfg.Cluster, Limits: n.cfg.Limits, Observe: n.observing,
	}, st, consensus.Ports{
		Validator: validator, Pool: n.pool, Log: n.cfg.Log, Rand: n.cfg.Rand,
	}, n.cfg.Clock())
	return err
}

// configsOf returns all memberships that a log knows, from the genesis on.
func configsOf(st *consensus.Stored) ([]*juno.EpochConfig, error) {
	all := []*juno.EpochConfig{st.Genesis}
	for i := range st.Records {
		if st.Records[i].Kind != juno.RecordEpoch {
			continue
		}
		e, err := juno.ParseEpochRecord(st.Records[i].Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, e.Next)
	}
	return all, nil
}

// connect connects the node to the other members, and begins to verify their messages.
func (n *Node) connect() (err error) {
	if n.cfg.Connect == nil {
		return nil
	}
	n.admission.seen = n.seen
	config := n.config
	if known := n.cfg.Known; known != nil && known.Epoch > config.Epoch {
		config = known
	}
	n.transport, err = n.cfg.Connect(TransportConfig{
		ID: n.cfg.ID, Cluster: n.cfg.Cluster, Config: config, Secret: n.keys.secret,
		Keys: n.keys.newestFirst, Deliver: n.Receive,
	})
	if err != nil {
		return fmt.Errorf("connect %s: %w", n.cfg.ID, err)
	}
	n.transport.SetMembers(n.config)
	c := &checker{node: n, seen: n.seen, out: n.incoming, stop: n.quit}
	n.done.Go(c.runUrgent)
	n.done.Go(c.runBulk)
	n.server = server{
		node: n, asks: make(chan arrival, asksWaiting), open: make(map[juno.NodeID]*serving),
	}
	if n.cfg.States != nil {
		n.done.Go(func() { n.server.run(n.quit) })
	}
	return nil
}

// run starts the goroutines.
func (n *Node) run() {
	w := &writer{log: n.cfg.Log, in: n.writes, done: n.written.put, fail: n.fail}
	a := &applier{
		machine: n.cfg.Machine, states: n.cfg.States, log: n.cfg.Log, in: n.jobs,
		config: n.config, fail: n.fail, executed: n.executed, stopped: n.failed,
		index: n.applied.Load().Index, applied: n.setApplied,
	}
	if n.cfg.Answer != nil {
		a.answer = func(upto juno.Pos, entries []juno.Entry, results []juno.Result) {
			n.cfg.Answer(n.status.Load().Term, upto, entries, results)
		}
	}
	n.workers.Go(w.run)
	n.workers.Go(a.run)
	n.done.Go(func() { n.admission.run(n.stop, n.stopReason) })
	n.done.Go(n.loop)
	go n.end()
}

// end refuses proposals that were handed over after admission and loop had ended.
func (n *Node) end() {
	n.done.Wait()
	n.submitting.Lock()
	defer n.submitting.Unlock()
	n.admission.drain(n.stopReason())
	n.turnAwayAdmitted()
	close(n.ended)
}

const (
	catchUpEntries = 4096
	catchUpBytes   = 4 << 20
)

// catchUp executes final entries that were not executed, or not projected, before the end of the
// last run, in the same way as new entries.
func (n *Node) catchUp() error {
	at, final := n.cfg.Executed, n.core.Status().Committed.Index
	for first := at; at < final; {
		hi := min(at+1+catchUpEntries, final+1)
		entries := n.cfg.Log.Entries(at+1, hi, catchUpBytes)
		if len(entries) == 0 {
			return fmt.Errorf("execute entry %d again: the log does not hold it", at+1)
		}
		if _, err := n.cfg.Machine.Apply(entries); err != nil {
			return fmt.Errorf("execute entry %d again: %w", at+1, err)
		}
		at += juno.Index(len(entries))
		if n.cfg.Progress != nil {
			n.cfg.Progress(at-first, final-first)
		}
	}
	hash, ok := n.cfg.Log.HashAt(at)
	if !ok {
		return fmt.Errorf("the state is at entry %d, which the log does not hold", at)
	}
	n.applied.Store(&juno.Pos{Index: at, Hash: hash})
	n.delivered = at
	return nil
}

// Submit submits a proposal. The ticket's outcomes come when its entries are final and executed.
// After ErrBusy and ErrStopped nothing was taken. A proposal is submitted once; a retry is a new
// proposal with the same payload.
func (n *Node) Submit(p *Proposal) (*Ticket, error) {
	count, size := int64(len(p.commands())), int64(p.bytes())
	if n.commands.Add(count) > waitingCommandsMax || n.bytes.Add(size) > waitingBytesMax {
		n.commands.Add(-count)
		n.bytes.Add(-size)
		return nil, juno.ErrBusy
	}
	p.ticket.finished = func() {
		n.commands.Add(-count)
		n.bytes.Add(-size)
	}
	n.submitting.RLock()
	defer n.submitting.RUnlock()
	select {
	case <-n.stop:
		p.ticket.finish(nil, n.stopReason())
		return nil, p.ticket.err
	default:
	}
	select {
	case n.admission.in <- p:
		return p.ticket, nil
	case <-n.stop:
		p.ticket.finish(nil, n.stopReason())
		return nil, p.ticket.err
	}
}

func (n *Node) stopReason() error {
	select {
	case <-n.failed:
		return fmt.Errorf("%w: %w", ErrStopped, n.failure)
	default:
		return ErrStopped
	}
}

// Failed is closed when the node has stopped by itself; Err says why.
func (n *Node) Failed() <-chan struct{} { return n.failed }

// Err returns why the node stopped by itself, or nil.
func (n *Node) Err() error {
	select {
	case <-n.failed:
		return n.failure
	default:
		return nil
	}
}

// Stop stops the node: a leader hands over to another node, entries in the log are made durable and
// executed, other proposals are refused. It returns the failure of a node that had stopped by
// itself.
func (n *Node) Stop() error {
	n.stopOnce.Do(func() { close(n.stop) })
	<-n.ended
	n.writes.close()
	n.jobs.close()
	n.workers.Wait()
	n.written.close()
	if n.transport != nil {
		return errors.Join(n.Err(), n.transport.Close())
	}
	return n.Err()
}

// fail stops the node because of err.
func (n *Node) fail(err error) {
	n.failOnce.Do(func() {
		n.failure = err
		close(n.failed)
	})
	n.stopOnce.Do(func() { close(n.stop) })
}

// publishKeys gives admission a copy of the keyring.
func (n *Node) publishKeys() error {
	ring := n.validator.Keyring()
	copied, err := juno.NewKeyring(ring.Cluster(), ring.Records())
	if err != nil {
		return errors.Join(errors.New("cluster: a keyring that cannot be copied"), err)
	}
	n.admission.ring.Store(copied)
	if n.cfg.ClientKeys != nil {
		n.cfg.ClientKeys(copied)
	}
	return nil
}
