package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"juno"
	"juno/cluster/consensus"
)

// A node that is too far behind for the log fetches the state of a certified checkpoint, element by
// element, in the order of the keys (Y5). The state is the same on all nodes, so another node can
// go on where one stopped answering. The hash over all elements, which a quorum has signed, shows
// whether the state is right. If it is not, each node is asked alone, so that a correct one is
// found in the end.
//
//	ask    index (8), key behind which to go on (length-prefixed, empty: from the beginning)
//	piece  index (8), key it goes on behind (length-prefixed), what comes (1: pieceMore, pieceLast
//	       or pieceNone), elements (count, then key and value, each length-prefixed)

// What follows a piece.
const (
	pieceMore = 0 // more pieces follow
	pieceLast = 1 // it is the last piece
	pieceNone = 2 // the node does not hold that state
)

const (
	// pieceBytes bounds the elements of a piece; one element may be bigger.
	pieceBytes = 1 << 20
	// pieceElementsMax bounds the elements of a piece.
	pieceElementsMax = 1 << 16
	// elementKeyMax and elementValueMax bound what a peer can make this node allocate.
	elementKeyMax   = 16 << 10
	elementValueMax = 16 << 20
	// pieceTimeout is the time for a piece before another peer is asked.
	pieceTimeout = 2 * time.Second
	// pieceRetry is the pause after a request that could not be sent.
	pieceRetry = 100 * time.Millisecond
	// piecesMax bounds the pieces that wait for the fetcher. It requests one at a time; the others
	// are late answers.
	piecesMax = 4
	// asksWaiting bounds the requests for pieces that wait to be answered.
	asksWaiting = 64
	// fetchRounds is how often all members are asked before the fetch fails. The core asks for it
	// again.
	fetchRounds = 3
)

// piece is a stretch of a state.
type piece struct {
	from     juno.NodeID
	index    juno.Index
	after    []byte
	what     byte
	elements []Element
}

func askFrame(index juno.Index, after []byte) []byte {
	b := juno.AppendU64([]byte{byte(frameAsk)}, uint64(index))
	return juno.AppendBytes(b, after)
}

func parseAsk(frame []byte) (index juno.Index, after []byte, err error) {
	d := juno.NewDecoder(frame[1:])
	index, after = juno.Index(d.U64()), d.Bytes(elementKeyMax)
	return index, after, d.Done()
}

func pieceFrame(p *piece) []byte {
	b := juno.AppendU64([]byte{byte(framePiece)}, uint64(p.index))
	b = append(juno.AppendBytes(b, p.after), p.what)
	b = juno.AppendUvarint(b, uint64(len(p.elements)))
	for _, e := range p.elements {
		b = juno.AppendBytes(juno.AppendBytes(b, e.Key), e.Value)
	}
	return b
}

func parsePiece(frame []byte) (*piece, error) {
	d := juno.NewDecoder(frame[1:])
	p := &piece{index: juno.Index(d.U64()), after: d.Bytes(elementKeyMax), what: d.U8()}
	if p.what > pieceNone {
		d.Fail("piece that says %d", p.what)
	}
	for range d.Count(pieceElementsMax) {
		if d.Err() != nil {
			break
		}
		p.elements = append(p.elements,
			Element{Key: d.Bytes(elementKeyMax), Value: d.Bytes(elementValueMax)})
	}
	return p, d.Done()
}

// transfer is the state of a fetch. It belongs to the loop.
type transfer struct {
	wanted *consensus.SnapshotRequest
	cancel context.CancelFunc
	pieces chan *piece
}

// installation is a fetched state on its way to the machine.
type installation struct {
	at     juno.Pos
	config *juno.EpochConfig
	// durable is closed when the log begins behind it.
	durable <-chan struct{}
}

// index returns the checkpoint whose state is being fetched, 0 for none.
func (t *transfer) index() juno.Index {
	if t.wanted == nil {
		return 0
	}
	return t.wanted.Checkpoint.Index
}

