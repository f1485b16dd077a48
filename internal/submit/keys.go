package submit

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/datadir"
)

// Records is what a ledger knows of keys.
type Records interface {
	// Record returns what the log says of a key; nil if the key is not in it.
	Record(ctx context.Context, id juno.KeyID) (*juno.KeyRecord, error)
	// Complete reports whether a key that has no record cannot get into the log any more, once the
	// caller waits for no submission of it. That is so where there never was another node.
	Complete() bool
}

// Ledger is where changes of keys are submitted.
type Ledger interface {
	Records
	// Submit numbers a change, signs it with the key that is given and the next key of its subject,
	// if that is not nil, hands it in, and waits until it is in the log. An error that wraps
	// juno.ErrUnknown says that it may get there yet.
	Submit(ctx context.Context, op juno.KeyOp, key juno.PrivateKey, next *juno.PrivateKey) (
		juno.Outcome, error)
	// Adopted tells that a client's key file holds another key now.
	Adopted(name string, key juno.PrivateKey)
}

// Keys changes keys of clients, in the log and in a directory. The caller holds the directory's
// lock, and makes one change at a time.
//
// A change that brings a new key goes through these steps: settle what is left of an earlier one;
// draw the key, which is then on disk beside the one before; submit the change; put the new key in
// the place of the old one. If the outcome stays unknown, both keys stay, and the same call again
// begins with settling: either the change is in the log, and is finished, or it is submitted again
// with the same key.
type Keys struct {
	Dir    *datadir.Directory
	Ledger Ledger
	Name   string // the client that signs
	Key    juno.PrivateKey
	// Step, if not nil, is called where a crash would hurt most: when a key is "drawn" and on disk,
	// and when its change is "acknowledged" and the key not in its place. Tests crash there.
	Step func(ctx context.Context, step string)
}

// Register introduces a client with a key of its own. Only an operator can. An earlier call whose
// outcome was unknown is finished by this one; then the outcome is Replayed.
func (k *Keys) Register(ctx context.Context, name string, role juno.Role) (juno.Outcome, error) {
	settled, err := k.settle(ctx, name)
	if err != nil || settled != nil {
		return take(settled), wrap("register", name, err)
	}
	if _, err := k.Dir.ClientKey(name); !errors.Is(err, datadir.ErrNoKey) {
		if err == nil {
			err = errors.New("there is a key of that name here")
		}
		return juno.Outcome{}, wrap("register", name, err)
	}
	return k.introduce(ctx, juno.KeyOp{Action: juno.KeyRegister, Subject: name, Role: role})
}

// Rotate gives the client that signs a new key, which the present one introduces; that one ends. An
// earlier call whose outcome was unknown is finished by this one; then the outcome is Replayed.
func (k *Keys) Rotate(ctx context.Context) (juno.Outcome, error) {
	settled, err := k.settle(ctx, k.Name)
	if err != nil || settled != nil {
		return take(settled), wrap("rotate the key of", k.Name, err)
	}
	id := k.Key.Public().ID()
	record, err := k.Ledger.Record(ctx, id)
	if err == nil && record == nil {
		err = fmt.Errorf("%w (%s)", juno.ErrUnknownKey, id)
	}
	if err != nil {
		return juno.Outcome{}, wrap("rotate the key of", k.Name, err)
	}
	return k.introduce(ctx, juno.KeyOp{
		Action: juno.KeyRotate, Subject: k.Name, Role: record.Role, Ends: id,
	})
}

// Revoke ends a key for good: the client's own, or for an operator that of any client.
func (k *Keys) Revoke(ctx context.Context, id juno.KeyID) (juno.Outcome, error) {
	record, err := k.Ledger.Record(ctx, id)
	switch {
	case err != nil:
	case record == nil:
		err = juno.ErrUnknownKey
	case record.Role != juno.RoleClient && record.Role != juno.RoleOperator:
		err = fmt.Errorf("it belongs to %s, which is no client: see juno node", record.Subject)
	case record.Until != 0:
		err = fmt.Errorf("the key of %s has ended already, at index %d", record.Subject,
			record.Until-1)
	}
	if err != nil {
		return juno.Outcome{}, fmt.Errorf("revoke key %s: %w", id, err)
	}
	return k.Ledger.Submit(ctx, juno.KeyOp{
		Action: juno.KeyRevoke, Subject: record.Subject, Role: record.Role, Ends: id,
	}, k.Key, nil)
}

// introduce submits a change that brings the next key of its subject.
func (k *Keys) introduce(ctx context.Context, op juno.KeyOp) (juno.Outcome, error) {
	name := op.Subject
	next, fresh, err := k.Dir.DrawKey(name)
	if err != nil {
		return juno.Outcome{}, err
	}
	k.step(ctx, "drawn")
	o, err := k.Ledger.Submit(ctx, op, k.Key, &next)
	switch {
	case errors.Is(err, juno.ErrUnknown): // the key may be in the log already, or get there yet
		return o, fmt.Errorf("%s the key of %s: %w; the new key is kept beside the one before: "+
			"repeat the change, which finds out which key is valid, and finishes it", op.Action,
			name, err)
	case err != nil:
		// Not taken here. Where there are other nodes it may have been handed on, and be taken
		// elsewhere.
		if fresh && k.Ledger.Complete() {
			err = errors.Join(err, k.Dir.DropKey(name))
		}
		return o, err
	case o.Result.Status == juno.StatusOK:
		k.step(ctx, "acknowledged")
		return o, k.adopt(name, next)
	case fresh:
		return o, k.Dir.DropKey(name) // no other call has ever submitted it
	}
	// An earlier submission of the same key may have come first.
	if settled, err := k.settle(ctx, name); err != nil || settled != nil {
		return take(settled), err
	}
	return o, nil
}

func (k *Keys) step(ctx context.Context, step string) {
	if k.Step != nil {
		k.Step(ctx, step)
	}
}

func (k *Keys) adopt(name string, next juno.PrivateKey) error {
	if err := k.Dir.AdoptKey(name); err != nil {
		return err
	}
	if name == k.Name {
		k.Key = next
	}
	k.Ledger.Adopted(name, next)
	return nil
}

// settle finishes an earlier change for name; nil if none is in the log.
func (k *Keys) settle(ctx context.Context, name string) (*juno.Outcome, error) {
	next, record, err := Settle(ctx, k.Dir, k.Ledger, name)
	if err != nil || record == nil {
		return nil, err
	}
	if name == k.Name {
		k.Key = next
	}
	k.Ledger.Adopted(name, next)
	return &juno.Outcome{
		Index: record.From - 1, Result: juno.Result{Status: juno.StatusOK}, Replayed: true,
	}, nil
}

// Settle finishes what an earlier change of the key of name has left: a next key that the log has
// for that name takes its place, and is returned with its record; one that cannot get there any
// more is removed. Otherwise nothing changes, and record is nil.
func Settle(ctx context.Context, dir *datadir.Directory, r Records, name string) (
	next juno.PrivateKey, record *juno.KeyRecord, err error,
) {
	next, err = dir.NextKey(name)
	if errors.Is(err, datadir.ErrNoKey) {
		return next, nil, nil
	}
	if err == nil {
		record, err = r.Record(ctx, next.Public().ID())
	}
	switch {
	case err != nil:
		return next, nil, err
	case record != nil && record.Subject == name:
		return next, record, dir.AdoptKey(name)
	case record == nil && r.Complete():
		err = dir.DropKey(name)
	}
	return next, nil, err
}

func take(o *juno.Outcome) juno.Outcome {
	if o == nil {
		return juno.Outcome{}
	}
	return *o
}

func wrap(what, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}
