package main

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/client"
	"juno/internal/cli"
)

// keyStep is told of the steps of a change of keys. Tests crash there.
var keyStep func(context.Context, client.KeyStep)

// changeKeyOfCluster does one of the actions new, rotate and revoke.
func changeKeyOfCluster(
	ctx context.Context, c cli.Console, path, name, action, word string, role juno.Role,
) (err error) {
	keys, err := client.OpenKeys(path, clientOptions(c, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keys.Close()) }()
	keys.OnStep, keys.Within = keyStep, connectWithin
	var o juno.Outcome
	switch action {
	case "new":
		o, err = keys.Register(ctx, word, role)
	case "rotate":
		o, err = keys.Rotate(ctx)
	default:
		var id juno.KeyID
		if id, err = juno.ParseKeyID(word); err == nil {
			o, err = keys.Revoke(ctx, id)
		}
	}
	switch {
	case errors.Is(err, juno.ErrUnknown):
		return fmt.Errorf("%w: give the same command again", err)
	case err != nil:
		return explainReach(err, path, keys.Name())
	}
	return sayKeyChange(c, o.Index, &o.Result)
}

// sayKeyChange says what became of a change of keys.
func sayKeyChange(c cli.Console, index juno.Index, r *juno.Result) error {
	if r.Status != juno.StatusOK {
		return fmt.Errorf("refused at index %d: %s %s", index, r.Code, juno.Clean(r.Message))
	}
	fmt.Fprintf(c.Out, "done at index %d, with effect from index %d\n", index, index+1)
	return nil
}
