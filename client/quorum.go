package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"juno"
	"juno/cluster/rpc"
)

// sortLinks puts the nodes first that were heard of last, then by their number. The caller holds
// the client's mu.
func sortLinks(all []*link) {
	slices.SortFunc(all, func(a, b *link) int {
		// In steps, so that of nodes that all answer it is always the same one.
		at := b.heard.Truncate(helloEvery).Compare(a.heard.Truncate(helloEvery))
		return cmp.Or(at, cmp.Compare(a.node.ID, b.node.ID))
	})
}

// barrier submits the command that an ordered read is named by in the log, and returns its index.
// The ledger has no verb for a query; to observe an account that cannot be there is refused, on
// all nodes alike, and changes nothing.
func (c *Client) barrier(ctx context.Context, q *rpc.Query) (juno.Index, error) {
	text := "ObserveAccount query-" + q.Hash().String()
	outcomes, err := c.Submit(ctx, []string{text}, juno.Single, nil)
	if err == nil {
		err = outcomes[0].Err
	}
	if err != nil {
		return 0, fmt.Errorf("order the query: %w", err)
	}
	return outcomes[0].Index, nil
}

// position is what a voter proves about how far its log is agreed on.
type position struct {
	node        juno.NodeID
	certificate *juno.QuorumCertificate
	index       juno.Index
}

// readIndex returns an index at or beyond every command that was acknowledged before the call.
// Such a command has a quorum of voters that hold a certificate at it or later, and of any quorum
// that answers at least one correct voter is among them. A position counts only with its
// certificate, so nobody can send us beyond the end of the log.
func (c *Client) readIndex(ctx context.Context) (juno.Index, error) {
	for {
		index, heard, err := c.askPositions(ctx)
		if err == nil {
			return index, nil
		}
		if ctx.Err() != nil || c.stop.Err() != nil {
			return 0, fmt.Errorf("%w: %d voters tell how far the log is agreed on (%w)",
				ErrNoQuorum, heard, err)
		}
		select { // an election, or a change of the members; then they answer
		case <-time.After(noLeaderPause):
		case <-ctx.Done():
		case <-c.stop.Done():
		}
	}
}

// fan sends one request to each of the links, and calls take with every answer until that returns
// true. It gives up after a round that brought nothing for hedgeMax.
func (c *Client) fan(
	ctx context.Context, to []*link, r rpc.Request,
	take func(*link, rpc.Response) bool,
) error {
	type answer struct {
		l *link
		r rpc.Response
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(to))
	for _, l := range to {
		k, number, ok := c.begin(l, r, hedgeMax)
		if !ok {
			continue
		}
		c.spawn(func() {
			defer c.end(number)
			select {
			case r := <-k.in:
				answers <- answer{l, r}
			case <-ctx.Done():
			case <-c.stop.Done():
			}
		})
	}
	timer := time.NewTimer(hedgeMax)
	defer timer.Stop()
	for range to {
		select {
		case a := <-answers:
			if take(a.l, a.r) {
				return nil
			}
		case <-timer.C:
			return context.DeadlineExceeded
		case <-ctx.Done():
			return ctx.Err()
		case <-c.stop.Done():
			return ErrClosed
		}
	}
	return context.DeadlineExceeded
}

// askPositions asks all voters once.
func (c *Client) askPositions(ctx context.Context) (juno.Index, int, error) {
	var nonce juno.Hash
	if _, err := rand.Read(nonce[:]); err != nil {
		return 0, 0, err
	}
	c.mu.Lock()
	m, voters := c.members, c.voters()
	c.mu.Unlock()
	var told []position
	err := c.fan(ctx, voters,
		&rpc.Position{Nonce: nonce},
		func(l *link, r rpc.Response) bool {
			p, ok := r.(*rpc.Positioned)
			if !ok || c.checkReading(l.node.ID, &p.Reading, nonce) != nil {
				return false
			}
			if p.Reading.Answer != rpc.CertificateHash(p.Certificate) {
				c.accuse(l.node.ID, BadSignature, nil, "its certificate is not the one it signs")
				return false
			}
			told = append(told, position{node: l.node.ID, certificate: p.Certificate})
			return len(told) >= m.config.Quorum()
		})
	if err != nil {
		return 0, len(told), err
	}
	return c.highestProven(m, told), len(told), nil
}

// highestProven returns the highest index that one of the certificates proves.
func (c *Client) highestProven(m *members, told []position) juno.Index {
	for i := range told {
		if told[i].certificate != nil {
			told[i].index = told[i].certificate.Pos.Index
		}
	}
	slices.SortFunc(told, func(a, b position) int { return cmp.Compare(b.index, a.index) })
	for _, p := range told {
		if p.certificate == nil {
			break
		}
		err := m.all.Certified(p.certificate)
		if err == nil {
			return p.index
		}
		c.accuse(p.node, BadProof, [][]byte{juno.AppendCertificate(nil, p.certificate)},
			"a certificate: %v", err)
	}
	return 0
}

// said is what one voter answers to a query.
type said struct {
	proof   Proof
	columns []juno.Column
	frames  []*rpc.Rows // nil if only its end was asked for
	err     error
	link    *link
}

