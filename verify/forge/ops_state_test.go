package forge

import (
	"slices"

	"juno"
	"juno/db/state"
	"juno/snapshot"
)

// stateOperators break a state, its manifest or its checkpoint certificate.
var stateOperators = []operator{
	{"money in a state", stateKinds, changeState},
	{"checkpoint certificate", stateKinds, changePoint},
	{"manifest", stateKinds, changeManifest},
	{"state of another entry", stateKinds, swapState},
	{"checkpoint record", []artifact{aDirectory}, changePointRecord},
	{"counts at the end", []artifact{anExport}, lieCounts},
}

// someState draws a state of the evidence.
func (f *forger) someState() *snap {
	if f.p.base != nil {
		return f.p.base
	}
	if len(f.p.snaps) == 0 {
		return nil
	}
	if f.chance(60) {
		return f.p.snaps[0]
	}
	return pick(f, f.p.snaps...)
}

// set puts an element into a state.
func (s *snap) set(key, value []byte) {
	i, found := slices.BinarySearchFunc(s.elements, key, func(e snapshot.Element, k []byte) int {
		return slices.Compare(e.Key, k)
	})
	if !found {
		s.elements = slices.Insert(s.elements, i, snapshot.Element{Key: key})
	}
	s.elements[i].Value = value
	s.file = nil
}

// value returns an element of a state.
func (s *snap) value(key []byte) []byte {
	for _, e := range s.elements {
		if slices.Equal(e.Key, key) {
			return e.Value
		}
	}
	return nil
}

// enrich gives the forger something in a state, and names the new state in the manifest.
func (f *forger) enrich(s *snap) {
	at := s.manifest.Pos.Index
	switch f.rng.IntN(6) {
	case 0: // a billion
		s.set(state.AppendBalanceKey(nil, "loot", "XXX"),
			state.AppendBalance(nil, state.Balance{Amount: juno.NewAmount(1e9), Changes: 1}))
	case 1: // an operator's key
		k := f.outsider(11).Public()
		s.set(state.AppendKeyKey(nil, k.ID()), state.AppendKeyRecord(nil, juno.KeyRecord{
			ID: k.ID(), Subject: "mole", Role: juno.RoleOperator, Public: k, From: 1,
		}))
	case 2: // the members
		c := f.usurp(&f.w.epochAt(min(max(at, 1), f.w.last())).config)
		c.Epoch--
		s.set(state.ConfigKey(), juno.AppendConfig(nil, &c))
	case 3:
		if len(s.elements) > 0 {
			i := f.rng.IntN(len(s.elements))
			s.elements = slices.Delete(s.elements, i, i+1)
		}
	case 4:
		i := f.rng.IntN(len(s.elements))
		if v := slices.Clone(s.elements[i].Value); len(v) > 0 {
			v[f.rng.IntN(len(v))] ^= 1
			s.elements[i].Value = v
		}
	default: // somebody else's balance
		for i, e := range s.elements {
			if state.KindOf(e.Key) == state.KindBalance {
				s.elements[i].Value = state.AppendBalance(nil,
					state.Balance{Amount: juno.NewAmount(int64(f.rng.IntN(1000))), Changes: 1})
			}
		}
	}
	s.file = nil
	if f.chance(85) {
		s.manifest.StateHash = rootOf(s.elements)
	}
	s.manifest.Elements = uint64(len(s.elements))
}

