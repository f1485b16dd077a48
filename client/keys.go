package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"juno"
	"juno/datadir"
)

// KeyStep is a moment of a change of keys at which a crash would leave two keys.
type KeyStep string

// The steps of a change that brings a new key.
const (
	KeyDrawn        KeyStep = "drawn"        // the new key is on disk, and was not sent
	KeyAcknowledged KeyStep = "acknowledged" // it is in the log, and not in its place on disk
)

// Keys changes the keys of a cluster's clients, for the client that signs. A new key is on disk
// before the change is sent, beside the one before, and takes its place once f+1 nodes say that it
// is in the log. As long as that is open both stay, and the same call again sends the same key:
// whichever of the calls gets into the log, its key is there.
//
// Keys holds the directory's lock, and is used by one goroutine at a time.
type Keys struct {
	// OnStep, if not nil, is told of each step, in the goroutine of the call.
	OnStep func(context.Context, KeyStep)
	// Within, if not 0, is how long a call looks for a quorum of nodes before it says that there
	// is none.
	Within time.Duration

	path    string
	options Options
	dir     *datadir.Directory
	lock    io.Closer
	client  *Client // nil: none yet, or the key that it signs with has ended
	name    string  // of the client that signs
	key     juno.PrivateKey
}

// OpenKeys locks a client's directory to change keys of its cluster. Options.Key must be nil: the
// keys are those of the directory. Connections are made when they are needed.
func OpenKeys(path string, o Options) (_ *Keys, err error) {
	if o.Key != nil {
		return nil, errors.New("change keys: Options.Key is set, want a key of the directory")
	}
	k := &Keys{path: path, options: o}
	if k.dir, err = datadir.Open(path); err != nil {
		return nil, err
	}
	if k.lock, err = k.dir.Lock(); err != nil {
		return nil, err
	}
	if k.name, k.key, err = o.signer(k.dir); err != nil {
		return nil, errors.Join(err, k.lock.Close())
	}
	k.options.Name = k.name
	return k, nil
}

// Name returns the client that signs.
func (k *Keys) Name() string { return k.name }

// connect connects with the key in use, unless that was done, and waits for a quorum.
func (k *Keys) connect(ctx context.Context) (err error) {
	if k.client == nil {
		if k.client, err = Connect(ctx, k.path, k.options); err != nil {
			return err
		}
	}
	return k.await(ctx, k.client)
}

func (k *Keys) disconnect() {
	if k.client != nil {
		k.client.Close()
		k.client = nil
	}
}

func (k *Keys) await(ctx context.Context, c *Client) error {
	if k.Within != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, k.Within)
		defer cancel()
	}
	return c.Await(ctx)
}

// Close ends the connection, and gives the lock back.
func (k *Keys) Close() error {
	k.disconnect()
	return k.lock.Close()
}

// Register introduces a client with a key of its own, which is kept in the directory. Only an
// operator can. An earlier call for that name whose outcome was unknown is finished.
//
// An outcome whose Result is a refusal has no error. Here and below juno.ErrUnknown means that the
// change may be in the log or come there: the same call again finds out, and finishes it.
func (k *Keys) Register(ctx context.Context, name string, role juno.Role) (juno.Outcome, error) {
	if err := datadir.CheckClientName(name); err != nil {
		return juno.Outcome{}, err
	}
	if err := k.connect(ctx); err != nil {
		return juno.Outcome{}, err
	}
	if _, err := k.dir.ClientKey(name); err == nil {
		return juno.Outcome{}, fmt.Errorf("register %s: there is a key of that name here", name)
	}
	if next, err := k.dir.NextKey(name); err == nil {
		if o, done, err := k.adopt(ctx, k.client, name, next); done || err != nil {
			return o, err
		}
	}
	return k.introduce(ctx, juno.KeyOp{Action: juno.KeyRegister, Subject: name, Role: role})
}

// Rotate gives the client that signs another key, which the present one introduces; that one ends.
// Where an earlier rotation has taken effect after its caller had stopped waiting, its key takes
// its place, and the outcome is that of the earlier rotation.
func (k *Keys) Rotate(ctx context.Context) (juno.Outcome, error) {
	err := k.connect(ctx)
	if errors.Is(err, ErrNotAdmitted) {
		return k.finish(ctx, juno.Outcome{}, err)
	}
	if err != nil {
		return juno.Outcome{}, err
	}
	id := k.key.Public().ID()
	record, err := k.client.KeyRecord(ctx, id)
	if err != nil {
		return juno.Outcome{}, err
	}
	if record == nil {
		return juno.Outcome{}, fmt.Errorf("rotate key %s of %s: %w", id, k.name,
			juno.ErrUnknownKey)
	}
	return k.introduce(ctx, juno.KeyOp{
		Action: juno.KeyRotate, Subject: k.name, Role: record.Role, Ends: id,
	})
}

