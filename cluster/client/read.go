package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"juno"
	"juno/cluster/rpc"
)

// Consistency says how much an answer to a query is worth (docs/SPECIFICATION.md §3.9).
type Consistency uint8

// The consistencies.
const (
	// Quorum asks a quorum how far the log is agreed on, reads at that index, and believes rows
	// that f+1 voters have signed: it misses nothing that was acknowledged before it began, and no
	// f nodes can falsify it. It writes nothing.
	Quorum Consistency = iota
	// Ordered first submits a command that observes nothing, named after the question, and reads
	// like Quorum at its entry: it is linearizable, and the log says who asked what and when.
	Ordered
	// Local takes the rows of one node, as old as they may be. Rows.Proof says at which index, and
	// whether a certificate proves that this is a position of the one log; the rows themselves are
	// that node's word.
	Local
)

// String returns "quorum", "ordered" or "local".
func (k Consistency) String() string {
	switch k {
	case Quorum:
		return "quorum"
	case Ordered:
		return "ordered"
	case Local:
		return "local"
	}
	return fmt.Sprintf("consistency(%d)", uint8(k))
}

const (
	// firstAnswerMax is how long one node is waited for before another one is asked, if the index
	// is one that it has.
	firstAnswerMax = 5 * time.Second
	// answerBytesMax bounds an answer that has to be held whole to be compared.
	answerBytesMax = 256 << 20
)

// Proof says what stands behind the rows of an answer.
type Proof struct {
	Nodes []juno.NodeID // who signed these rows
	Head  juno.Head     // that they were read at
	Hash  juno.Hash     // of the rows, rpc.RowsHash
	// Certified says that a certificate of the present epoch proves the head to be final.
	Certified bool
	// Disagree are voters who signed other rows for the same question at the same index.
	Disagree []juno.NodeID
}

// Rows is an answer. It implements juno.Rows. Of a Local query the rows come as they are read, and
// Head and Proof are complete when Next has returned false; the others are complete at once.
type Rows struct {
	client  *Client
	stream  *stream // nil if all is here
	columns []juno.Column
	frames  []*rpc.Rows
	row     int // the next one in frames[0]
	err     error
	proof   Proof
}

var _ juno.Rows = (*Rows)(nil)

// Columns implements juno.Rows.
func (r *Rows) Columns() []juno.Column { return r.columns }

// Next implements juno.Rows.
func (r *Rows) Next() ([]juno.Value, bool) {
	for r.err == nil {
		if len(r.frames) > 0 && r.row < r.frames[0].Count() {
			r.row++
			return r.frames[0].Row(r.row - 1), true
		}
		if len(r.frames) > 0 {
			r.frames, r.row = r.frames[1:], 0
			continue
		}
		if r.stream == nil {
			return nil, false
		}
		f, err := r.stream.next()
		if err != nil {
			r.end(err)
			return nil, false
		}
		if f == nil {
			r.proof = r.stream.proof
			r.end(nil)
			return nil, false
		}
		r.frames, r.row = append(r.frames, f), 0
	}
	return nil, false
}

func (r *Rows) end(err error) {
	r.err = err
	if r.stream != nil {
		r.stream.close()
		r.stream = nil
	}
}

// Err implements juno.Rows.
func (r *Rows) Err() error { return r.err }

// Head implements juno.Rows.
func (r *Rows) Head() juno.Head { return r.proof.Head }

// Proof returns what stands behind the rows.
func (r *Rows) Proof() Proof { return r.proof }

// Close implements juno.Rows.
func (r *Rows) Close() error {
	if r.stream != nil {
		r.end(errors.New("the rows were closed"))
	}
	r.frames = nil
	return nil
}

