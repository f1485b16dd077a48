package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"juno"
)

// answering is the answering of one request.
type answering struct {
	server  *Server
	session *session
	number  uint64
	ctx     context.Context
	under   *request
}

func (j *answering) send(r Response) { j.session.send(j.number, r) }

func (j *answering) answer(r Request) error {
	ledger := j.server.cfg.Ledger
	switch r := r.(type) {
	case *Hello:
		j.send(j.info(r))
	case *Ask:
		return j.find(r)
	case *Query:
		return j.query(r)
	case *Position:
		return j.position(r)
	case *Complete:
		names, err := ledger.Accounts(j.ctx, r.Prefix, r.Limit)
		if err != nil {
			return err
		}
		j.send(&Names{names[:min(len(names), r.Limit)]})
	case *Receipt:
		return j.receipt(r)
	case *Status:
		facts, err := ledger.Status(j.ctx)
		if err != nil {
			return err
		}
		j.send(&Facts{facts[:min(len(facts), factsMax)]})
	case *Admin:
		if err := ledger.Admin(j.ctx, r.Kind, r.Payload); err != nil {
			return err
		}
		j.send(&Done{})
	case *Snapshots:
		all, err := ledger.Snapshots(j.ctx)
		if err != nil {
			return err
		}
		j.send(&SnapshotList{all[max(0, len(all)-snapshotsMax):]})
	default:
		return fmt.Errorf("%w: %T", ErrUnsupported, r)
	}
	return nil
}

func (j *answering) info(h *Hello) *Info {
	ledger, state := j.server.cfg.Ledger, j.server.cfg.Ledger.State()
	i := &Info{
		Node: j.server.cfg.Node, Term: state.Term, Head: state.Head,
		Epoch: state.Term.Epoch(),
	}
	i.Client, i.Next = ledger.Client(j.session.key)
	if h.Genesis {
		i.Genesis = ledger.Genesis()
	}
	size := 0
	for _, e := range ledger.Epochs(h.Epochs) {
		size += len(juno.AppendEpochChange(nil, &e))
		if len(i.Epochs) == EpochsMax || (len(i.Epochs) > 0 && size > epochsBytesMax) {
			break
		}
		i.Epochs = append(i.Epochs, e)
	}
	return i
}

func (j *answering) find(r *Ask) error {
	upto := j.server.cfg.Ledger.State().Head.Index
	for _, request := range r.Requests {
		e, result, err := j.server.cfg.Ledger.Find(j.ctx, j.session.key, request)
		if errors.Is(err, juno.ErrMissing) {
			j.server.answerer.refuse(j.session, j.number,
				Verdict{request, 1, CodeMissing, fmt.Sprintf("not in the log up to %d", upto)})
			continue
		}
		if err != nil {
			return err
		}
		ask, ok := juno.AskOf(&e)
		if !ok || ask.Request != request {
			return fmt.Errorf("entry %d is not request %d", e.Index, request)
		}
		j.server.answerer.replay(j.session, j.number, []juno.Ask{ask}, []juno.Outcome{{
			Index: e.Index, Time: e.Time, Result: result, Replayed: true,
		}})
	}
	return nil
}

// await waits until the stream may send one more frame.
func (j *answering) await() error {
	select {
	case <-j.under.credit:
		return nil
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}

func (j *answering) query(q *Query) error {
	rows, err := j.server.cfg.Ledger.Query(
		j.ctx,
		juno.Query{Text: q.Text, Args: q.Args, RowsMax: q.RowsMax},
		q.At,
	)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns := q.columns(rows.Columns())
	frame := &Rows{Columns: columns, Width: len(columns)}
	sum, size, frames := NewRowsHash(columns), 0, 0
	flush := func() error {
		if q.EndOnly {
			return nil
		}
		if err := j.await(); err != nil {
			return err
		}
		j.send(frame)
		frames++
		frame, size = &Rows{Place: frames, Width: frame.Width}, 0
		return nil
	}
	for row, ok := rows.Next(); ok; row, ok = rows.Next() {
		sum.Add(row)
		n, err := rowBytes(row)
		if err != nil {
			return err
		}
		if size > 0 && (size+n > StreamFrameBytes || frame.Count() == rowsMax) {
			if err := flush(); err != nil {
				return err
			}
		}
		size += n
		if !q.EndOnly {
			frame.Cells = appendRow(frame.Cells, row)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	e := &End{Frames: frames, Rows: sum.Count(), Head: rows.Head()}
	if e.Reading, err = j.reading(q.Hash(), e.Head.Pos, sum.Sum()); err != nil {
		return err
	}
	if e.Head.Index > 0 {
		e.Certificate = j.server.cfg.Ledger.Proof(e.Head.Index)
	}
	j.send(e)
	return nil
}

// rowBytes returns about how long a row is, or that a frame cannot hold it.
func rowBytes(row []juno.Value) (int, error) {
	n := 0
	for i := range row {
		size := len(row[i].Text) + len(row[i].Blob)
		if size > CellBytesMax {
			return 0, &juno.QueryError{
				Message: fmt.Sprintf("a cell of %d bytes, at most %d are sent", size, CellBytesMax),
				Offset:  -1, Hint: "select a part of it, with substr",
			}
		}
		n += 10 + size
	}
	if n > FrameBytesMax/2 {
		return 0, &juno.QueryError{
			Message: fmt.Sprintf("a row of %d bytes, at most %d are sent", n, FrameBytesMax/2),
			Offset:  -1, Hint: "select fewer columns at a time",
		}
	}
	return n, nil
}

// appendRow copies a row: it is ours only until the next one.
func appendRow(cells, row []juno.Value) []juno.Value {
	for _, v := range row {
		v.Blob = bytes.Clone(v.Blob)
		cells = append(cells, v)
	}
	return cells
}

// reading signs an answer, in the epoch that the node is in.
func (j *answering) reading(asked juno.Hash, at juno.Pos, answer juno.Hash) (juno.Reading, error) {
	cfg := &j.server.cfg
	term := cfg.Ledger.State().Term
	key, ok := cfg.Key(term.Epoch())
	if !ok {
		return juno.Reading{}, fmt.Errorf("%w: the node is between two epochs", ErrNoLeader)
	}
	r := juno.Reading{Node: cfg.Node, Term: term, Asked: asked, At: at, Answer: answer}
	r.Sign(key, cfg.Cluster)
	return r, nil
}

func (j *answering) position(p *Position) (err error) {
	committed, c := j.server.cfg.Ledger.Position()
	a := &Positioned{Certificate: c}
	if a.Reading, err = j.reading(p.Nonce, committed, CertificateHash(c)); err == nil {
		j.send(a)
	}
	return err
}

func (j *answering) receipt(r *Receipt) error {
	text, err := j.server.cfg.Ledger.Receipt(j.ctx, r.Index)
	if err != nil {
		return err
	}
	for place := 0; ; place++ {
		if err := j.await(); err != nil {
			return err
		}
		n := min(len(text), StreamFrameBytes)
		j.send(&Chunk{Place: place, Last: n == len(text), Data: text[:n]})
		if text = text[n:]; len(text) == 0 {
			return nil
		}
	}
}
