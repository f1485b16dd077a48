package cluster

import (
	"errors"
	"testing"

	"juno"
	"juno/cluster/consensus"
)

// hashLog is a log of which only the hashes are known.
type hashLog struct {
	Log
	hashes map[juno.Index]juno.Hash
}

func (l *hashLog) HashAt(i juno.Index) (juno.Hash, bool) {
	h, ok := l.hashes[i]
	return h, ok
}

// What is in a proposal's way may lose its place as long as it is not final. A node that says
// before that the proposal is not taken lets its client pay again, and a leader may have taken it.
func TestMisfit(t *testing.T) {
	pos := func(i juno.Index, branch byte) juno.Pos {
		return juno.Pos{Index: i, Hash: juno.Hash{branch}}
	}
	wrong := errors.New("wrong")
	type step struct {
		last, committed juno.Pos
		wrong           error
	}
	for name, c := range map[string]struct {
		steps []step
		ends  bool
	}{
		"nothing behind it": {[]step{{pos(9, 1), pos(9, 1), wrong}}, true},
		"not final": {[]step{
			{pos(9, 1), pos(8, 1), wrong}, {pos(12, 1), pos(8, 1), wrong},
		}, false},
		"final later": {[]step{
			{pos(9, 1), pos(8, 1), wrong}, {pos(12, 1), pos(11, 1), wrong},
		}, true},
		"another branch": {[]step{
			{pos(9, 2), pos(8, 1), wrong}, {pos(12, 1), pos(11, 1), wrong},
		}, false},
		"another branch, final": {[]step{
			{pos(9, 2), pos(8, 1), wrong},
			{pos(12, 1), pos(11, 1), wrong},
			{pos(12, 1), pos(12, 1), wrong},
		}, true},
		"it fits meanwhile": {[]step{
			{pos(9, 1), pos(8, 1), wrong},
			{pos(10, 1), pos(8, 1), nil},
			{pos(11, 1), pos(10, 1), wrong},
		}, false},
	} {
		log := &hashLog{hashes: make(map[juno.Index]juno.Hash)}
		for i := range juno.Index(20) {
			log.hashes[i] = juno.Hash{1}
		}
		n := &Node{}
		n.pool = newPool(func() uint64 { return 0 })
		n.cfg.Log = log
		p := &Proposal{
			request: 1, ticket: newTicket(),
			entries: []juno.Entry{{Type: juno.EntryCommand, Payload: []byte("pay")}},
		}
		n.pool.add(p)
		for _, s := range c.steps {
			n.noteMisfit(p, &consensus.Status{Last: s.last, Committed: s.committed}, s.wrong)
		}
		select {
		case <-p.ticket.done:
			if !c.ends || !errors.Is(p.ticket.err, wrong) {
				t.Errorf("%s: it ended with %v", name, p.ticket.err)
			}
		default:
			if c.ends {
				t.Errorf("%s: it still waits", name)
			}
		}
	}
}
