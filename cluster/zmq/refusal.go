package zmq

import (
	"errors"

	"juno"
)

// Refusals counts the voters that cannot be spoken to because of a key. One voter alone may lie, or
// may not have heard of a change yet. Where more than f voters agree, at least one of them is
// correct: then memberships or keys have come into force of which one side has not heard.
type Refusals struct {
	NotAdmitted int // voters that do not admit our key (ErrNotAdmitted)
	WrongKey    int // voters with another key than the membership gives them (ErrWrongKey)
	faulty      int // f of the membership
}

// CountRefusals counts the refusals among the voters of a membership. problem returns the state of
// the connection to a voter, nil where it is up.
func CountRefusals(config *juno.EpochConfig, problem func(juno.NodeID) error) Refusals {
	r := Refusals{faulty: config.Faulty()}
	for _, v := range config.Voters {
		switch err := problem(v.ID); {
		case errors.Is(err, ErrNotAdmitted):
			r.NotAdmitted++
		case errors.Is(err, ErrWrongKey):
			r.WrongKey++
		}
	}
	return r
}

// KeyRefused reports whether a correct voter does not admit our key.
func (r Refusals) KeyRefused() bool { return r.NotAdmitted > r.faulty }

// MembersChanged reports whether a correct voter has another key than the membership says.
func (r Refusals) MembersChanged() bool { return r.WrongKey > r.faulty }

// Any reports whether either is the case.
func (r Refusals) Any() bool { return r.KeyRefused() || r.MembersChanged() }