// fetch begins to fetch a state, and ends the fetch of an older one.
func (n *Node) fetch(r *consensus.SnapshotRequest) {
	if n.cfg.States == nil || n.transport == nil {
		n.requestLater(n.core.NotInstalled)
		return
	}
	n.endFetch()
	ctx, cancel := context.WithCancel(context.Background())
	pieces := make(chan *piece, piecesMax)
	n.transfer = transfer{wanted: r, cancel: cancel, pieces: pieces}
	n.pieces.Store(&pieces)
	f := &fetcher{node: n, wanted: r, pieces: pieces, peers: n.sources(r.From)}
	n.done.Go(func() {
		validator, err := f.run(ctx)
		n.request(func() {
			if n.transfer.wanted == r {
				n.endFetch()
				n.fetched(r, validator, err)
			}
		})
	})
}

func (n *Node) endFetch() {
	if n.transfer.cancel != nil {
		n.transfer.cancel()
	}
	n.transfer = transfer{}
	n.pieces.Store(nil)
}

// sources returns the nodes to fetch a state from: first the one that offered it.
func (n *Node) sources(first juno.NodeID) []juno.NodeID {
	all := []juno.NodeID{first}
	for _, p := range n.peers.list(n.cfg.ID, n.config, n.ticks) {
		if p.Node != first {
			all = append(all, p.Node)
		}
	}
	return all
}

// fetched installs a fetched state, if it is still needed.
func (n *Node) fetched(r *consensus.SnapshotRequest, validator Validator, err error) {
	k := r.Checkpoint
	if err != nil || n.core.Status().Committed.Index >= k.Index {
		if err != nil && !errors.Is(err, context.Canceled) {
			n.alarms.add(n.cfg.Clock(), fmt.Sprintf("Y5: the state at %d: %v", k.Index, err))
		}
		n.core.NotInstalled()
		return
	}
	n.validator.Validator = validator
	if err := n.core.Installed(); err != nil {
		n.fail(fmt.Errorf("install the state at %s: %w", k.Pos(), err))
		return
	}
	n.installing = r.Config
}

// reset restarts the log, the machine and the pool behind an installed state. The writer comes
// first: the log determines the position of the node.
func (n *Node) reset(rd *consensus.Ready) (durable chan struct{}) {
	durable = make(chan struct{})
	n.jobs.put(job{install: &installation{at: *rd.Reset, config: n.installing, durable: durable}})
	n.delivered = rd.Reset.Index
	n.pool.truncated(0) // the new Validator knows which of the proposals are in the state
	return durable
}

// fetcher fetches one state, in a goroutine of its own.
type fetcher struct {
	node   *Node
	wanted *consensus.SnapshotRequest
	pieces <-chan *piece
	peers  []juno.NodeID
}

var errNoSource = errors.New("no member could send it")

// run returns the Validator of the state. First all members together serve it; if the state is
// wrong, each by itself.
func (f *fetcher) run(ctx context.Context) (Validator, error) {
	validator, err := f.attempt(ctx, f.peers, fetchRounds)
	for _, peer := range f.peers {
		if err == nil || ctx.Err() != nil {
			break
		}
		validator, err = f.attempt(ctx, []juno.NodeID{peer}, 1)
	}
	return validator, err
}

// attempt fetches the state from some members, from each until it stops answering.
func (f *fetcher) attempt(
	ctx context.Context, peers []juno.NodeID, rounds int,
) (_ Validator, err error) {
	in, err := f.node.cfg.States.Receive(f.wanted)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			in.Abort()
		}
	}()
	var after []byte
	for silent, i := 0, 0; silent < rounds*len(peers); {
		p := f.ask(ctx, peers[i], after)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if p == nil || p.what == pieceNone || (p.what == pieceMore && len(p.elements) == 0) {
			silent, i = silent+1, (i+1)%len(peers)
			continue
		}
		for _, e := range p.elements {
			if len(after) > 0 && bytes.Compare(after, e.Key) >= 0 {
				return nil, fmt.Errorf("%s sent elements that are not in order", p.from)
			}
			if err := in.Put(e); err != nil {
				return nil, err
			}
			after = e.Key
		}
		if p.what == pieceLast {
			return in.Finish()
		}
		silent = 0
	}
	return nil, errNoSource
}