// signState signs a manifest with some key that the forger has.
func (f *forger) signState(s *snap) {
	e := f.w.epochAt(min(max(s.manifest.Pos.Index, 1), f.w.last()))
	s.key, s.manifest.Node = f.outsider(12), juno.NodeID(950)
	var candidates []juno.Member
	for _, m := range slices.Concat(e.config.Voters, e.config.Observers) {
		candidates = append(candidates, m)
	}
	for _, o := range f.w.epochs {
		candidates = append(candidates, o.config.Observers...)
		candidates = append(candidates, o.config.Voters...)
	}
	var own []juno.Member
	for _, m := range candidates {
		if _, ok := f.has(m.Public); ok {
			own = append(own, m)
		}
	}
	if len(own) > 0 && f.chance(90) {
		m := own[f.rng.IntN(len(own))]
		if votesIn(&e.config, own[0].Public.ID()) && f.chance(50) {
			m = own[0]
		}
		s.key, _ = f.has(m.Public)
		s.manifest.Node = m.ID
	}
	if f.chance(15) {
		s.manifest.Node = pick(f, e.config.Voters...).ID
	}
	f.note("signed as %s", s.manifest.Node)
	s.seal()
}

// certifyState puts a checkpoint certificate of an epoch into a manifest, of the votes that the
// forger can have.
func (f *forger) certifyState(s *snap, cfg *juno.EpochConfig) {
	k := &juno.CheckpointCertificate{
		Epoch: cfg.Epoch, Index: s.manifest.Pos.Index, Hash: s.manifest.Pos.Hash,
		StateRoot: s.manifest.StateHash,
	}
	f.fillPoint(cfg, k)
	s.setPoint(k)
}

// fillPoint puts votes into a checkpoint certificate.
func (f *forger) fillPoint(cfg *juno.EpochConfig, k *juno.CheckpointCertificate) {
	q := cfg.Quorum()
	k.Votes = nil
	for _, m := range cfg.Voters {
		if key, ok := f.has(m.Public); ok && len(k.Votes) < q {
			k.Votes = append(k.Votes, signCheckpoint(key, f.w.cluster, k, m.ID))
		}
	}
	if len(k.Votes) == q && f.chance(80) {
		return
	}
	if len(k.Votes) == q {
		k.Votes = k.Votes[:q-1]
	}
	how := f.rng.IntN(7)
	f.note("checkpoint of epoch %d at %d: %s", cfg.Epoch, k.Index, [...]string{
		"too few", "one twice", "other names", "bad signatures", "outsiders",
		"votes in another ledger", "votes of another state",
	}[how])
	for _, m := range cfg.Voters {
		n := len(k.Votes)
		voted := slices.ContainsFunc(k.Votes, func(v juno.CheckpointVote) bool {
			return v.Node == m.ID
		})
		if voted || n >= q || how == 0 {
			continue
		}
		switch how {
		case 1:
			if n > 0 {
				k.Votes = append(k.Votes, k.Votes[0])
			}
		case 4:
			k.Votes = append(k.Votes, signCheckpoint(f.outsider(n), f.w.cluster, k,
				juno.NodeID(900+n)))
			for _, o := range cfg.Observers {
				if key, ok := f.has(o.Public); ok {
					k.Votes[n] = signCheckpoint(key, f.w.cluster, k, o.ID)
				}
			}
		case 5:
			k.Votes = append(k.Votes, signCheckpoint(f.keyOf(m.Public), f.w.foreign, k, m.ID))
		default:
			k.Votes = append(k.Votes, f.pointAs(cfg, k, m, how))
		}
	}
	slices.SortStableFunc(k.Votes, func(a, b juno.CheckpointVote) int {
		return int(a.Node) - int(b.Node)
	})
}

// pointAs returns a checkpoint vote in the name of a voter that the forger does not own.
func (f *forger) pointAs(cfg *juno.EpochConfig, k *juno.CheckpointCertificate, m juno.Member,
	how int,
) juno.CheckpointVote {
	v := signCheckpoint(f.anyKey(cfg), f.w.cluster, k, m.ID)
	if how == 2 {
		return v
	}
	v.Key = m.Public.ID()
	if how == 6 {
		for _, other := range f.w.points {
			for _, o := range other.Votes {
				if o.Node == m.ID {
					return o
				}
			}
		}
	}
	return v
}

