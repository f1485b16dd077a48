package cluster

import (
	"context"

	"juno"
)

// Fail stops the node because of a failure outside of it, such as a log that cannot be read. It
// returns at once.
func (n *Node) Fail(err error) { n.fail(err) }

// Key returns a client's key as a recent keyring has it.
func (n *Node) Key(id juno.KeyID) (juno.KeyRecord, bool) {
	return n.admission.ring.Load().Lookup(id)
}

// Highest returns the highest request number of a client that is in the log, final or not.
func (n *Node) Highest(client string) (highest juno.RequestID, err error) {
	err = n.call(func() error {
		highest = n.cfg.Validator.Highest(client)
		return nil
	})
	return highest, err
}

// Flush waits until the certificate of everything that is final now is in the log, and on disk.
func (n *Node) Flush(ctx context.Context) error {
	job := writeJob{flushed: make(chan struct{})}
	n.writes.put(job)
	select {
	case <-job.flushed:
		return nil
	case <-n.failed:
		return n.failure
	case <-n.stop:
		return n.stopReason()
	case <-ctx.Done():
		return ctx.Err()
	}
}