// ask asks a member for the next piece, and returns nil if it does not answer.
func (f *fetcher) ask(ctx context.Context, peer juno.NodeID, after []byte) *piece {
	index := f.wanted.Checkpoint.Index
	if !f.node.transport.Send(peer, LaneCommands, askFrame(index, after)) {
		select { // not reachable: there is no hurry
		case <-time.After(pieceRetry):
		case <-ctx.Done():
		}
		return nil
	}
	end := time.NewTimer(pieceTimeout)
	defer end.Stop()
	for {
		select {
		case p := <-f.pieces:
			if p.from == peer && p.index == index && bytes.Equal(p.after, after) {
				return p
			}
		case <-end.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// takePiece passes a piece to the fetcher, if there is one.
func (n *Node) takePiece(a arrival) {
	p, err := parsePiece(a.frame)
	to := n.pieces.Load()
	if err != nil || to == nil {
		return
	}
	p.from = a.from
	select {
	case *to <- p:
	default:
	}
}

// server answers requests for pieces of a state, in a goroutine of its own.
type server struct {
	node *Node
	asks chan arrival
	open map[juno.NodeID]*serving
}

// serving is the position of a peer in a state that it fetches.
type serving struct {
	index   juno.Index
	after   []byte
	pending *Element // read already, did not fit
	next    func() (Element, error, bool)
	stop    func()
}

func (s *server) run(quit <-chan struct{}) {
	defer func() {
		for _, v := range s.open {
			v.stop()
		}
	}()
	for {
		select {
		case a := <-s.asks:
			s.answer(a)
		case <-quit:
			return
		}
	}
}

func (s *server) answer(a arrival) {
	index, after, err := parseAsk(a.frame)
	if err != nil {
		return
	}
	p := &piece{index: index, after: after, what: pieceNone}
	if v := s.at(a.from, index, after); v != nil {
		if !v.fill(p) {
			s.close(a.from)
		}
		if p.what == pieceLast {
			s.close(a.from)
		}
	}
	s.node.transport.Send(a.from, LaneEntries, pieceFrame(p))
}

// at returns the serving of a peer at a key, and begins a new one if necessary.
func (s *server) at(peer juno.NodeID, index juno.Index, after []byte) *serving {
	if v := s.open[peer]; v != nil && v.index == index && bytes.Equal(v.after, after) {
		return v
	}
	s.close(peer)
	all, err := s.node.cfg.States.Elements(index)
	if err != nil {
		return nil
	}
	v := &serving{index: index, after: bytes.Clone(after)}
	v.next, v.stop = iter.Pull2(all)
	for len(after) > 0 {
		e, err, ok := v.next()
		if err != nil || !ok {
			v.stop()
			return nil
		}
		if bytes.Compare(e.Key, after) > 0 {
			v.pending = &Element{bytes.Clone(e.Key), bytes.Clone(e.Value)}
			break
		}
	}
	s.open[peer] = v
	return v
}

func (s *server) close(peer juno.NodeID) {
	if v := s.open[peer]; v != nil {
		v.stop()
		delete(s.open, peer)
	}
}

// fill puts the next elements into a piece, and reports whether the serving can go on.
func (v *serving) fill(p *piece) bool {
	size := 0
	for len(p.elements) < pieceElementsMax && size < pieceBytes {
		e := v.pending
		v.pending = nil
		if e == nil {
			read, err, ok := v.next()
			if err != nil {
				p.elements, p.what = nil, pieceNone
				return false
			}
			if !ok {
				p.what = pieceLast
				return true
			}
			e = &Element{bytes.Clone(read.Key), bytes.Clone(read.Value)}
		}
		p.elements = append(p.elements, *e)
		size += len(e.Key) + len(e.Value)
		v.after = e.Key
	}
	p.what = pieceMore
	return true
}

// install switches the machine to a fetched state.
func (a *applier) install(i *installation) error {
	select {
	case <-i.durable:
	case <-a.stopped:
		return errMachineStopped
	}
	if err := a.states.Install(i.at); err != nil {
		return fmt.Errorf("install the state at %s: %w", i.at, err)
	}
	a.index, a.config, a.batchEnd, a.due = i.at.Index, i.config, 0, false
	a.applied(i.at)
	waiting := a.later
	a.later = nil
	for _, r := range waiting {
		a.replay(r)
	}
	return nil
}
