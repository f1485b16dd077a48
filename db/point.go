package db

import (
	"fmt"
	"maps"
	"slices"

	"juno"
	"juno/db/state"
)

// Point is a sync point: everything up to it is on the disk, session elements included, so that a
// restart can begin there and Elements can read it.
type Point struct {
	Pos       juno.Pos
	Time      juno.Millis // of the entry at Pos
	StateHash juno.Hash
}

const pointVersion = 1

// appendPoint appends the canonical bytes: version (1), position (40), time (8), state hash (32).
func appendPoint(b []byte, p *Point) []byte {
	b = juno.AppendPos(append(b, pointVersion), p.Pos)
	return append(juno.AppendU64(b, uint64(p.Time)), p.StateHash[:]...)
}

func parsePoint(b []byte) (p Point, err error) {
	d := juno.NewDecoder(b)
	d.Version(pointVersion, "sync point")
	p = Point{Pos: d.Pos(), Time: juno.Millis(d.U64()), StateHash: d.Hash()}
	return p, d.Done()
}

// makePoint makes the projected head a sync point.
//
// First the session elements and the lanes of the state hash are written at the version of the
// head, then everything is synced, and only then the record that names the point is written. That
// record is not synced itself. After a crash it is there or not; if it is, all that it stands for
// is too, because that was on the disk before it was written. If it is not, the restart begins at
// the point before. Versions above the point that the crash left behind are harmless: they are
// what the same entries will write again, and nothing reads above what is applied.
func (p *projector) makePoint() error {
	point, err := p.standing()
	if err != nil {
		return err
	}
	at := version(point.Pos.Index)
	records := p.records[:0]
	for _, key := range slices.Sorted(maps.Keys(p.unsynced)) {
		records = append(records, record{[]byte(key), p.sessions[key], at})
	}
	records = append(records, record{keyLanes, p.hash.AppendBytes(nil), at})
	if err := p.l.store.write(records); err != nil {
		return err
	}
	if err := p.l.store.sync(); err != nil {
		return err
	}
	if err := p.l.store.write([]record{{keyPoint, appendPoint(nil, &point), at}}); err != nil {
		return err
	}
	clear(records)
	p.records = records
	clear(p.unsynced)
	p.point = point
	return nil
}

// pointAt returns the sync point at an index, or the newest one before it if exact is false.
func (s *store) pointAt(index juno.Index, exact bool) (p Point, found bool, err error) {
	value, at, err := s.get(keyPoint, version(index))
	if err != nil || value == nil || exact && indexOf(at) != index {
		return p, false, err
	}
	if p, err = parsePoint(value); err != nil {
		return p, false, damaged(s.dir, err)
	}
	return p, true, nil
}

// lanesAt returns the set hash at a sync point, checked against its state hash.
func (s *store) lanesAt(p *Point) (*state.SetHash, error) {
	value, _, err := s.get(keyLanes, version(p.Pos.Index))
	if err != nil {
		return nil, err
	}
	hash, err := state.ParseSetHash(value)
	if err != nil {
		return nil, damaged(s.dir, err)
	}
	if got := hash.Hash(); got != p.StateHash {
		return nil, damaged(s.dir, fmt.Errorf("sync point %s names state hash %s, its lanes give "+
			"%s", p.Pos, p.StateHash.Short(), got.Short()))
	}
	return hash, nil
}
