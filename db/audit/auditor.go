package audit

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"juno"
	"juno/db/state"
	"juno/verify"
)

// Options says what is verified, and against what.
type Options struct {
	Genesis *juno.Genesis
	// Start is the position before the first entry that will come.
	Start juno.Pos
	// Members are the memberships that are proven so far; Proofs needs them, and extends them.
	Members *verify.Memberships
	// State is the state at StateAt, which the caller has proven or reports as a claim. Where the
	// log begins with entry 1 it may be nil: then it is the genesis.
	State state.View
	// StateAt is where the state is of; zero stands for Start. Of the entries up to there only the
	// chain and the certificates are verified.
	StateAt juno.Pos
	// From and To bound what is reported: [From, To). Of the entries outside only the chain and the
	// certificates are verified, which may prove what is inside. 0 stands for the first entry, and
	// for the end of what will come.
	From, To juno.Index

	Signatures bool // also: whether every entry may stand where it stands
	Proofs     bool
	Replay     bool // the state hashes
	// Balances calls yield with every balance right before To, in any order, to be compared with
	// the postings. nil leaves the check out. It may be called twice.
	Balances func(yield func(account, currency string, amount juno.Amount) bool) error
	// Results returns the results of those of the entries [from, to) that gave more than OK, as
	// the caller recorded them. It is asked for the postings where there is no Replay.
	Results func(from, to juno.Index) (map[juno.Index]juno.Result, error)

	Known    []juno.Pos      // positions that the chain must go through
	Recorded []RecordedState // state hashes that the replay must meet
	Workers  int             // goroutines that verify signatures; 0: one per core
}

// RecordedState is a state hash that somebody recorded: in a snapshot, at a checkpoint.
type RecordedState struct {
	Index juno.Index
	Hash  juno.Hash
	Where string // for people: "snapshot 4711"
}

// Auditor checks a log that it is given piece by piece. One goroutine uses it; it has others of
// its own, which end with Finish.
type Auditor struct {
	options Options
	cluster juno.ClusterID
	chain   juno.Finding
	at      juno.Pos         // last entry of the chain
	before  juno.EntryHeader // the same without its payload
	valid   *validity
	proofs  *proofs
	replay  *replay
	pool    *pool
	failed  error // why a check cannot be carried out
}

// New returns an auditor. Finish must be called, also after an error.
func New(o Options) (*Auditor, error) {
	if o.From = max(o.From, o.Start.Index+1); o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.StateAt == (juno.Pos{}) {
		o.StateAt = o.Start
	} else if o.StateAt != o.Start {
		o.Known = append(slices.Clip(o.Known), o.StateAt)
	}
	if o.Proofs && o.Members == nil {
		return nil, errNoMembers
	}
	var view state.View
	if o.Signatures || o.Replay || o.Balances != nil {
		var err error
		if view, err = o.view(); err != nil {
			return nil, err
		}
	}
	a := &Auditor{options: o, cluster: o.Genesis.ID(), at: o.Start}
	a.chain = juno.Finding{Check: CheckChain, From: o.From, OK: true}
	if o.Signatures || o.Proofs {
		a.pool = newPool(o.Workers)
	}
	if o.Proofs {
		a.proofs = newProofs(a.pool, &o)
	}
	if o.Signatures {
		prefix, err := o.prefix(view)
		if err != nil {
			return nil, errors.Join(err, a.stop())
		}
		a.valid = newValidity(prefix, a.pool, &o)
	}
	if o.Replay || o.Balances != nil {
		if o.Results == nil && !o.Replay {
			a.stop()
			return nil, errors.New("audit: postings need the results of the commands, or a replay")
		}
		var err error
		if a.replay, err = newReplay(view, &o); err != nil {
			return nil, errors.Join(err, a.stop())
		}
	}
	return a, nil
}

// view returns the state at the start.
func (o *Options) view() (state.View, error) {
	if o.State != nil {
		return o.State, nil
	}
	if o.Start.Index != 0 {
		return nil, fmt.Errorf("audit: the log begins behind entry %d; without a state there, a "+
			"snapshot, only its chain and certificates can be checked", o.Start.Index)
	}
	elements, err := state.Genesis(o.Genesis)
	if err != nil {
		return nil, err
	}
	m := NewMemory()
	for _, e := range elements {
		m.Put(e.Key, e.Value)
	}
	return m, nil
}

// prefix returns the judge of the first entry to come.
func (o *Options) prefix(view state.View) (*state.Prefix, error) {
	p, err := state.LoadPrefix(view)
	if err != nil {
		return nil, fmt.Errorf("audit: state at the start: %w", err)
	}
	if cluster := p.Keyring().Cluster(); p.Last() != o.StateAt.Index || cluster != o.Genesis.ID() {
		return nil, fmt.Errorf("audit: state of entry %d in cluster %s, want that of entry %d in "+
			"cluster %s", p.Last(), cluster.Short(), o.StateAt.Index, o.Genesis.ID().Short())
	}
	if err := p.Recalled(); err != nil {
		return nil, fmt.Errorf("audit: state at the start: %w", err)
	}
	return p, nil
}

// before reports whether an entry lies before the end of what is checked and reported.
func (o *Options) before(index juno.Index) bool { return o.To == 0 || index < o.To }

