package snapshot

import (
	"context"
	"fmt"
	"io"

	bolt "go.etcd.io/bbolt"

	"juno"
)

// Receiver takes in what a carrier holds, in this order. What it is given is checked in form only:
// whether manifest, elements, chain and certificates belong together is the receiver's to say. Any
// error ends the import.
type Receiver interface {
	// Genesis comes first.
	Genesis(g *juno.Genesis) error
	// Epoch comes for the end of every epoch, in order. Its proof was not checked. Carriers of
	// version 1 have none: there it is in the records, as far as it is there.
	Epoch(e *juno.EpochChange) error
	// Manifest comes next, if the entries do not begin with 1. Its signature was not checked.
	Manifest(m *Manifest) error
	// Element comes for every element of the state, in the order of their keys. Key and value may
	// be kept.
	Element(e Element) error
	// ManifestEnd comes after the last element, if there was a manifest and as many elements as
	// it says. Their state hash was not computed.
	ManifestEnd() error
	// Entries come in order, each one the next, some at a time. They may be kept.
	Entries(all []juno.Entry) error
	// Record comes for every record, after the entry that it speaks of; in carriers of version 1
	// after all entries.
	Record(r juno.Record) error
	// End comes when the carrier was complete and its hash right.
	End() error
}

// Import reads a carrier. progress, which may be nil, is told how many elements and entries came.
// Everything that is not exactly as Export writes it is ErrCorrupt, with the offset in the
// contents. Memory is bounded by one frame.
func Import(ctx context.Context, r io.Reader, to Receiver, progress func(n uint64)) error {
	frames, err := newFrameReader(r)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer frames.close()
	i := &importer{frames: frames, to: to, progress: progress}
	for !i.done {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := i.step(); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	return nil
}

type importer struct {
	frames   *frameReader
	to       Receiver
	progress func(uint64)
	last     frameType
	manifest *Manifest // between Manifest and ManifestEnd
	lastKey  []byte
	elements uint64
	entries  uint64
	cluster  juno.ClusterID
	next     juno.Index
	done     bool
}

// rank is the place of a type of frame in the order in which frames come.
func (i *importer) rank(t frameType) int {
	switch {
	case t == frameEpoch && i.frames.version == 1:
		return -1 // version 1 does not know it
	case t == frameEpoch:
		return 2*int(frameGenesis) + 1
	case t == frameRecord && i.frames.version > 1:
		return 2 * int(frameEntries)
	}
	return 2 * int(t)
}

// step takes one frame. Frames come in the order of their types, epochs before the manifest, and
// records among the entries.
func (i *importer) step() error {
	t, body, err := i.frames.next()
	if err != nil {
		return err
	}
	many := t == frameElements || t == frameEntries || t == frameRecord || t == frameEpoch
	if i.rank(t) < i.rank(i.last) || (t == i.last && !many) ||
		(i.last == 0) != (t == frameGenesis) {
		return i.frames.corrupt("%s after %s", t, i.last)
	}
	if t == frameElements && i.manifest == nil {
		return i.frames.corrupt("elements without a manifest")
	}
	if len(body) == 0 {
		return i.frames.corrupt("%s frame with nothing in it", t)
	}
	i.last = t
	if i.manifest != nil && i.rank(t) > i.rank(frameElements) {
		if want := i.manifest.Elements; i.elements != want {
			return i.frames.corrupt("%d elements came, the manifest says %d", i.elements, want)
		}
		i.manifest = nil
		if err := i.to.ManifestEnd(); err != nil {
			return err
		}
	}
	if err := i.take(t, body); err != nil {
		return err
	}
	if i.progress != nil {
		i.progress(i.elements + i.entries)
	}
	return nil
}

func (i *importer) take(t frameType, body []byte) error {
	switch t {
	case frameGenesis:
		g, err := juno.ParseGenesis(body)
		if err != nil {
			return i.frames.corrupt("%w", err)
		}
		i.next, i.cluster = 1, g.ID()
		return i.to.Genesis(g)
	case frameEpoch:
		return i.takeEpoch(body)
	case frameManifest:
		m, err := ParseManifest(body)
		if err != nil {
			return i.frames.corrupt("%w", err)
		}
		if m.Cluster != i.cluster {
			return i.frames.corrupt("manifest of ledger %s, genesis of %s", m.Cluster, i.cluster)
		}
		i.next, i.manifest = m.Pos.Index+1, m
		return i.to.Manifest(m)
	case frameElements:
		return i.takeElements(body)
	case frameEntries:
		return i.takeEntries(body)
	case frameRecord:
		return i.takeRecord(body)
	}
	if err := i.frames.checkEnd(body, i.elements, i.entries); err != nil {
		return err
	}
	i.done = true
	return i.to.End()
}

func (i *importer) takeEpoch(body []byte) error {
	d := juno.NewDecoder(body)
	e := d.EpochChange()
	if err := d.Done(); err != nil {
		return i.frames.corrupt("end of an epoch: %w", err)
	}
	return i.to.Epoch(&e)
}

func (i *importer) takeElements(body []byte) error {
	d := juno.NewDecoder(body)
	for d.Rest() > 0 && d.Err() == nil {
		e := Element{Key: d.Bytes(bolt.MaxKeySize), Value: d.Bytes(elementBytesMax)}
		if d.Err() != nil {
			break
		}
		if err := checkElement(e, i.lastKey); err != nil {
			return i.frames.corrupt("%w", err)
		}
		i.lastKey = e.Key
		i.elements++
		if err := i.to.Element(e); err != nil {
			return err
		}
	}
	if err := d.Done(); err != nil {
		return i.frames.corrupt("elements: %w", err)
	}
	return nil
}

func (i *importer) takeEntries(body []byte) error {
	d := juno.NewDecoder(body)
	var all []juno.Entry
	for d.Rest() > 0 && d.Err() == nil {
		e := d.Entry()
		if d.Err() == nil && e.Index != i.next {
			d.Fail("entry %d, want %d", e.Index, i.next)
		}
		i.next++
		all = append(all, e)
	}
	if err := d.Done(); err != nil {
		return i.frames.corrupt("entries: %w", err)
	}
	i.entries += uint64(len(all))
	return i.to.Entries(all)
}

func (i *importer) takeRecord(body []byte) error {
	d := juno.NewDecoder(body)
	r := juno.Record{Kind: juno.RecordKind(d.U8()), Index: juno.Index(d.U64())}
	r.Bytes = d.Fixed(d.Rest())
	if err := d.Done(); err != nil || len(r.Bytes) > recordBytesMax {
		return i.frames.corrupt("record of %d bytes, want 9 to %d", len(body), 9+recordBytesMax)
	}
	if i.frames.version > 1 && r.Index >= i.next {
		return i.frames.corrupt("%s record of entry %d before the entry", r.Kind, r.Index)
	}
	return i.to.Record(r)
}
