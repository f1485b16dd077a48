package juno

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// ConfigEdit makes one change to the membership that is to come next.
type ConfigEdit func(next *EpochConfig) error

// Draft returns a change from this membership to the next, which must be sound. It takes effect
// when enough administrators have approved it (ConfigChange.Approve), the holder of each new key
// has shown that it has the secret (Possess), and the change is in the log.
//
// A new voter should be an observer first, until it has caught up; the cluster waits for nobody.
func (c *EpochConfig) Draft(edit ConfigEdit) (*ConfigChange, error) {
	next := *c
	next.Epoch++
	next.Voters, next.Observers = slices.Clone(c.Voters), slices.Clone(c.Observers)
	next.Admins = slices.Clone(c.Admins)
	if err := edit(&next); err != nil {
		return nil, err
	}
	if err := next.Check(); err != nil {
		return nil, err
	}
	return &ConfigChange{Previous: c.Hash(), Next: next}, nil
}

// AddObserver is an edit: a new member follows the log and does not vote.
func AddObserver(m Member) ConfigEdit {
	return func(next *EpochConfig) error {
		if _, _, ok := next.Member(m.ID); ok {
			return fmt.Errorf("add %s: it is a member already", m.ID)
		}
		next.Observers = insertMember(next.Observers, m)
		return nil
	}
}

// Promote is an edit: an observer becomes a voter.
func Promote(id NodeID) ConfigEdit {
	return func(next *EpochConfig) error {
		m, voting, ok := next.Member(id)
		if !ok || voting {
			return fmt.Errorf("promote %s: it is no observer", id)
		}
		next.Observers = withoutMember(next.Observers, id)
		next.Voters = insertMember(next.Voters, m)
		return nil
	}
}

// Demote is an edit: a voter becomes an observer.
func Demote(id NodeID) ConfigEdit {
	return func(next *EpochConfig) error {
		m, voting, ok := next.Member(id)
		if !ok || !voting {
			return fmt.Errorf("demote %s: it is no voter", id)
		}
		next.Voters = withoutMember(next.Voters, id)
		next.Observers = insertMember(next.Observers, m)
		return moveLead(next, id)
	}
}

// RemoveMember is an edit: a member leaves.
func RemoveMember(id NodeID) ConfigEdit {
	return func(next *EpochConfig) error {
		if _, _, ok := next.Member(id); !ok {
			return fmt.Errorf("remove %s: it is no member", id)
		}
		next.Voters = withoutMember(next.Voters, id)
		next.Observers = withoutMember(next.Observers, id)
		return moveLead(next, id)
	}
}

// ReplaceMember is an edit: a member gets another key, another address, or both.
func ReplaceMember(m Member) ConfigEdit {
	return func(next *EpochConfig) error {
		for _, all := range [][]Member{next.Voters, next.Observers} {
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
func moveLead(next *EpochConfig, gone NodeID) error {
	if len(next.Voters) == 0 {
		return errors.New("a cluster needs a voter")
	}
	if next.FirstLeader == gone {
		next.FirstLeader = next.Voters[0].ID
	}
	return nil
}

func insertMember(all []Member, m Member) []Member {
	at, _ := slices.BinarySearchFunc(all, m.ID, func(o Member, id NodeID) int {
		return cmp.Compare(o.ID, id)
	})
	return slices.Insert(all, at, m)
}

func withoutMember(all []Member, id NodeID) []Member {
	return slices.DeleteFunc(all, func(m Member) bool { return m.ID == id })
}
