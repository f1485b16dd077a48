package embedded

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"juno"
	"juno/internal/vfs"
	"juno/wal"
)

const quarantineName = "quarantine"

// quarantine is told that the node says nothing any more, because its history or its state is
// contradicted (docs/SPECIFICATION.md, H2). It writes down what an operator needs to find out which
// of the two sides is wrong, into a folder named after the time. Nothing is repaired: the log and
// the state stay as they are, and reads say who answers.
func (l *Ledger) quarantine(reason string) {
	l.quitting.Go(func() {
		<-l.started
		l.writeDown(reason)
	})
}

func (l *Ledger) writeDown(reason string) {
	l.warn("quarantined, this node says nothing any more: " + reason)
	name := time.Now().UTC().Format("20060102T150405.000")
	dir := filepath.Join(l.dir.Path, quarantineName, name)
	if err := l.dump(dir, reason); err != nil {
		l.warn(fmt.Sprintf("write down why: %v", err))
	}
}

// dump writes report.txt, and the records of misbehaviour as they are in the log.
func (l *Ledger) dump(dir, reason string) error {
	if err := vfs.MkdirAllSync(l.fsys, dir); err != nil {
		return err
	}
	log := l.log.wal()
	s := l.Status()
	var b strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&b, "%-14s %v\n", name, value) }
	line("reason", reason)
	line("ledger", l.cluster)
	line("node", l.id)
	line("term", s.Term)
	line("log start", log.Start())
	line("log end", log.Tip())
	line("durable", log.Durable())
	line("committed", s.Committed)
	line("executed", s.Applied)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if pos, hash, err := l.db().StateHash(ctx); err != nil {
		line("state", err)
	} else {
		line("state", fmt.Sprintf("%s %s", pos, hash))
	}
	for _, a := range s.Alarms {
		line("alarm", fmt.Sprintf("%s %s", a.Time, a.Text))
	}
	for _, p := range s.Peers {
		line("peer", fmt.Sprintf("%s term %s accepted %d committed %d, heard %d ms ago",
			p.Node, p.Term, p.Accepted, p.Committed, p.Heard))
	}
	if err := l.dumpEvidence(dir, log, line); err != nil {
		return err
	}
	return vfs.WriteFile(l.fsys, filepath.Join(dir, "report.txt"), []byte(b.String()))
}

// dumpEvidence writes each record of misbehaviour to a file of its own, in the canonical bytes of
// consensus.Evidence.
func (l *Ledger) dumpEvidence(dir string, log *wal.Log, line func(string, any)) error {
	n := 0
	for r, err := range log.Records(juno.RecordEvidence, 0, 0) {
		if err != nil {
			line("evidence", err)
			return nil
		}
		n++
		name := fmt.Sprintf("evidence-%d-at-%d", n, juno.Index(r.Index))
		line("evidence", name)
		if err := vfs.WriteFile(l.fsys, filepath.Join(dir, name), r.Bytes); err != nil {
			return err
		}
	}
	return nil
}
