package embedded

import (
	"path/filepath"

	"juno"
	"juno/internal/vfs"
)

// The file "held" remembers a position whose history was verified while the ledger was open, so
// that the next start need not verify the whole log before it: only what came after. It is a
// hint. Its bytes are version (1), cluster (32), position (40), SHA-256 of those under a tag (32);
// a file that is not exactly that is not there. The full check is juno verify.
const heldName = "held"

const (
	heldVersion = 1
	heldBytes   = 1 + juno.HashBytes + 8 + juno.HashBytes + juno.HashBytes
	heldTag     = "juno1/held"
)

func heldSum(b []byte) juno.Hash { return juno.CommandID(append([]byte(heldTag), b...)) }

// heldPosition returns the remembered position, or zero.
func (l *Ledger) heldPosition() juno.Pos {
	b, err := vfs.ReadFile(l.fsys, filepath.Join(l.dir.Path, heldName), heldBytes)
	if err != nil {
		return juno.Pos{}
	}
	d := juno.NewDecoder(b)
	d.Version(heldVersion, "held position")
	cluster, pos, sum := d.Hash(), d.Pos(), d.Hash()
	if d.Done() != nil || cluster != l.cluster || sum != heldSum(b[:heldBytes-juno.HashBytes]) {
		return juno.Pos{}
	}
	return pos
}

// writeHeldPosition remembers the newest position that the state was computed to.
func (l *Ledger) writeHeldPosition() error {
	pos, err := l.log.wal().Pos(l.db().Applied())
	if err != nil {
		return nil // the log is not open any more; the next start verifies all of it
	}
	b := append([]byte{heldVersion}, l.cluster[:]...)
	b = juno.AppendPos(b, pos)
	sum := heldSum(b)
	return vfs.WriteFile(l.fsys, filepath.Join(l.dir.Path, heldName), append(b, sum[:]...))
}
