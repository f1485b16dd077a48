package embedded

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/datadir"
)

// Membership returns the members of the cluster, as far as this node knows. It must not be
// changed.
func (l *Ledger) Membership() *juno.EpochConfig {
	if l.node == nil {
		return &l.dir.Genesis.Config
	}
	return l.node.Status().Config
}

// Draft returns a change of the membership on top of the present one. It takes effect when enough
// administrators have approved it (juno.ConfigChange.Approve), whoever has the secret of each new
// key has shown so (Possess), and Propose has got it into the log.
//
// A new voter should be an observer first, until it has caught up; the cluster waits for nobody.
func (l *Ledger) Draft(edit juno.ConfigEdit) (*juno.ConfigChange, error) {
	return l.Membership().Draft(edit)
}

// Propose brings what administrators have signed into the log, and waits until it is final there:
// a change of the membership, or one of the mode that ends a halt.
func (l *Ledger) Propose(ctx context.Context, kind juno.EntryType, payload []byte) (
	juno.Outcome, error,
) {
	ticket, err := l.submitAdmin(kind, payload)
	if err != nil {
		return juno.Outcome{}, err
	}
	return await(ctx, ticket)
}

// propose is Propose for those who do not wait.
func (l *Ledger) propose(kind juno.EntryType, payload []byte) error {
	_, err := l.submitAdmin(kind, payload)
	return err
}

func (l *Ledger) submitAdmin(kind juno.EntryType, payload []byte) (*cluster.Ticket, error) {
	if l.node == nil {
		return nil, ErrReadOnly
	}
	if kind != juno.EntryConfig && kind != juno.EntryMode {
		return nil, fmt.Errorf("propose an entry of type %s: administrators cannot", kind)
	}
	p, err := cluster.NewProposal(kind, payload)
	if err != nil {
		return nil, err
	}
	return l.node.Submit(p)
}

// Halt stops the ledger at once on every node that can be reached, without a vote.
func (l *Ledger) Halt(change *juno.ModeChange) error {
	if l.node == nil {
		return ErrReadOnly
	}
	return l.node.Halt(change)
}

// Revolution asks for another leader in the name of administrators.
func (l *Ledger) Revolution(r *consensus.Revolution) error {
	if l.node == nil {
		return ErrReadOnly
	}
	return l.node.Revolution(r)
}

// DrawNodeKey draws another key for this node, keeps it beside the one in force, and returns its
// public half, for Replace. The node signs with it from the membership on that names it. One that
// was drawn before and is not in force yet is returned again.
func (l *Ledger) DrawNodeKey() (juno.PublicKey, error) {
	if l.node == nil {
		return juno.PublicKey{}, ErrReadOnly
	}
	l.changing.Lock()
	defer l.changing.Unlock()
	if err := l.adoptNodeKey(); err != nil {
		return juno.PublicKey{}, err
	}
	return l.dir.DrawNodeKey()
}

// PossessNodeKey shows in a change that this node has the secret of the key that it has drawn.
func (l *Ledger) PossessNodeKey(change *juno.ConfigChange) error {
	return l.dir.PossessNext(change)
}

// findNodeKey returns the key that was drawn for the node, if that is its public half. Whoever drew
// it may have been another process, while this one held the ledger.
func (l *Ledger) findNodeKey(public juno.PublicKey) (juno.PrivateKey, bool) {
	key, err := l.dir.NextNodeKey()
	return key, err == nil && key.Public() == public
}

// adoptNodeKey puts a key that is in force in the place of the one before, as soon as nobody can
// need that any more.
func (l *Ledger) adoptNodeKey() error {
	l.adopting.Lock()
	defer l.adopting.Unlock()
	key, err := l.dir.NextNodeKey()
	if errors.Is(err, datadir.ErrNoKey) {
		return nil
	}
	s := l.node.Status()
	m, _, ok := s.Config.Member(l.id)
	if err != nil || !ok || m.Public != key.Public() || !decided(&s) {
		return err
	}
	return l.dir.AdoptNodeKey()
}

// decided reports whether something is final in the newest epoch, so that a quorum of its voters
// knows of it. Until then this node may be the only one that does, and the others may know it by
// the key before.
func decided(s *cluster.Status) bool {
	return s.TermKnown && s.Term.Epoch() == s.Config.Epoch && s.Committed.Index > s.Base.Index
}
