package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"juno"
	"juno/cluster/rpc"
	"juno/datadir"
)

// A change of the membership is drafted from the present one (juno.EpochConfig.Draft, with
// Client.Members), shown by the holder of each new key to be theirs (datadir.Directory.Possess),
// approved by administrators (juno.ConfigChange.Approve), and handed in with ChangeMembers.

// PrepareNode returns the directory of a node that is to join the cluster, or to take the place of
// one whose disk was lost, and the member that it is to be, without an address. The directory is
// made where there is none; one that an earlier call has made is taken again.
func PrepareNode(path string, genesis *juno.Genesis, id juno.NodeID) (
	*datadir.Directory, juno.Member, error,
) {
	dir, err := datadir.Open(path)
	if errors.Is(err, datadir.ErrNoLedger) {
		dir, err = datadir.PrepareNode(path, genesis, id)
	}
	if err != nil {
		return nil, juno.Member{}, err
	}
	there, err := dir.NodeID()
	if err == nil && (there != id || dir.Genesis.ID() != genesis.ID()) {
		err = fmt.Errorf("%s is the directory of %s of ledger %s, want %s of %s", path, there,
			dir.Genesis.ID().Short(), id, genesis.ID().Short())
	}
	if err != nil {
		return nil, juno.Member{}, err
	}
	public, err := dir.NodePublic()
	return dir, juno.Member{ID: id, Public: public}, err
}

// DrawNode draws the next key of the node whose directory that is, and returns the member with it.
// The node may run. A key that was drawn before and is not in force is returned again.
func DrawNode(path string, genesis *juno.Genesis, present *juno.EpochConfig) (
	*datadir.Directory, juno.Member, error,
) {
	dir, err := datadir.Open(path)
	if err != nil {
		return nil, juno.Member{}, err
	}
	if dir.Genesis.ID() != genesis.ID() {
		return nil, juno.Member{}, fmt.Errorf("%s is of ledger %s, want %s", path,
			dir.Genesis.ID().Short(), genesis.ID().Short())
	}
	id, err := dir.NodeID()
	if err != nil {
		return nil, juno.Member{}, err
	}
	m, _, ok := present.Member(id)
	if !ok {
		return nil, juno.Member{}, fmt.Errorf("%s is no member", id)
	}
	public, err := dir.DrawNodeKey()
	if err == nil && public == m.Public {
		err = fmt.Errorf("the key that was drawn before for %s is in force, and its node has not "+
			"put it in its place yet: start it, or try again in a moment", id)
	}
	m.Public = public
	return dir, m, err
}

// FreeNode returns a number that no member has, and that no earlier member is likely to have had.
func FreeNode(c *juno.EpochConfig) juno.NodeID {
	highest := juno.NodeID(0)
	for _, m := range slices.Concat(c.Voters, c.Observers) {
		highest = max(highest, m.ID)
	}
	return highest + 1
}

// LagMax is how many entries a node may be behind that is to vote: what it fetches within a second.
const LagMax = 10_000

// CaughtUp wants a node to answer, and to have executed all but LagMax of what the others have
// committed. A voter that is far behind counts for the quorum, and cannot vote.
func (c *Client) CaughtUp(ctx context.Context, id juno.NodeID) error {
	highest, executed := int64(0), int64(0)
	found := false
	all := c.Status(ctx)
	for i := range all {
		s := &all[i]
		highest = max(highest, s.Number(rpc.FactCommitted))
		if s.Node.ID != id {
			continue
		}
		if s.Err != nil {
			return fmt.Errorf("%s does not answer: %w", id, s.Err)
		}
		found, executed = true, s.Number(rpc.FactExecuted)
	}
	switch {
	case !found:
		return fmt.Errorf("%s is no member", id)
	case highest-executed > LagMax:
		return fmt.Errorf("%s has executed %d of %d entries", id, executed, highest)
	}
	return nil
}

// ChangeMembers hands in a change of the membership that enough administrators have approved, and
// waits until the nodes prove that it is in force. If ctx ends before that, the change may still
// come into force; the error is juno.ErrUnknown.
func (c *Client) ChangeMembers(ctx context.Context, change *juno.ConfigChange) error {
	if err := c.Admin(ctx, juno.KindConfig, change.Payload()); err != nil {
		return err
	}
	epoch := change.Next.Epoch
	err := c.await(ctx, func() bool { return c.epoch() >= epoch })
	if err != nil {
		return fmt.Errorf("%w: the change was handed in, and epoch %d has not begun: %w",
			juno.ErrUnknown, epoch, err)
	}
	return nil
}

// modeLook is how often nodes are asked whether a mode is in force.
const modeLook = 100 * time.Millisecond

// ChangeMode hands in a change of the mode that enough administrators have approved, and waits
// until a quorum of voters says that it is in force; voters is how many do. If ctx ends before
// that, the change may still come into force; the error is juno.ErrUnknown.
func (c *Client) ChangeMode(ctx context.Context, change *juno.ModeChange) (voters int, err error) {
	if err := c.Admin(ctx, juno.KindMode, change.Payload()); err != nil {
		return 0, err
	}
	want := "no"
	if change.Halted {
		want = "yes"
	}
	for {
		voters = 0
		once, done := context.WithTimeout(ctx, statusTry)
		all := c.Status(once)
		done()
		for i := range all {
			if all[i].Voter && all[i].Err == nil && all[i].Text(rpc.FactHalted) == want {
				voters++
			}
		}
		if voters >= c.Members().Quorum() {
			return voters, nil
		}
		pause := time.NewTimer(modeLook)
		select {
		case <-pause.C:
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-c.stop.Done():
			err = ErrClosed
		}
		pause.Stop()
		return voters, fmt.Errorf("%w: the change was handed in, and %d voters say that it is in "+
			"force: %w", juno.ErrUnknown, voters, err)
	}
}
