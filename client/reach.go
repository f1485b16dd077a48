package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"juno"
	"juno/cluster/zmq"
)

// Times of reaching the cluster.
const (
	// awaitStep is how often Await looks at what is in the way.
	awaitStep = 100 * time.Millisecond
	// refusedWithin is how long f+1 voters may refuse the key, or have other keys than we know,
	// before Await gives up: they may be behind, and we may be.
	refusedWithin = 2 * time.Second
)

// ReachError says why too few nodes answer. It is ErrNoQuorum to errors.Is, and ErrNotAdmitted or
// ErrWrongKey where that is what at least one correct voter says.
type ReachError struct {
	Members *juno.EpochConfig // the newest that is proven
	Key     juno.KeyID        // the client's
	// Problems are why there is no connection to a voter, with nil for one that is connected, in
	// the order of Members.Voters.
	Problems []error
	// KeyRefused: at least one correct voter does not admit the key.
	KeyRefused bool
	// MembersChanged: at least one correct voter has another key than Members says. Memberships
	// have come into force that this client has not heard of.
	MembersChanged bool
	// KeyPending: another key was drawn for the client, which may be in force by now. Keys.Rotate
	// finishes that.
	KeyPending bool
}

// Error returns a line for each voter that cannot be spoken to, and what their problems mean
// together.
func (e *ReachError) Error() string {
	lines := []string{ErrNoQuorum.Error()}
	for i, v := range e.Members.Voters {
		if p := e.Problems[i]; p != nil {
			lines = append(lines, fmt.Sprintf("  %s at %s: %s", v.ID, juno.Clean(v.Address),
				juno.Clean(p.Error())))
		}
	}
	switch {
	case e.MembersChanged:
		lines = append(lines, fmt.Sprintf("the nodes seem to have other keys than in epoch %d, "+
			"the newest that is known here: copy the file epochs of any node's directory into "+
			"the client's", e.Members.Epoch))
	case e.KeyRefused && e.KeyPending:
		lines = append(lines, fmt.Sprintf("key %s is %v, and was being changed", e.Key,
			ErrNotAdmitted))
	case e.KeyRefused:
		lines = append(lines, fmt.Sprintf("key %s is %v: it has ended, is not in the log yet, or "+
			"is of another ledger", e.Key, ErrNotAdmitted))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns what the error is to errors.Is.
func (e *ReachError) Unwrap() []error {
	switch {
	case e.MembersChanged:
		return []error{ErrNoQuorum, ErrWrongKey}
	case e.KeyRefused:
		return []error{ErrNoQuorum, ErrNotAdmitted}
	}
	return []error{ErrNoQuorum}
}

// Await waits until a quorum of voters answers, so that commands can be numbered and queries
// believed. Where that does not come about while ctx lasts, or where so many voters refuse the
// connection that waiting does not help, the error is a *ReachError. If ctx is canceled, or the
// client closed, the error says that.
func (c *Client) Await(ctx context.Context) error {
	pending := c.cfg.KeyPending != nil && c.cfg.KeyPending()
	admitted := time.Now()
	for {
		step, done := context.WithTimeout(ctx, awaitStep)
		_, err := c.Next(step)
		done()
		if err == nil || errors.Is(err, ErrClosed) || errors.Is(ctx.Err(), context.Canceled) {
			return err
		}
		e := c.reachError(pending)
		if !e.KeyRefused && !e.MembersChanged {
			admitted = time.Now()
		}
		if ctx.Err() != nil || e.KeyRefused && pending || time.Since(admitted) > refusedWithin {
			return e
		}
	}
}

// reachError describes how the connections to the voters are at this moment.
func (c *Client) reachError(pending bool) *ReachError {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &ReachError{Members: c.members.config, Key: c.key, KeyPending: pending}
	for _, v := range e.Members.Voters {
		e.Problems = append(e.Problems, c.problem(v.ID))
	}
	r := zmq.CountRefusals(e.Members, c.problem)
	e.KeyRefused, e.MembersChanged = r.KeyRefused(), r.MembersChanged()
	return e
}

// problem returns why there is no connection to a node. The caller holds mu.
func (c *Client) problem(id juno.NodeID) error {
	if l := c.links[id]; l != nil {
		return l.problem
	}
	return nil
}

// NodeStatus is what one node says of itself. No other node vouches for it.
type NodeStatus struct {
	Node  Node
	Voter bool
	Err   error // why there are no facts
	Facts []juno.Fact
}

// Text returns the text of a fact, such as rpc.FactRole; empty if there is none.
func (s *NodeStatus) Text(name string) string { return s.fact(name).Text }

// Number returns the number of a fact, such as rpc.FactCommitted; 0 if there is none.
func (s *NodeStatus) Number(name string) int64 { return s.fact(name).Integer }

func (s *NodeStatus) fact(name string) juno.Value {
	for i := range s.Facts {
		if s.Facts[i].Name == name {
			return s.Facts[i].Value
		}
	}
	return juno.Value{}
}

// statusTry is how long a node has for its status before it is asked again: the question may have
// gone to a connection that was just being replaced, because the node has another key.
const statusTry = time.Second

// Status asks all members how they are, and returns their answers, the voters' first, by their
// numbers. A node that does not answer while ctx lasts has an error there. Texts of nodes are made
// safe to show (juno.Clean).
func (c *Client) Status(ctx context.Context) []NodeStatus {
	c.mu.Lock()
	config := c.members.config
	c.mu.Unlock()
	all := slices.Concat(config.Voters, config.Observers)
	found := make([]NodeStatus, len(all))
	done := make(chan struct{}, len(all))
	for i, m := range all {
		c.spawn(func() {
			found[i] = c.statusOf(ctx, m)
			_, found[i].Voter = config.Voter(m.ID)
			done <- struct{}{}
		})
	}
	for range all {
		<-done
	}
	return found
}

// statusOf asks one node, by whatever link there is to it, until it answers or ctx ends.
func (c *Client) statusOf(ctx context.Context, m juno.Member) NodeStatus {
	s := NodeStatus{Node: Node{ID: m.ID, Address: m.Address, Key: m.Public}}
	for {
		once, cancel := context.WithTimeout(ctx, statusTry)
		s.Err = c.askStatus(once, &s)
		if s.Err == nil {
			cancel()
			return s
		}
		select {
		case <-once.Done(): // it may have failed at once
		case <-c.stop.Done():
		}
		cancel()
		if ctx.Err() != nil || c.stop.Err() != nil {
			return s
		}
	}
}

// askStatus asks a node once. The error says what is wrong with the connection, if that is known.
func (c *Client) askStatus(ctx context.Context, s *NodeStatus) error {
	c.mu.Lock()
	l := c.links[s.Node.ID]
	c.mu.Unlock()
	if l == nil {
		return ErrNoQuorum
	}
	s.Node.Address = l.node.Address
	facts, err := c.factsOf(ctx, l)
	if err == nil {
		s.Facts = facts
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.problem != nil {
		return l.problem
	}
	return err
}
