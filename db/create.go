package db

import (
	"fmt"
	"iter"
	"slices"

	"juno"
	"juno/db/state"
)

// Base is a state to begin with: a snapshot, which may come from a stranger. What it says of
// itself is checked against its elements.
type Base struct {
	Pos       juno.Pos
	StateHash juno.Hash
	// Elements yields all elements of the state in the order of their keys, session elements
	// included. Keys and values are used only until the next one.
	Elements iter.Seq2[state.Element, error]
}

// Versions of a store. The first one has no runs: this program reads it, makes it one of the newest
// when it opens it, and older programs refuse it from then on.
const (
	identityVersionPlain = 1
	identityVersion      = 2
)

// identity says what ledger a store is of. Bytes: version (1), cluster (32), base position (40).
type identity struct {
	version byte
	cluster juno.ClusterID
	base    juno.Pos
}

func appendIdentity(b []byte, id *identity) []byte {
	return juno.AppendPos(append(append(b, id.version), id.cluster[:]...), id.base)
}

// identity returns what the store is of, nil if it is empty.
func (s *store) identity() (*identity, error) {
	value, _, err := s.get(keyIdentity, 1)
	if err != nil || value == nil {
		return nil, err
	}
	d := juno.NewDecoder(value)
	id := &identity{version: d.U8()}
	if id.version > identityVersion {
		return nil, fmt.Errorf("%w: %s has version %d, this program knows %d to %d", ErrVersion,
			s.dir, id.version, identityVersionPlain, identityVersion)
	}
	id.cluster, id.base = d.Hash(), d.Pos()
	if id.version < identityVersionPlain {
		d.Fail("store of version %d", id.version)
	}
	if err := d.Done(); err != nil {
		return nil, damaged(s.dir, err)
	}
	return id, nil
}

// upgrade makes a store of an older version one of the newest. It is durable before anything is
// written in the newer form. A crash before leaves the older version, which is as good. Badger may
// show the older record again, after it has merged tables: then this is done again, and only an
// older program would be misled that is used on the store after that.
func (s *store) upgrade(held *identity) error {
	if held.version == identityVersion {
		return nil
	}
	held.version = identityVersion
	if err := s.write([]record{{keyIdentity, appendIdentity(nil, held), 1}}); err != nil {
		return err
	}
	return s.sync()
}

// createRecords is how many elements are written at a time.
const createRecords = 16 << 10

// create fills an empty store with the state that the log begins with. A crash in between leaves
// no sync point, and Open begins again with an empty store.
func (s *store) create(o *Options, cluster juno.ClusterID) (*identity, Point, error) {
	base, err := beginning(o, cluster)
	if err != nil {
		return nil, Point{}, err
	}
	at := version(base.Pos.Index)
	hash := &state.SetHash{}
	var progress *state.Progress
	var records []record
	var before []byte
	for e, err := range base.Elements {
		if err != nil {
			return nil, Point{}, fmt.Errorf("%w: %w", ErrBase, err)
		}
		if string(before) >= string(e.Key) {
			return nil, Point{}, fmt.Errorf("%w: element %.80q after %.80q", ErrBase, e.Key, before)
		}
		if progress, err = checkElement(&e, progress); err != nil {
			return nil, Point{}, fmt.Errorf("%w: %w", ErrBase, err)
		}
		before = append(before[:0], e.Key...)
		hash.Add(e.Key, e.Value)
		records = append(records, record{slices.Clone(e.Key), slices.Clone(e.Value), at})
		if len(records) == createRecords {
			if err := s.write(records); err != nil {
				return nil, Point{}, err
			}
			records = records[:0]
		}
	}
	if err := checkBase(base, progress, hash); err != nil {
		return nil, Point{}, err
	}
	records = append(records, record{keyLanes, hash.AppendBytes(nil), at})
	if err := s.write(records); err != nil {
		return nil, Point{}, err
	}
	id := &identity{identityVersion, cluster, base.Pos}
	return s.settle(id, Point{base.Pos, progress.Time, hash.Hash()})
}

// settle ends a creation: the identity and the first sync point appear when all else is durable.
func (s *store) settle(id *identity, point Point) (*identity, Point, error) {
	err := s.sync()
	if err == nil {
		err = s.write([]record{{keyIdentity, appendIdentity(nil, id), 1}})
	}
	if err == nil {
		err = s.write([]record{{keyPoint, appendPoint(nil, &point), version(point.Pos.Index)}})
	}
	if err == nil {
		err = s.sync()
	}
	return id, point, err
}

// beginning returns the state that the log begins with.
func beginning(o *Options, cluster juno.ClusterID) (*Base, error) {
	start := o.Log.Start()
	if start.Index == 0 {
		all, err := state.Genesis(o.Genesis)
		if err != nil {
			return nil, err
		}
		elements := func(yield func(state.Element, error) bool) {
			for _, e := range all {
				if !yield(e, nil) {
					return
				}
			}
		}
		return &Base{Pos: juno.Pos{Hash: cluster}, Elements: elements}, nil
	}
	var base *Base
	if o.Base != nil {
		var err error
		if base, err = o.Base(); err != nil {
			return nil, err
		}
	}
	if base == nil {
		return nil, fmt.Errorf("%w: the first entry that is held is %d", ErrNoBase, start.Index+1)
	}
	if base.Pos.Index < start.Index || base.Pos.Index > o.Log.LastIndex() {
		return nil, fmt.Errorf("%w: it is at %s, the log holds %d to %d", ErrBase, base.Pos,
			start.Index+1, o.Log.LastIndex())
	}
	return base, nil
}

// checkElement parses the key of an element, and notes the progress.
func checkElement(e *state.Element, progress *state.Progress) (*state.Progress, error) {
	k, err := state.ParseKey(e.Key)
	if err != nil {
		return nil, err
	}
	if len(e.Value) == 0 {
		return nil, fmt.Errorf("element %.80q is empty", e.Key)
	}
	if k.Kind != state.KindProgress {
		return progress, nil
	}
	p, err := state.ParseProgress(e.Value)
	return &p, err
}

// checkBase reports what is wrong with a base whose elements were all seen.
func checkBase(base *Base, progress *state.Progress, hash *state.SetHash) error {
	switch {
	case progress == nil:
		return fmt.Errorf("%w: its elements lack the progress", ErrBase)
	case progress.Index != base.Pos.Index:
		return fmt.Errorf("%w: it is at %s, its elements are of entry %d", ErrBase, base.Pos,
			progress.Index)
	case progress.BatchLeft != 0:
		return fmt.Errorf("%w: it is inside a client's batch", ErrBase)
	}
	if got := hash.Hash(); base.StateHash != (juno.Hash{}) && got != base.StateHash {
		return fmt.Errorf("%w: it names state hash %s, its elements give %s", ErrBase,
			base.StateHash, got)
	}
	return nil
}
