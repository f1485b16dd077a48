package zmq

import (
	"errors"
	"fmt"
	"testing"

	"juno"
)

// TestRefusals: f voters prove nothing, and f+1 do.
func TestRefusals(t *testing.T) {
	config := &juno.EpochConfig{Voters: make([]juno.Member, 4)}
	for i := range config.Voters {
		config.Voters[i].ID = juno.NodeID(i + 1)
	}
	wrong, refused, lost := fmt.Errorf("a: %w", ErrWrongKey), fmt.Errorf("b: %w", ErrNotAdmitted),
		errors.New("lost")
	for _, c := range []struct {
		name             string
		problems         []error // of voters 1 to 4, and of one that does not vote
		refused, changed bool
	}{
		{"all are up", make([]error, 5), false, false},
		{"no voter is there", []error{lost, lost, lost, lost, nil}, false, false},
		{"one refuses", []error{refused, nil, nil, nil, nil}, false, false},
		{"one refuses, and one that does not vote", []error{refused, 4: refused}, false, false},
		{"one of each kind", []error{refused, wrong, nil, nil, nil}, false, false},
		{"two refuse", []error{refused, nil, nil, refused, nil}, true, false},
		{"two have other keys", []error{nil, wrong, wrong, lost, nil}, false, true},
		{"two of each kind", []error{refused, wrong, wrong, refused, nil}, true, true},
	} {
		r := CountRefusals(config, func(id juno.NodeID) error { return c.problems[id-1] })
		if r.KeyRefused() != c.refused || r.MembersChanged() != c.changed ||
			r.Any() != (c.refused || c.changed) {
			t.Errorf("%s: refused %t, changed %t, any %t, want %t and %t", c.name, r.KeyRefused(),
				r.MembersChanged(), r.Any(), c.refused, c.changed)
		}
	}
}
