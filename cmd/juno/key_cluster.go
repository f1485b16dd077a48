package main

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/cluster/client"
	"juno/datadir"
	"juno/internal/cli"
	"juno/remote"
)

// keyStep is called where a crash would hurt most: when a key is "drawn" and on disk, and when its
// change is "acknowledged" and the key not in its place. Tests crash there.
var keyStep = func(context.Context, string) {}

// keyCall is a change of the keys of a cluster's clients. A new key is on disk before the change is
// sent, beside the one before, and takes its place once f+1 nodes say that it is in the log. As
// long as that is open both stay, and the same call again sends the same key: whichever of the
// calls gets into the log, its key is there.
type keyCall struct {
	cli.Console
	dir  *datadir.Directory
	k    *connection
	name string // who signs
	key  juno.PrivateKey
	role juno.Role // of the client of key new
}

// changeKeyOfCluster does one of the actions new, rotate and revoke.
func changeKeyOfCluster(
	ctx context.Context, c cli.Console, path, name, action, word string, role juno.Role,
) error {
	dir, err := datadir.Open(path)
	if err != nil {
		return err
	}
	held, err := dir.Lock()
	if err != nil {
		return err
	}
	defer held.Close()
	n := &keyCall{Console: c, dir: dir, name: name, role: role}
	if n.name == "" {
		if n.name, err = dir.DefaultClient(); err != nil {
			return err
		}
	}
	if n.key, err = dir.ClientKey(n.name); err != nil {
		return err
	}
	if n.k, err = connect(ctx, c, path, n.name); err != nil {
		return err
	}
	defer n.k.Close()
	err = n.k.await(ctx)
	if action == "rotate" && errors.Is(err, remote.ErrNotAdmitted) {
		return n.lookForNext(ctx, err)
	}
	if err != nil {
		return err
	}
	switch action {
	case "new":
		return n.register(ctx, word)
	case "rotate":
		return n.rotate(ctx)
	}
	return n.revoke(ctx, word)
}

// register introduces a client.
func (n *keyCall) register(ctx context.Context, name string) error {
	if _, err := n.dir.ClientKey(name); err == nil {
		return fmt.Errorf("register %s: there is a key of that name here", name)
	}
	op := juno.KeyOp{Action: juno.KeyRegister, Subject: name, Role: n.role}
	if next, err := n.dir.NextKey(name); err == nil {
		if done, err := n.take(ctx, n.k, name, next); done || err != nil {
			return err
		}
	}
	return n.introduce(ctx, op)
}

// rotate gives the client that signs another key.
func (n *keyCall) rotate(ctx context.Context) error {
	id := n.key.Public().ID()
	record, err := n.k.keyRecord(ctx, id)
	if err != nil {
		return err
	}
	if record == nil {
		return fmt.Errorf("rotate key %s of %s: %w", id, n.name, juno.ErrUnknownKey)
	}
	return n.introduce(ctx, juno.KeyOp{
		Action: juno.KeyRotate, Subject: n.name, Role: record.Role, Ends: id,
	})
}

// revoke ends a key.
func (n *keyCall) revoke(ctx context.Context, word string) error {
	id, err := juno.ParseKeyID(word)
	if err != nil {
		return err
	}
	record, err := n.k.keyRecord(ctx, id)
	switch {
	case err != nil:
		return err
	case record == nil:
		return fmt.Errorf("revoke key %s: %w", id, juno.ErrUnknownKey)
	case record.Role != juno.RoleClient && record.Role != juno.RoleOperator:
		return fmt.Errorf("revoke key %s: it is %s's, no client's: see juno node", id,
			record.Subject)
	case record.Until != 0:
		return fmt.Errorf("revoke key %s of %s: it has ended already, at index %d", id,
			record.Subject, record.Until-1)
	}
	o, err := n.submit(ctx, juno.KeyOp{
		Action: juno.KeyRevoke, Subject: record.Subject, Role: record.Role, Ends: id,
	}, nil)
	if err != nil {
		return err
	}
	return n.say(o.Index, &o.Result)
}