// Entries checks the entries that follow those before. It keeps nothing of them.
func (a *Auditor) Entries(entries []juno.Chained) {
	o := &a.options
	for i := range entries {
		e := &entries[i]
		link := e.Header()
		a.link(e, &link)
		if a.valid != nil && e.Index > o.StateAt.Index && o.before(e.Index) {
			a.valid.entry(&e.Entry)
		}
		if a.proofs != nil {
			a.proofs.entry(e, link)
		}
	}
	if a.valid != nil {
		a.valid.forget()
	}
	if a.replay != nil {
		from, to := 0, len(entries)
		for from < to && entries[from].Index <= o.StateAt.Index {
			from++
		}
		for from < to && !o.before(entries[to-1].Index) {
			to--
		}
		a.execute(entries[from:to])
	}
	for _, p := range o.Known {
		for i := range entries {
			if entries[i].Index == p.Index {
				a.known(p, entries[i].Hash)
			}
		}
	}
}

// execute hands entries to the replay.
func (a *Auditor) execute(entries []juno.Chained) {
	if len(entries) == 0 || a.failed != nil {
		return
	}
	var results map[juno.Index]juno.Result
	if !a.options.Replay {
		from, to := entries[0].Index, entries[len(entries)-1].Index+1
		if results, a.failed = a.options.Results(from, to); a.failed != nil {
			return
		}
	}
	a.replay.give(entries, results)
}

// link checks the place of an entry in the chain.
func (a *Auditor) link(e *juno.Chained, link *juno.EntryHeader) {
	if a.chain.OK {
		switch hash := link.Chain(a.at.Hash, e.Index); {
		case e.Index != a.at.Index+1:
			keep(&a.chain, fault{
				a.at.Index + 1, fmt.Sprintf("entry %d", a.at.Index+1),
				fmt.Sprintf("entry %d", e.Index), detailMissing,
			})
		case hash != e.Hash:
			keep(&a.chain, fault{e.Index, e.Hash.String(), hash.String(), detailHash})
		case a.before.Type.Valid() && a.outOfOrder(*link, e.Index):
		case e.Index >= a.chain.From && a.options.before(e.Index):
			a.chain.Items++
		}
	}
	a.at, a.before = e.Pos(), *link
}

// outOfOrder notes an entry whose term or time goes back, or whose epoch has not begun.
func (a *Auditor) outOfOrder(header juno.EntryHeader, index juno.Index) bool {
	err := verify.CheckOrder(a.before, header, index)
	if err != nil { // rule: chain-order
		keep(&a.chain, fault{
			index, "an entry that may follow the one before", "another",
			err.Error(),
		})
		return true
	}
	return false
}

func (a *Auditor) known(p juno.Pos, hash juno.Hash) {
	if p.Hash != hash {
		keep(&a.chain, fault{p.Index, p.Hash.String(), hash.String(), detailKnown})
	}
}

// Certificate checks a commit certificate: now, or when the entries that it speaks of are there.
func (a *Auditor) Certificate(c *juno.QuorumCertificate) {
	if a.proofs != nil {
		a.proofs.certificate(c)
	}
}

// Epoch checks the proof that an epoch ended. Proofs come in the order of their epochs.
func (a *Auditor) Epoch(e *juno.EpochChange) {
	if a.proofs != nil {
		a.proofs.epoch(e)
	}
}

// Proven returns the newest position that a certificate proves, after Finish; nil if none does.
func (a *Auditor) Proven() *verify.ProvenPosition {
	if a.proofs == nil {
		return nil
	}
	return a.proofs.newest
}

// Damage notes that the log could not be read at an entry. Nothing can follow it.
func (a *Auditor) Damage(index juno.Index, err error) {
	keep(&a.chain, fault{index, "an entry that can be read", "damage", err.Error()})
}

// Finish ends the auditor and returns one finding per check. The error says that a check could not
// be carried out; what was found is returned all the same.
func (a *Auditor) Finish() ([]juno.Finding, error) {
	end := a.at.Index + 1
	if to := a.options.To; to != 0 && end >= to {
		end = to
	} else if to != 0 && a.chain.OK {
		keep(&a.chain, fault{end, fmt.Sprintf("entry %d", end), "", detailMissing})
	}
	if a.proofs != nil {
		a.proofs.finish()
	}
	err := a.stop()
	if err == nil {
		err = a.failed
	}
	var all []*juno.Finding
	all = append(all, &a.chain)
	if a.valid != nil {
		all = append(all, &a.valid.finding)
	}
	if a.proofs != nil {
		a.proofs.conclude()
		all = append(all, &a.proofs.finding)
	}
	if a.replay != nil {
		if a.options.Replay {
			all = append(all, &a.replay.finding)
		}
		if books := a.replay.books; books != nil {
			if err == nil {
				err = a.compareBooks(books, end)
			}
			all = append(all, &books.finding)
		}
	}
	findings := make([]juno.Finding, len(all))
	for i, f := range all {
		f.To = end
		findings[i] = *f
	}
	return findings, err
}

// compareBooks compares the balances, if the postings are those of all entries before To.
func (a *Auditor) compareBooks(b *books, end juno.Index) error {
	if to := a.options.To; to != 0 && end != to {
		keep(&b.finding, fault{end, "the postings of all entries", "", detailMissing})
		return nil
	}
	if a.replay.broken {
		keep(&b.finding, fault{
			a.replay.finding.FirstBad, "the postings of all entries", "",
			"the entry cannot be executed",
		})
		return nil
	}
	return b.compare(a.options.Balances)
}

// stop ends the goroutines.
func (a *Auditor) stop() error {
	if a.pool != nil {
		a.pool.stop()
	}
	if a.replay == nil {
		return nil
	}
	return a.replay.stop()
}

// Head returns the position of the newest entry that was given.
func (a *Auditor) Head() juno.Pos { return a.at }

// StateHash returns the state hash that the replay came to, after Finish.
func (a *Auditor) StateHash() juno.Hash {
	if a.replay == nil || !a.options.Replay {
		return juno.Hash{}
	}
	return a.replay.hash.Hash()
}
