package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"juno"
)

// recordBytesMax bounds a record: a certificate, or a membership with one.
const recordBytesMax = certificateBytesMax

// Cargo is what goes into a carrier.
type Cargo struct {
	Genesis *juno.Genesis
	// Snapshot is the state that the entries continue; nil if they begin with entry 1.
	Snapshot *Snapshot
	Entries  iter.Seq2[juno.Entry, error]
	Records  iter.Seq2[juno.Record, error]
}

// Export writes a carrier to w. It writes much and in small pieces; the caller brings the buffer
// and makes the file durable. Entries and records may be reused between two steps. After an error
// what was written is no carrier: it has no end.
func Export(ctx context.Context, w io.Writer, c Cargo) error {
	f, err := newFrameWriter(w)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	e := &exporter{ctx: ctx, frames: f, next: 1}
	if c.Snapshot != nil && c.Snapshot.Manifest.Cluster != c.Genesis.ID() {
		err = fmt.Errorf("snapshot of ledger %s, genesis of %s",
			c.Snapshot.Manifest.Cluster.Short(), c.Genesis.ID().Short())
	}
	if err == nil {
		err = f.write(frameGenesis, juno.AppendGenesis(nil, c.Genesis))
	}
	if err == nil && c.Snapshot != nil {
		err = e.snapshot(c.Snapshot)
	}
	if err == nil {
		err = e.entries(c.Entries)
	}
	if err == nil {
		err = e.records(c.Records)
	}
	if err == nil {
		err = f.end(e.elementCount, e.entryCount)
	}
	if err != nil {
		f.abort()
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

type exporter struct {
	ctx          context.Context
	frames       *frameWriter
	buffer       []byte
	next         juno.Index // of the next entry
	elementCount uint64
	entryCount   uint64
}

// flush writes what has collected, once it is enough, or in any case if last.
func (e *exporter) flush(t frameType, last bool) error {
	if len(e.buffer) == 0 || (!last && len(e.buffer) < frameBytesTarget) {
		return nil
	}
	err := errors.Join(e.ctx.Err(), e.frames.write(t, e.buffer))
	e.buffer = e.buffer[:0]
	return err
}

func (e *exporter) snapshot(s *Snapshot) error {
	if err := e.frames.write(frameManifest, s.Manifest.Bytes()); err != nil {
		return err
	}
	e.next = s.Manifest.Pos.Index + 1
	for element, err := range s.Elements() {
		if err != nil {
			return err
		}
		e.elementCount++
		e.buffer = juno.AppendBytes(juno.AppendBytes(e.buffer, element.Key), element.Value)
		if err := e.flush(frameElements, false); err != nil {
			return err
		}
	}
	return e.flush(frameElements, true)
}

func (e *exporter) entries(all iter.Seq2[juno.Entry, error]) error {
	for entry, err := range all {
		if err != nil {
			return err
		}
		if entry.Index != e.next {
			return fmt.Errorf("entry %d, want %d", entry.Index, e.next)
		}
		e.next++
		e.entryCount++
		e.buffer = juno.AppendEntry(e.buffer, &entry)
		if err := e.flush(frameEntries, false); err != nil {
			return err
		}
	}
	return e.flush(frameEntries, true)
}

func (e *exporter) records(all iter.Seq2[juno.Record, error]) error {
	for r, err := range all {
		if err != nil {
			return err
		}
		if len(r.Bytes) > recordBytesMax {
			return fmt.Errorf("record %#x at %d: %d bytes, at most %d", r.Kind, r.Index,
				len(r.Bytes), recordBytesMax)
		}
		b := juno.AppendU64([]byte{byte(r.Kind)}, uint64(r.Index))
		if err := e.frames.write(frameRecord, append(b, r.Bytes...)); err != nil {
			return err
		}
	}
	return nil
}