// introduce submits a change that brings the next key of its subject, and puts that in its place.
func (n *keyCall) introduce(ctx context.Context, op juno.KeyOp) error {
	next, fresh, err := n.dir.DrawKey(op.Subject)
	if err != nil {
		return err
	}
	keyStep(ctx, "drawn")
	o, err := n.submit(ctx, op, &next)
	switch {
	case errors.Is(err, juno.ErrUnknown):
		return fmt.Errorf("%s key of %s: %w; its new key is kept beside the one before: give the "+
			"same command again, which finds out which is valid, and finishes the change",
			op.Action, op.Subject, err)
	case err != nil:
		return err
	case o.Result.Status == juno.StatusOK:
		keyStep(ctx, "acknowledged")
		if err := n.dir.AdoptKey(op.Subject); err != nil {
			return err
		}
	case fresh:
		err = n.dir.DropKey(op.Subject) // no other call has ever sent it
	case op.Action == juno.KeyRotate:
		return n.lookForNext(ctx, n.say(o.Index, &o.Result))
	}
	return errors.Join(n.say(o.Index, &o.Result), err)
}

// lookForNext finishes an earlier rotation, which has ended the key that the client has: the next
// one is known to the nodes then. Otherwise the client has no valid key here, and err says so.
func (n *keyCall) lookForNext(ctx context.Context, err error) error {
	next, missing := n.dir.NextKey(n.name)
	if missing != nil {
		return err
	}
	k, failed := connectAs(ctx, n.Console, n.k.path, remote.Options{Key: &next})
	if failed != nil {
		return errors.Join(err, failed)
	}
	defer k.Close()
	if failed := k.await(ctx); failed != nil {
		return fmt.Errorf("with the key in use: %w\nwith the next one: %w", err, failed)
	}
	if done, failed := n.take(ctx, k, n.name, next); done || failed != nil {
		return failed
	}
	return err
}

// take puts a key in its place if a quorum has it in the log for that client.
func (n *keyCall) take(
	ctx context.Context, k *connection, name string, next juno.PrivateKey,
) (done bool, err error) {
	record, err := k.keyRecord(ctx, next.Public().ID())
	if err != nil || record == nil || record.Subject != name {
		return false, err
	}
	if err := n.dir.AdoptKey(name); err != nil {
		return false, err
	}
	return true, n.say(record.From-1, &juno.Result{Status: juno.StatusOK})
}

func (n *keyCall) submit(
	ctx context.Context, op juno.KeyOp, next *juno.PrivateKey,
) (juno.Outcome, error) {
	request, err := n.k.Next(ctx)
	if err != nil {
		return juno.Outcome{}, err
	}
	op.Request = request
	op.Sign(n.key, next, n.k.Cluster())
	o, err := n.k.SubmitKey(ctx, op.Payload())
	return o, errors.Join(err, o.Err)
}

func (n *keyCall) say(index juno.Index, r *juno.Result) error {
	return sayKeyChange(n.Console, index, r)
}

// sayKeyChange says what became of a change of keys.
func sayKeyChange(c cli.Console, index juno.Index, r *juno.Result) error {
	if r.Status != juno.StatusOK {
		return fmt.Errorf("refused at index %d: %s %s", index, r.Code, r.Message)
	}
	fmt.Fprintf(c.Out, "done at index %d, with effect from index %d\n", index, index+1)
	return nil
}

// keyRecord returns what f+1 nodes say of a key; nil if it is not in the log.
func (k *connection) keyRecord(ctx context.Context, id juno.KeyID) (*juno.KeyRecord, error) {
	rows, err := k.Client.Query(ctx, juno.Query{
		Text: "SELECT subject, role, valid_from_index, valid_to_index FROM keys WHERE key_id = '" +
			id.String() + "'",
	}, client.Quorum)
	if err != nil {
		return nil, fmt.Errorf("look for key %s: %w", id, err)
	}
	defer rows.Close()
	row, ok := rows.Next()
	if !ok {
		return nil, rows.Err()
	}
	role, err := juno.ParseRole(row[1].Text)
	return &juno.KeyRecord{
		ID: id, Subject: row[0].Text, Role: role, From: juno.Index(row[2].Integer),
		Until: juno.Index(row[3].Integer),
	}, err
}
