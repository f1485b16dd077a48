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
	// Epochs are the ends of all epochs up to the last entry, in order: with them whoever reads the
	// carrier knows whose signatures count, without believing the state in it.
	Epochs []juno.EpochChange
	// Snapshot is the state that the entries continue; nil if they begin with entry 1.
	Snapshot *Snapshot
	Entries  iter.Seq2[juno.Entry, error]
	// Records are in the order of their indexes.
	Records iter.Seq2[juno.Record, error]
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
	for i := 0; err == nil && i < len(c.Epochs); i++ {
		err = f.write(frameEpoch, juno.AppendEpochChange(nil, &c.Epochs[i]))
	}
	if err == nil && c.Snapshot != nil {
		err = e.snapshot(c.Snapshot)
	}
	if err == nil {
		next, stop := iter.Pull2(c.Records)
		err = e.entries(c.Entries, next)
		stop()
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

// entries writes entries, and behind each piece of them the records that speak of it.
func (e *exporter) entries(
	all iter.Seq2[juno.Entry, error], record func() (juno.Record, error, bool),
) error {
	r, err, more := record()
	records := func() error {
		for ; more && err == nil && r.Index < e.next; r, err, more = record() {
			if err := e.record(r); err != nil {
				return err
			}
		}
		return err
	}
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
		if len(e.buffer) == 0 {
			if err := records(); err != nil {
				return err
			}
		}
	}
	if err := e.flush(frameEntries, true); err != nil {
		return err
	}
	if err := records(); err != nil {
		return err
	}
	if more {
		return fmt.Errorf("%s record of entry %d, the last entry is %d", r.Kind, r.Index, e.next-1)
	}
	return nil
}

func (e *exporter) record(r juno.Record) error {
	if len(r.Bytes) > recordBytesMax {
		return fmt.Errorf("%s record at %d: %d bytes, at most %d", r.Kind, r.Index, len(r.Bytes),
			recordBytesMax)
	}
	b := juno.AppendU64([]byte{byte(r.Kind)}, uint64(r.Index))
	return e.frames.write(frameRecord, append(b, r.Bytes...))
}
