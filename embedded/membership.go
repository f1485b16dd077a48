package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/internal/vfs"
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
func (l *Ledger) Draft(change func(next *juno.EpochConfig) error) (*juno.ConfigChange, error) {
	present := l.Membership()
	next := *present
	next.Epoch++
	next.Voters, next.Observers = slices.Clone(present.Voters), slices.Clone(present.Observers)
	next.Admins = slices.Clone(present.Admins)
	if err := change(&next); err != nil {
		return nil, err
	}
	if err := next.Check(); err != nil {
		return nil, err
	}
	return &juno.ConfigChange{Previous: present.Hash(), Next: next}, nil
}

// AddObserver is a change for Draft: a new member that follows the log and does not vote.
func AddObserver(m juno.Member) func(*juno.EpochConfig) error {
	return func(next *juno.EpochConfig) error {
		if _, _, ok := next.Member(m.ID); ok {
			return fmt.Errorf("add %s: it is a member already", m.ID)
		}
		next.Observers = insertMember(next.Observers, m)
		return nil
	}
}

// Promote is a change for Draft: an observer becomes a voter.
func Promote(id juno.NodeID) func(*juno.EpochConfig) error {
	return func(next *juno.EpochConfig) error {
		m, voting, ok := next.Member(id)
		if !ok || voting {
			return fmt.Errorf("promote %s: it is no observer", id)
		}
		next.Observers = withoutMember(next.Observers, id)
		next.Voters = insertMember(next.Voters, m)
		return nil
	}
}

// Demote is a change for Draft: a voter becomes an observer.
func Demote(id juno.NodeID) func(*juno.EpochConfig) error {
	return func(next *juno.EpochConfig) error {
		m, voting, ok := next.Member(id)
		if !ok || !voting {
			return fmt.Errorf("demote %s: it is no voter", id)
		}
		next.Voters = withoutMember(next.Voters, id)
		next.Observers = insertMember(next.Observers, m)
		return moveLead(next, id)
	}
}

// Remove is a change for Draft: a member leaves.
func Remove(id juno.NodeID) func(*juno.EpochConfig) error {
	return func(next *juno.EpochConfig) error {
		if _, _, ok := next.Member(id); !ok {
			return fmt.Errorf("remove %s: it is no member", id)
		}
		next.Voters = withoutMember(next.Voters, id)
		next.Observers = withoutMember(next.Observers, id)
		return moveLead(next, id)
	}
}

// Replace is a change for Draft: a member gets another key, another address, or both.
func Replace(m juno.Member) func(*juno.EpochConfig) error {
	return func(next *juno.EpochConfig) error {
		for _, all := range [][]juno.Member{next.Voters, next.Observers} {
			for i := range all {
				if all[i].ID == m.ID {
					all[i] = m
					return nil
				}
			}
		}
		return fmt.Errorf("replace %s: it is no member", m.ID)
	}
}

// moveLead names another first leader where the one named does not vote any more.
func moveLead(next *juno.EpochConfig, gone juno.NodeID) error {
	if len(next.Voters) == 0 {
		return errors.New("a cluster needs a voter")
	}
	if next.FirstLeader == gone {
		next.FirstLeader = next.Voters[0].ID
	}
	return nil
}

func insertMember(all []juno.Member, m juno.Member) []juno.Member {
	at, _ := slices.BinarySearchFunc(all, m.ID, func(o juno.Member, id juno.NodeID) int {
		return int(int64(o.ID) - int64(id))
	})
	return slices.Insert(all, at, m)
}

func withoutMember(all []juno.Member, id juno.NodeID) []juno.Member {
	return slices.DeleteFunc(all, func(m juno.Member) bool { return m.ID == id })
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
	return l.dir.PossessDrawn(change)
}

// findNodeKey returns the key that was drawn for the node, if that is its public half. Whoever drew
// it may have been another process, while this one held the ledger.
func (l *Ledger) findNodeKey(public juno.PublicKey) (juno.PrivateKey, bool) {
	key, err := readKey(l.fsys, l.dir.Path, nodeKeyName+nextSuffix)
	return key, err == nil && key.Public() == public
}