// Query starts one SQL statement. A refused statement is a *juno.QueryError, here or from Rows.Err.
// What f+1 voters sign are the rows of this text with these arguments.
func (c *Client) Query(ctx context.Context, q juno.Query, how Consistency) (*Rows, error) {
	if len(q.Text) > rpc.QueryBytesMax {
		return nil, fmt.Errorf("a query of %d bytes, at most %d", len(q.Text), rpc.QueryBytesMax)
	}
	if err := juno.CheckArgs(q.Args); err != nil {
		return nil, err
	}
	question := rpc.Query{Text: q.Text, Args: q.Args, RowsMax: q.RowsMax}
	if err := c.chooseIndex(ctx, &question, how); err != nil {
		return nil, err
	}
	ask := c.queryAgreed
	if how == Local {
		ask = c.queryLocal
	}
	rows, err := ask(ctx, question)
	if !errors.Is(err, rpc.ErrMalformed) {
		return rows, err
	}
	// The nodes are older than this form of the question. They know the one without arguments.
	if len(q.Args) > 0 {
		return nil, fmt.Errorf("the nodes take no arguments yet: %w", err)
	}
	question.Plain = true
	return ask(ctx, question)
}

// chooseIndex sets the index that a question is read at.
func (c *Client) chooseIndex(ctx context.Context, question *rpc.Query, how Consistency) error {
	at, err := juno.Index(0), error(nil)
	switch how {
	case Local:
	case Ordered:
		at, err = c.barrier(ctx, question)
	case Quorum:
		at, err = c.readIndex(ctx)
		if err == nil && at == 0 {
			// The log is empty, and "at 0" asks for whatever there is, of each node.
			at, err = c.barrier(ctx, question)
		}
	default:
		err = fmt.Errorf("no such consistency: %s", how)
	}
	question.At = at
	return err
}

// stream is the receiving side of rows.
type stream struct {
	ctx    context.Context
	client *Client
	call   *call
	number uint64
	query  rpc.Query
	sum    *rpc.RowsHash
	frames int
	taken  bool // a frame was handed out and its credit not returned
	proof  Proof
}

func (c *Client) openStream(ctx context.Context, l *link, q rpc.Query) (*stream, error) {
	var timeout time.Duration
	if d, ok := ctx.Deadline(); ok {
		timeout = time.Until(d)
	} else {
		timeout = rpc.TimeoutMax
	}
	k, number, ok := c.begin(l, &q, timeout)
	if !ok {
		return nil, fmt.Errorf("%s: %w", l.node.ID, juno.ErrBusy)
	}
	return &stream{ctx: ctx, client: c, call: k, number: number, query: q}, nil
}

func (s *stream) close() {
	s.client.end(s.number)
	s.call.link.conn.Send(s.client.frame(&rpc.Cancel{Of: s.number}, 0))
}

// wait returns the next response.
func (s *stream) wait() (rpc.Response, error) {
	select {
	case r := <-s.call.in:
		return r, nil
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	case <-s.client.stop.Done():
		return nil, ErrClosed
	}
}

// next returns the next frame of rows, or nil at the end, when proof is set.
func (s *stream) next() (*rpc.Rows, error) {
	if s.taken {
		s.taken = false
		s.call.link.conn.Send(s.client.frame(&rpc.Credit{Of: s.number, Frames: 1}, 0))
	}
	r, err := s.wait()
	if err != nil {
		return nil, err
	}
	switch r := r.(type) {
	case *rpc.Rows:
		if r.Place != s.frames {
			return nil, fmt.Errorf("%s: frame %d of the rows came where %d was due: ask again",
				s.call.link.node.ID, r.Place, s.frames)
		}
		if s.frames == 0 {
			s.sum = rpc.NewRowsHash(r.Columns)
		}
		s.frames++
		for i := range r.Count() {
			s.sum.Add(r.Row(i))
		}
		s.taken = true
		return r, nil
	case *rpc.End:
		return nil, s.finish(r)
	case *rpc.Error:
		return nil, r.AsQuery()
	}
	return nil, fmt.Errorf("%s: answers a query with %T", s.call.link.node.ID, r)
}

