package embedded

import (
	"errors"
	"fmt"

	"juno/datadir"
)

// readIdentity reads who the node is, and its keys. One that was drawn for it and is not in force
// yet comes along.
func (l *Ledger) readIdentity() (err error) {
	if l.id, err = l.dir.NodeID(); err != nil {
		return err
	}
	switch l.key, err = l.dir.NodeKey(); {
	case errors.Is(err, datadir.ErrNoKey):
		l.readOnly = true
		return nil
	case err != nil:
		return err
	}
	next, err := l.dir.NextNodeKey()
	if err == nil {
		l.spareKeys = append(l.spareKeys, next)
	} else if !errors.Is(err, datadir.ErrNoKey) {
		return err
	}
	return l.checkNodeKey()
}

// checkNodeKey finds files that were put together from two ledgers. Only where the membership can
// never have changed can it be sure.
func (l *Ledger) checkNodeKey() error {
	g := &l.dir.Genesis.Config
	m, _, ok := g.Member(l.id)
	if g.AdminThreshold > 0 || !ok || m.Public == l.key.Public() {
		return nil
	}
	return fmt.Errorf("%s: key %s, the genesis names %s: the files are of two ledgers",
		l.dir.NodeKeyPath(), l.key.Public().ID(), m.Public.ID())
}

// ErrLogLost is returned for a voter among several whose log is gone: it has forgotten what it
// promised, and must never again speak under its key.
var ErrLogLost = errors.New("the log of this voter is gone, and with it what it promised; " +
	"give it a new key with: juno node recover")

// mayBeginLog reports whether a log that is not there can be begun: by who is alone, where there
// is nobody to whom anything was promised.
func (l *Ledger) mayBeginLog() error {
	if len(l.dir.Genesis.Config.Voters) == 1 && !l.readOnly {
		return nil
	}
	if l.readOnly {
		return nil
	}
	return fmt.Errorf("%s: %w", l.dir.LogPath(), ErrLogLost)
}
