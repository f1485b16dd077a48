package embedded

import (
	"time"

	"juno/cluster/consensus"
)

const (
	// leadWithin bounds how long Open waits for its node to lead. That takes two syncs; a disk
	// that needs longer is slow, and no reason to refuse to open.
	leadWithin = 10 * time.Second
	leadLook   = time.Millisecond
)

// awaitLead waits until the only voter leads its term and has executed the term's first entry.
// From then on nothing moves by itself: a query right after Open, and one a second later, see the
// same ledger. The error is why the node stopped instead.
func (l *Ledger) awaitLead() error {
	if len(l.dir.Genesis.Config.Voters) > 1 {
		return nil
	}
	ticker := time.NewTicker(leadLook)
	defer ticker.Stop()
	for end := time.Now().Add(leadWithin); time.Now().Before(end); {
		if s := l.node.Status(); s.Role == consensus.Leader && s.Applied.Index == s.Last.Index {
			return nil
		}
		select {
		case <-ticker.C:
		case <-l.node.Failed():
			return l.node.Stop()
		}
	}
	return nil
}