// Revoke ends a key for good: the client's own, or for an operator that of any client.
func (k *Keys) Revoke(ctx context.Context, id juno.KeyID) (juno.Outcome, error) {
	if err := k.connect(ctx); err != nil {
		return juno.Outcome{}, err
	}
	record, err := k.client.KeyRecord(ctx, id)
	switch {
	case err != nil:
		return juno.Outcome{}, err
	case record == nil:
		return juno.Outcome{}, fmt.Errorf("revoke key %s: %w", id, juno.ErrUnknownKey)
	case record.Role != juno.RoleClient && record.Role != juno.RoleOperator:
		return juno.Outcome{}, fmt.Errorf("revoke key %s: it belongs to %s, which is no client",
			id, juno.Clean(record.Subject))
	case record.Until != 0:
		return juno.Outcome{}, fmt.Errorf("revoke key %s of %s: it has ended already, at index %d",
			id, juno.Clean(record.Subject), record.Until-1)
	}
	return k.submit(ctx, juno.KeyOp{
		Action: juno.KeyRevoke, Subject: record.Subject, Role: record.Role, Ends: id,
	}, nil)
}

// introduce submits a change that brings the next key of its subject, and puts that in its place.
func (k *Keys) introduce(ctx context.Context, op juno.KeyOp) (juno.Outcome, error) {
	next, fresh, err := k.dir.DrawKey(op.Subject)
	if err != nil {
		return juno.Outcome{}, err
	}
	k.step(ctx, KeyDrawn)
	o, err := k.submit(ctx, op, &next)
	switch {
	case errors.Is(err, juno.ErrUnknown):
		return o, fmt.Errorf("%s key of %s: %w; its new key is kept beside the one before; the "+
			"same change again finds out which is valid, and is finished", op.Action, op.Subject,
			err)
	case err != nil:
		return o, err
	case o.Result.Status == juno.StatusOK:
		k.step(ctx, KeyAcknowledged)
		if err := k.dir.AdoptKey(op.Subject); err != nil {
			return o, err
		}
		if op.Subject == k.name {
			k.disconnect()
			k.key = next
		}
	case fresh:
		return o, k.dir.DropKey(op.Subject) // no other call has ever sent it
	case op.Action == juno.KeyRotate:
		return k.finish(ctx, o, nil)
	}
	return o, nil
}

// finish finishes an earlier rotation, which has ended the key that the client has: the next one is
// known to the nodes then. Otherwise the client has no valid key here, and o and err say so.
func (k *Keys) finish(ctx context.Context, o juno.Outcome, err error) (juno.Outcome, error) {
	next, missing := k.dir.NextKey(k.name)
	if missing != nil {
		return o, err
	}
	options := k.options
	options.Key = &next
	c, failed := Connect(ctx, k.path, options)
	if failed != nil {
		return o, errors.Join(err, failed)
	}
	if failed := k.await(ctx, c); failed != nil {
		c.Close()
		if err == nil {
			err = fmt.Errorf("refused at index %d: %s %s", o.Index, o.Result.Code,
				juno.Clean(o.Result.Message))
		}
		return o, fmt.Errorf("with the key in use: %w\nwith the next one: %w", err, failed)
	}
	found, done, failed := k.adopt(ctx, c, k.name, next)
	if !done || failed != nil {
		c.Close()
	}
	switch {
	case failed != nil:
		return o, failed
	case !done:
		return o, err
	}
	k.disconnect()
	k.client, k.key = c, next
	return found, nil
}

// adopt puts a key in its place if f+1 nodes say that it is in the log for that client.
func (k *Keys) adopt(ctx context.Context, c *Client, name string, next juno.PrivateKey) (
	o juno.Outcome, done bool, err error,
) {
	record, err := c.KeyRecord(ctx, next.Public().ID())
	if err != nil || record == nil || record.Subject != name {
		return o, false, err
	}
	if err := k.dir.AdoptKey(name); err != nil {
		return o, false, err
	}
	o.Index, o.Result.Status = record.From-1, juno.StatusOK
	return o, true, nil
}

func (k *Keys) submit(ctx context.Context, op juno.KeyOp, next *juno.PrivateKey) (
	juno.Outcome, error,
) {
	request, err := k.client.Next(ctx)
	if err != nil {
		return juno.Outcome{}, err
	}
	op.Request = request
	op.Sign(k.key, next, k.client.Cluster())
	o, err := k.client.SubmitKey(ctx, op.Payload())
	return o, errors.Join(err, o.Err)
}

func (k *Keys) step(ctx context.Context, step KeyStep) {
	if k.OnStep != nil {
		k.OnStep(ctx, step)
	}
}

// KeyRecord returns what f+1 nodes say of a key; nil if it is not in the log.
func (c *Client) KeyRecord(ctx context.Context, id juno.KeyID) (*juno.KeyRecord, error) {
	rows, err := c.Query(ctx, juno.Query{
		// An id is hexadecimal digits.
		Text: "SELECT subject, role, valid_from_index, valid_to_index FROM keys WHERE key_id = '" +
			id.String() + "'",
	}, Quorum)
	if err != nil {
		return nil, fmt.Errorf("look for key %s: %w", id, err)
	}
	defer rows.Close()
	row, ok := rows.Next()
	if !ok {
		return nil, rows.Err()
	}
	if len(row) != 4 {
		return nil, fmt.Errorf("look for key %s: %d columns, want 4", id, len(row))
	}
	role, err := juno.ParseRole(row[1].Text)
	return &juno.KeyRecord{
		ID: id, Subject: row[0].Text, Role: role, From: juno.Index(row[2].Integer),
		Until: juno.Index(row[3].Integer),
	}, err
}