// adoptNodeKey puts a key that is in force in the place of the one before, as soon as nobody can
// need that any more.
func (l *Ledger) adoptNodeKey() error {
	l.adopting.Lock()
	defer l.adopting.Unlock()
	key, err := readKey(l.fsys, l.dir.Path, nodeKeyName+nextSuffix)
	if errors.Is(err, ErrNoKey) {
		return nil
	}
	s := l.node.Status()
	m, _, ok := s.Config.Member(l.id)
	if err != nil || !ok || m.Public != key.Public() || !decided(&s) {
		return err
	}
	return l.dir.AdoptKey(nodeKeyName)
}

// decided reports whether something is final in the newest epoch, so that a quorum of its voters
// knows of it. Until then this node may be the only one that does, and the others may know it by
// the key before.
func decided(s *cluster.Status) bool {
	return s.TermKnown && s.Term.Epoch() == s.Config.Epoch && s.Committed.Index > s.Base.Index
}

// PrepareNode makes the directory of a node that is to join a cluster, or to take the place of one
// whose disk was lost, with a new key: a node never speaks again under one whose promises it has
// forgotten. It can be opened at once, and observes until a membership names the key, see
// Directory.Possess.
func PrepareNode(
	fsys vfs.FS, path string, genesis *juno.Genesis, id juno.NodeID,
) (*Directory, error) {
	if fsys == nil {
		fsys = vfs.OS{}
	}
	if names, err := fsys.List(path); err == nil && !onlyUnfinished(names) {
		return nil, fmt.Errorf("prepare %s in %s: %w", id, path, ErrLedgerExists)
	}
	if err := vfs.MkdirAllSync(fsys, filepath.Join(path, keysName)); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", id, err)
	}
	if _, err := newKey(fsys, path, nodeKeyName, drawSeed); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", id, err)
	}
	c := &creation{fsys: fsys, genesis: genesis}
	if err := c.fill(path, id, true); err != nil {
		return nil, fmt.Errorf("prepare %s in %s: %w", id, path, err)
	}
	return &Directory{Path: path, Genesis: genesis, fsys: fsys}, nil
}

// NodePublic returns the public half of the node's key.
func (d *Directory) NodePublic() (juno.PublicKey, error) {
	key, err := readKey(d.fsys, d.Path, nodeKeyName)
	if err != nil {
		return juno.PublicKey{}, err
	}
	return key.Public(), nil
}

// Possess shows in a change that the directory has the secret of the node's key.
func (d *Directory) Possess(change *juno.ConfigChange) error {
	key, err := readKey(d.fsys, d.Path, nodeKeyName)
	if err != nil {
		return err
	}
	change.Possess(key, d.Genesis.ID())
	return nil
}

// DrawNodeKey draws another key for the node of the directory, keeps it beside the one in force,
// and returns its public half, for Replace. It takes no hold of the ledger: a node that runs there
// takes the key into use when a membership comes into force that names it. One that was drawn
// before and is not in its place yet is returned again.
func (d *Directory) DrawNodeKey() (juno.PublicKey, error) {
	if _, err := readKey(d.fsys, d.Path, nodeKeyName); err != nil {
		return juno.PublicKey{}, err
	}
	key, err := readKey(d.fsys, d.Path, nodeKeyName+nextSuffix)
	if errors.Is(err, ErrNoKey) {
		key, err = newKey(d.fsys, d.Path, nodeKeyName+nextSuffix, drawSeed)
	}
	if err != nil {
		return juno.PublicKey{}, err
	}
	return key.Public(), nil
}

// PossessDrawn shows in a change that the directory has the secret of the key that DrawNodeKey
// drew.
func (d *Directory) PossessDrawn(change *juno.ConfigChange) error {
	key, err := readKey(d.fsys, d.Path, nodeKeyName+nextSuffix)
	if err != nil {
		return err
	}
	change.Possess(key, d.Genesis.ID())
	return nil
}