// queryAgreed asks as many voters as it takes for f+1 of them to sign the same rows at the same
// index: the first one for the rows, the others for their hash.
func (c *Client) queryAgreed(ctx context.Context, q rpc.Query) (*Rows, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	m, voters := c.members, c.voters()
	sortLinks(voters)
	c.mu.Unlock()
	answers := make(chan said, len(voters))
	ask := func(l *link, endOnly bool) {
		question := q
		question.EndOnly = endOnly
		c.spawn(func() { answers <- c.gather(ctx, l, question) })
	}
	asked := min(m.CorrectMin(), len(voters))
	for i, l := range voters[:asked] {
		ask(l, i > 0)
	}
	var all []said
	more := time.NewTicker(firstAnswerMax)
	defer more.Stop()
	for len(all) < asked {
		select {
		case a := <-answers:
			all = append(all, a)
			if best := c.agreed(m, all); best != nil {
				return c.fetchAgreed(ctx, q, best, all)
			}
			if err := refusedBy(m, all); err != nil {
				return nil, err
			}
			if len(all) < asked || asked == len(voters) {
				continue
			}
		case <-more.C:
			if asked == len(voters) {
				continue
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.stop.Done():
			return nil, ErrClosed
		}
		ask(voters[asked], true) // one of those before is slow, or says something else
		asked++
	}
	return nil, disagreement(all)
}

// gather takes the whole answer of one node.
func (c *Client) gather(ctx context.Context, l *link, q rpc.Query) said {
	a := said{link: l}
	s, err := c.openStream(ctx, l, q)
	if err != nil {
		a.err = err
		return a
	}
	defer s.close()
	bytes := 0
	for {
		f, err := s.next()
		if err != nil || f == nil {
			a.proof, a.err = s.proof, err
			return a
		}
		if f.Place == 0 {
			a.columns = f.Columns
		}
		a.frames = append(a.frames, f)
		for i := range f.Cells {
			bytes += 64 + len(f.Cells[i].Text) + len(f.Cells[i].Blob)
		}
		if bytes > answerBytesMax {
			a.err = &juno.QueryError{
				Message: fmt.Sprintf("an answer of more than %d MiB cannot be compared",
					answerBytesMax>>20),
				Offset: -1, Hint: "add a LIMIT, or read it locally",
			}
			return a
		}
	}
}

// agreed returns an answer that f+1 voters have signed, with all of their names, or nil.
func (c *Client) agreed(m *members, all []said) *Proof {
	for i := range all {
		if all[i].err != nil {
			continue
		}
		p := all[i].proof
		p.Nodes = nil
		for _, o := range all {
			switch {
			case o.err != nil:
			case o.proof.Hash == p.Hash && o.proof.Head == p.Head:
				p.Nodes = append(p.Nodes, o.link.node.ID)
				p.Certified = p.Certified || o.proof.Certified
			case o.proof.Head.Index == p.Head.Index:
				p.Disagree = append(p.Disagree, o.link.node.ID)
			}
		}
		if len(p.Nodes) >= m.CorrectMin() {
			return &p
		}
	}
	return nil
}

// fetchAgreed returns the rows that are agreed on, from a node that signed them.
func (c *Client) fetchAgreed(
	ctx context.Context, q rpc.Query, best *Proof, all []said,
) (*Rows, error) {
	for _, node := range best.Disagree {
		c.accuse(node, BadRows, nil, "%q at index %d: other rows than %d voters have", q.Text,
			best.Head.Index, len(best.Nodes))
	}
	c.mu.Lock()
	if best.Head.Index > c.head.Index {
		c.head = best.Head
	}
	c.mu.Unlock()
	for round := range 2 {
		for _, a := range all {
			if a.err != nil || a.proof.Hash != best.Hash {
				continue
			}
			if round == 1 && a.frames == nil {
				a = c.gather(ctx, a.link, q) // only its hash is here
			}
			if a.err == nil && a.frames != nil && a.proof.Hash == best.Hash {
				return &Rows{client: c, columns: a.columns, frames: a.frames, proof: *best}, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: no node sends the rows that %d have signed", ErrNoQuorum,
		len(best.Nodes))
}

// refusedBy returns the refusal of the statement, if f+1 voters refuse it.
func refusedBy(m *members, all []said) error {
	refused := 0
	for i := range all {
		if isQueryError(all[i].err) {
			if refused++; refused >= m.CorrectMin() {
				return all[i].err
			}
		}
	}
	return nil
}

// disagreement is the error when no answer has enough voters behind it.
func disagreement(all []said) error {
	err := fmt.Errorf("%w: no rows that enough voters have signed", ErrNoQuorum)
	for _, a := range all {
		if a.err != nil {
			err = fmt.Errorf("%w; %s: %w", err, a.link.node.ID, a.err)
		} else {
			err = fmt.Errorf("%w; %s: rows %s at %d", err, a.link.node.ID, a.proof.Hash.Short(),
				a.proof.Head.Index)
		}
	}
	return err
}
