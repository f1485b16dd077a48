package embedded

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/cluster"
	"juno/datadir"
)

// Register makes a new client with a key of its own, which is kept in the directory. Only an
// operator can.
func (c *Client) Register(ctx context.Context, name string, role juno.Role) (juno.Outcome, error) {
	if err := datadir.CheckClientName(name); err != nil {
		return juno.Outcome{}, err
	}
	l := c.ledger
	l.changing.Lock()
	defer l.changing.Unlock()
	if err := l.settleKey(ctx, name); err != nil {
		return juno.Outcome{}, fmt.Errorf("register %s: %w", name, err)
	}
	if _, err := l.dir.ClientKey(name); err == nil {
		return juno.Outcome{}, fmt.Errorf("register %s: there is a key of that name here", name)
	}
	op := juno.KeyOp{Action: juno.KeyRegister, Subject: name, Role: role}
	return c.introduce(ctx, op, name)
}

// Rotate gives the client a new key, which the present one introduces; that one ends. Where an
// earlier rotation took effect after its caller had stopped waiting, its key is the present one.
func (c *Client) Rotate(ctx context.Context) (juno.Outcome, error) {
	l := c.ledger
	l.changing.Lock()
	defer l.changing.Unlock()
	if err := l.settleKey(ctx, c.name); err != nil {
		return juno.Outcome{}, fmt.Errorf("rotate key of %s: %w", c.name, err)
	}
	record, known := l.keyRecord(c.KeyID())
	if !known {
		return juno.Outcome{}, fmt.Errorf("rotate key of %s: %w", c.name, juno.ErrUnknownKey)
	}
	op := juno.KeyOp{Action: juno.KeyRotate, Subject: c.name, Role: record.Role, Ends: c.KeyID()}
	return c.introduce(ctx, op, c.name)
}

// introduce submits a change that brings a new key of name, and puts the key's file in its place.
// The caller holds l.changing and has settled the name: a file of the new key that is there
// already may be the only copy of a key that is in the log.
func (c *Client) introduce(ctx context.Context, op juno.KeyOp, name string) (juno.Outcome, error) {
	l := c.ledger
	key, fresh, err := l.dir.DrawKey(name)
	if err != nil {
		return juno.Outcome{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock() // no command may be signed with the old key behind the change
	ticket, err := c.submitChange(op, &key)
	if err != nil {
		return juno.Outcome{}, errors.Join(err, l.dropNextKey(name, fresh))
	}
	outcome, err := await(ctx, ticket)
	switch {
	case errors.Is(err, juno.ErrUnknown):
		l.undecided[name] = ticket // the key may be in the log already, or get there yet
		return outcome, fmt.Errorf("change the key of %s: %w; repeating the change, or opening "+
			"the ledger again, finds out first what became of this one", name, err)
	case err != nil: // not taken here; but it may have been handed on, and be taken elsewhere
		return outcome, errors.Join(err, l.dropNextKey(name, fresh && l.alone()))
	case outcome.Result.Status != juno.StatusOK:
		return outcome, l.dropNextKey(name, fresh)
	}
	if err := l.dir.AdoptKey(name); err != nil {
		return outcome, err
	}
	if name == c.name {
		c.key = key
	}
	return outcome, nil
}

// settleKey finishes an earlier change for name whose caller stopped waiting: it waits for the
// outcome, and takes the new key into use, or drops it if it cannot get into the log any more. The
// caller holds l.changing.
func (l *Ledger) settleKey(ctx context.Context, name string) error {
	if ticket := l.undecided[name]; ticket != nil {
		if _, err := await(ctx, ticket); errors.Is(err, juno.ErrUnknown) {
			return fmt.Errorf("an earlier change of that key: %w", err)
		}
	}
	key, err := l.dir.NextKey(name)
	if errors.Is(err, datadir.ErrNoKey) {
		delete(l.undecided, name)
		return nil
	}
	if err != nil {
		return err
	}
	if _, known := l.keyRecord(key.Public().ID()); !known {
		delete(l.undecided, name)
		return l.dropNextKey(name, l.alone())
	}
	if err := l.dir.AdoptKey(name); err != nil {
		return err
	}
	delete(l.undecided, name)
	l.mu.Lock()
	c := l.clients[name]
	l.mu.Unlock()
	if c != nil {
		c.mu.Lock()
		c.key = key
		c.mu.Unlock()
	}
	return nil
}

// dropNextKey removes a key that is not in the log, if it cannot get there either: an earlier try
// of the same change may still be on its way.
func (l *Ledger) dropNextKey(name string, surely bool) error {
	if !surely {
		return nil
	}
	return l.dir.DropKey(name)
}

// alone reports whether there never was another node, so that the log here knows of everything.
func (l *Ledger) alone() bool {
	g := &l.dir.Genesis.Config
	return len(g.Voters) == 1 && g.AdminThreshold == 0
}

// Revoke ends a key for good: the client's own, or for an operator anybody's.
func (c *Client) Revoke(ctx context.Context, id juno.KeyID) (juno.Outcome, error) {
	record, known := c.ledger.keyRecord(id)
	if !known {
		return juno.Outcome{}, fmt.Errorf("revoke key %s: %w", id, juno.ErrUnknownKey)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	op := juno.KeyOp{Action: juno.KeyRevoke, Subject: record.Subject, Role: record.Role, Ends: id}
	return c.change(ctx, op, nil)
}

// change signs and submits a key change, and waits for it. The caller holds c.mu.
func (c *Client) change(
	ctx context.Context, op juno.KeyOp, key *juno.PrivateKey) (juno.Outcome, error,
) {
	ticket, err := c.submitChange(op, key)
	if err != nil {
		return juno.Outcome{}, err
	}
	return await(ctx, ticket)
}

// submitChange signs and submits a key change. The caller holds c.mu.
func (c *Client) submitChange(op juno.KeyOp, key *juno.PrivateKey) (*cluster.Ticket, error) {
	op.Request = c.next
	c.next++
	op.Sign(c.key, key, c.ledger.cluster)
	p, err := cluster.NewProposal(juno.EntryKeyOp, op.Payload())
	if err != nil {
		return nil, err
	}
	return c.ledger.node.Submit(p)
}

// await returns what became of the one request of a ticket.
func await(ctx context.Context, ticket *cluster.Ticket) (juno.Outcome, error) {
	outcomes, err := ticket.Wait(ctx)
	if err != nil {
		return juno.Outcome{}, err
	}
	o := outcomes[0]
	return juno.Outcome{Index: o.Index, Time: o.Time, Result: o.Result, Replayed: o.Replayed}, nil
}

// keyRecord returns what the ledger knows of a key.
func (l *Ledger) keyRecord(id juno.KeyID) (juno.KeyRecord, bool) {
	return l.node.Key(id)
}

// settleKeys finishes what an end in the middle of introduce left: a key that reached the log
// takes its place, one that cannot get there any more is removed.
func (l *Ledger) settleKeys(ring *juno.Keyring) error {
	names, err := l.dir.PendingNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		key, err := l.dir.NextKey(name)
		if err != nil {
			return err
		}
		if _, known := ring.Lookup(key.Public().ID()); known {
			err = l.dir.AdoptKey(name)
		} else {
			err = l.dropNextKey(name, l.alone())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