// finish checks the end of the rows: that none are missing, and the node's signature.
func (s *stream) finish(e *rpc.End) error {
	node := s.call.link.node.ID
	if !s.query.EndOnly && (s.sum == nil || e.Frames != s.frames || e.Rows != s.sum.Count()) {
		return fmt.Errorf("%s: %d frames of rows came, it sent %d: ask again", node, s.frames,
			e.Frames)
	}
	if err := s.client.checkReading(node, &e.Reading, s.query.Hash()); err != nil {
		return err
	}
	wrong := e.Reading.At != e.Head.Pos
	if !s.query.EndOnly {
		wrong = wrong || e.Reading.Answer != s.sum.Sum()
	}
	if wrong {
		frame := rpc.AppendResponse(nil, rpc.Header{Number: s.number}, e)
		s.client.accuse(node, BadRows, [][]byte{frame}, "what it signs is not what it sent")
		return fmt.Errorf("%s: what it signs is not what it sent", node)
	}
	s.proof = Proof{
		Nodes: []juno.NodeID{node}, Head: e.Head, Hash: e.Reading.Answer,
		Certified: s.client.VerifyHead(e.Head.Pos, e.Certificate) == nil,
	}
	return nil
}

// checkReading checks whose reading it is, and of what.
func (c *Client) checkReading(node juno.NodeID, r *juno.Reading, asked juno.Hash) error {
	c.mu.Lock()
	m := c.members
	c.mu.Unlock()
	if r.Term.Epoch() != m.config.Epoch {
		return fmt.Errorf("%s: answers in epoch %d, proven is epoch %d", node, r.Term.Epoch(),
			m.config.Epoch)
	}
	err := m.Opens(juno.NewBatchVerifier(1), r.Node, r.Envelope())
	if err == nil && (r.Node != node || r.Asked != asked) {
		err = errors.New("of another node, or of another question")
	}
	if err != nil {
		c.accuse(node, BadSignature, [][]byte{juno.AppendReading(nil, r)}, "a reading: %v", err)
		return fmt.Errorf("%s: its answer is not signed by it: %w", node, err)
	}
	return nil
}

// VerifyHead checks that a certificate of the present epoch, or of the one before, proves a
// position to be final: it is for that position, or for the one behind it.
func (c *Client) VerifyHead(p juno.Pos, proof *juno.QuorumCertificate) error {
	c.mu.Lock()
	m := c.members
	c.mu.Unlock()
	switch {
	case proof == nil || m == nil:
		return errors.New("there is no certificate")
	case !proof.Detached:
		return errors.New("the certificate needs a log")
	case proof.Pos != p && (proof.Pos.Index != p.Index+1 || proof.PrevHash != p.Hash):
		return fmt.Errorf("the certificate is for %s, not %s", proof.Pos, p)
	}
	_, err := m.all.Position(proof, nil)
	return err
}

// queryLocal asks one node, and another one if it does not answer.
func (c *Client) queryLocal(ctx context.Context, q rpc.Query) (*Rows, error) {
	var last error
	for _, l := range c.nearest() {
		s, err := c.openStream(ctx, l, q)
		if err != nil {
			last = err
			continue
		}
		r, err := c.firstRows(s)
		if err == nil {
			return r, nil
		}
		s.close()
		if last = err; ctx.Err() != nil || isQueryError(err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: no node at all (%w)", ErrNoQuorum, last)
}

// firstRows waits for the first frame, and no longer than firstAnswerMax.
func (c *Client) firstRows(s *stream) (*Rows, error) {
	whole := s.ctx
	ctx, cancel := context.WithTimeout(whole, firstAnswerMax)
	defer cancel()
	s.ctx = ctx
	f, err := s.next()
	s.ctx = whole
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, fmt.Errorf("%s: rows without columns", s.call.link.node.ID)
	}
	return &Rows{client: c, stream: s, columns: f.Columns, frames: []*rpc.Rows{f}}, nil
}

func isQueryError(err error) bool {
	var q *juno.QueryError
	return errors.As(err, &q)
}

// nearest returns all nodes, those first that were heard of last.
func (c *Client) nearest() []*link {
	all := c.all()
	c.mu.Lock()
	defer c.mu.Unlock()
	sortLinks(all)
	return all
}