// changeState changes a state, and signs and certifies it as far as can be.
func changeState(f *forger) bool {
	s := f.someState()
	if s == nil {
		return false
	}
	f.note("at %d", s.manifest.Pos.Index)
	f.enrich(s)
	switch f.rng.IntN(4) {
	case 0:
		s.setPoint(nil)
	case 1: // the certificate of the true state
	default:
		f.certifyState(s, &f.w.epochAt(s.manifest.Pos.Index).config)
	}
	f.signState(s)
	return true
}

func changePoint(f *forger) bool {
	s := f.someState()
	if s == nil || len(f.w.points) == 0 {
		return false
	}
	e := f.w.epochAt(min(s.manifest.Pos.Index, f.w.last()))
	k := s.point()
	if k == nil {
		k = copyPoint(pick(f, f.w.points...))
	}
	if f.chance(60) {
		f.enrich(s)
	}
	switch f.rng.IntN(6) {
	case 0:
		k.Epoch = f.rng.Uint32N(uint32(len(f.w.epochs)))
		f.fillPoint(f.configOf(k.Epoch), k)
	case 1:
		k.StateRoot = s.manifest.StateHash
		f.fillPoint(&e.config, k)
	case 2:
		k.Index = s.manifest.Pos.Index
		k.Hash[0] ^= 1
		f.fillPoint(&e.config, k)
	case 3:
		k.StateRoot = s.manifest.StateHash // over the votes for the true one
	case 4:
		k = copyPoint(pick(f, f.w.points...))
	default:
		if len(k.Votes) == 0 {
			return false
		}
		k.Votes = slices.Clone(k.Votes)
		k.Votes[f.rng.IntN(len(k.Votes))].Signature[8] ^= 1
	}
	s.setPoint(k)
	if f.chance(70) {
		f.signState(s)
	} else {
		s.seal() // its node had it in its hands
	}
	return true
}

func changeManifest(f *forger) bool {
	s := f.someState()
	if s == nil {
		return false
	}
	m := &s.manifest
	switch how := f.rng.IntN(8); how {
	case 0:
		m.Pos.Index += pick(f, juno.Index(1), 2, ^juno.Index(0))
		f.note("index %d", m.Pos.Index)
	case 1:
		m.Pos.Hash[0] ^= 1
	case 2:
		m.Cluster = f.w.foreign
	case 3:
		m.StateHash[0] ^= 1
	case 4:
		m.Elements++
	case 5:
		m.Node++
	case 6:
		m.Certificate = juno.AppendCertificate(nil, pick(f, f.w.proofs...))
	default:
		m.Time, m.Term = m.Time+1, m.Term+1
	}
	if f.p.base == s {
		f.p.start = m.Pos
		if f.chance(70) {
			f.renumber()
			f.remake(f.p.start.Index + 1)
		}
	}
	f.signState(s)
	return true
}

// swapState puts the true state of another entry into a snapshot.
func swapState(f *forger) bool {
	s, all := f.someState(), f.w.snapshotIndexes()
	if s == nil || len(all) == 0 {
		return false
	}
	at := pick(f, all...)
	if at == s.manifest.Pos.Index {
		return false
	}
	f.note("%d at %d", at, s.manifest.Pos.Index)
	s.elements, s.file = copyElements(f.w.states[at]), nil
	s.manifest.StateHash = f.w.roots[at]
	s.manifest.Elements = uint64(len(s.elements))
	if k := f.w.pointAt(at); k != nil && f.chance(50) {
		s.setPoint(k)
	}
	f.signState(s)
	return true
}

func changePointRecord(f *forger) bool {
	for i := range f.p.records {
		r := &f.p.records[i]
		if r.point != nil && f.chance(40) {
			r.point.StateRoot[0] ^= 1
			f.fillPoint(f.configOf(r.point.Epoch), r.point)
			return true
		}
	}
	return false
}

func lieCounts(f *forger) bool {
	f.p.elementsMore, f.p.entriesMore = f.rng.IntN(3)-1, f.rng.IntN(3)-1
	return f.p.elementsMore != 0 || f.p.entriesMore != 0
}
