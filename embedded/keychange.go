package embedded

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/cluster"
	"juno/internal/submit"
)

// Register makes a new client with a key of its own, which is kept in the directory. Only an
// operator can. An earlier call that took effect after its caller had stopped waiting is finished;
// then the outcome is Replayed.
func (c *Client) Register(
	ctx context.Context, name string, role juno.Role,
) (juno.Outcome, error) {
	return c.changeKeys(ctx, name, func(k *submit.Keys) (juno.Outcome, error) {
		return k.Register(ctx, name, role)
	})
}

// Rotate gives the client a new key, which the present one introduces; that one ends. An earlier
// call that took effect after its caller had stopped waiting is finished; then the outcome is
// Replayed.
func (c *Client) Rotate(ctx context.Context) (juno.Outcome, error) {
	return c.changeKeys(ctx, c.name, func(k *submit.Keys) (juno.Outcome, error) {
		return k.Rotate(ctx)
	})
}

// Revoke ends a key for good: the client's own, or for an operator that of any client.
func (c *Client) Revoke(ctx context.Context, id juno.KeyID) (juno.Outcome, error) {
	return c.changeKeys(ctx, "", func(k *submit.Keys) (juno.Outcome, error) {
		return k.Revoke(ctx, id)
	})
}

// changeKeys makes one change of keys, once an earlier one of name that is still under way has an
// outcome. No command is signed meanwhile: one with the old key behind the change would be refused.
func (c *Client) changeKeys(
	ctx context.Context, name string, change func(*submit.Keys) (juno.Outcome, error),
) (juno.Outcome, error) {
	l := c.ledger
	l.changing.Lock()
	defer l.changing.Unlock()
	if ticket := l.undecided[name]; ticket != nil {
		if _, err := ticket.Wait(ctx); errors.Is(err, juno.ErrUnknown) {
			return juno.Outcome{}, fmt.Errorf("an earlier change of the key of %s: %w", name, err)
		}
		delete(l.undecided, name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return change(&submit.Keys{
		Dir: l.dir, Ledger: keyLedger{l, c}, Name: c.name, Key: c.key,
	})
}

// keyLedger is the ledger as changes of a client's keys see it. The caller holds the client's mu.
type keyLedger struct {
	*Ledger
	client *Client
}

// Record implements submit.Records.
func (k keyLedger) Record(_ context.Context, id juno.KeyID) (*juno.KeyRecord, error) {
	if r, known := k.node.Key(id); known {
		return &r, nil
	}
	return nil, nil
}

// Complete implements submit.Records.
func (k keyLedger) Complete() bool { return k.alone() }

// alone reports whether there never was another node, so that the log here knows of everything.
func (l *Ledger) alone() bool {
	g := &l.dir.Genesis.Config
	return len(g.Voters) == 1 && g.AdminThreshold == 0
}

// Submit implements submit.Ledger.
func (k keyLedger) Submit(
	ctx context.Context, op juno.KeyOp, key juno.PrivateKey, next *juno.PrivateKey,
) (juno.Outcome, error) {
	op.Request = k.client.next
	k.client.next++
	op.Sign(key, next, k.cluster)
	p, err := cluster.NewProposal(juno.EntryKeyOp, op.Payload())
	if err != nil {
		return juno.Outcome{}, err
	}
	ticket, err := k.node.Submit(p)
	if err != nil {
		return juno.Outcome{}, err
	}
	o, err := await(ctx, ticket)
	if errors.Is(err, juno.ErrUnknown) && next != nil {
		k.undecided[op.Subject] = ticket
	}
	o.Request = op.Request
	return o, err
}

// Adopted implements submit.Ledger.
func (k keyLedger) Adopted(name string, key juno.PrivateKey) {
	if name == k.client.name {
		k.client.key = key
		return
	}
	k.mu.Lock()
	c := k.clients[name]
	k.mu.Unlock()
	if c != nil {
		c.mu.Lock()
		c.key = key
		c.mu.Unlock()
	}
}

// await returns what became of the one request of a ticket.
func await(ctx context.Context, ticket *cluster.Ticket) (juno.Outcome, error) {
	outcomes, err := ticket.Wait(ctx)
	if err != nil {
		return juno.Outcome{}, err
	}
	return outcomes[0], nil
}

// settleKeys finishes what a process that ended in the middle of a change of keys has left. The
// ring is that of the end of the log.
func (l *Ledger) settleKeys(ring *juno.Keyring) error {
	names, err := l.dir.PendingNames()
	if err != nil {
		return err
	}
	records := ringRecords{ring, l.alone()}
	for _, name := range names {
		if _, _, err := submit.Settle(context.Background(), l.dir, records, name); err != nil {
			return err
		}
	}
	return nil
}

// ringRecords is a keyring as submit.Records.
type ringRecords struct {
	ring  *juno.Keyring
	alone bool
}

// Record implements submit.Records.
func (r ringRecords) Record(_ context.Context, id juno.KeyID) (*juno.KeyRecord, error) {
	if k, known := r.ring.Lookup(id); known {
		return &k, nil
	}
	return nil, nil
}

// Complete implements submit.Records.
func (r ringRecords) Complete() bool { return r.alone }
