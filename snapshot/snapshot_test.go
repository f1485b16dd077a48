package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"juno"
)

var testNode = juno.NewPrivateKey([32]byte{1})

func testGenesis() *juno.Genesis {
	return &juno.Genesis{Config: juno.EpochConfig{Voters: []juno.Member{{
		ID:     1,
		Public: testNode.Public(),
	}}, FirstLeader: 1, CheckpointEvery: 10}}
}

func testRing(t testing.TB) *juno.Keyring {
	g := testGenesis()
	ring, err := g.Config.Keyring(g.ID())
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func sign(body []byte) (juno.KeyID, juno.Signature) {
	e := juno.Seal(testNode, testGenesis().ID(), juno.KindSnapshot, body)
	return e.Key, e.Signature
}

func elements(n int) iter.Seq2[Element, error] {
	return func(yield func(Element, error) bool) {
		for i := range n {
			e := Element{Key: fmt.Appendf(nil, "a/%06d", i), Value: fmt.Appendf(nil, "value %d", i)}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func testManifest(index juno.Index) Manifest {
	return Manifest{
		Cluster: testGenesis().ID(), Pos: juno.Pos{Index: index, Hash: juno.Hash{7}},
		Term: 3, Time: 1000, StateHash: juno.Hash{9}, Node: 1, Certificate: []byte("certificate"),
	}
}

func makeSnapshot(t testing.TB, dir string, index juno.Index, n int) *Manifest {
	t.Helper()
	m, err := Create(context.Background(), dir, testManifest(index), elements(n), sign)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func openNewest(t testing.TB, dir string) (*Snapshot, error) {
	t.Helper()
	all, err := List(dir, testRing(t))
	if err != nil || len(all) == 0 {
		t.Fatalf("list: %d snapshots, %v", len(all), err)
	}
	return Open(context.Background(), all[len(all)-1], nil)
}

func TestCreateOpenElements(t *testing.T) {
	dir := t.TempDir()
	for i, n := range []int{0, 1, 3, elementsPerTx, elementsPerTx + 1} {
		makeSnapshot(t, dir, juno.Index(i+1), n)
		s, err := openNewest(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for e, err := range s.Elements() {
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("a/%06d", got); string(e.Key) != want {
				t.Fatalf("element %d: key %q, want %q", got, e.Key, want)
			}
			got++
		}
		if got != n || s.Manifest.Pos.Index != juno.Index(i+1) {
			t.Errorf("%d elements at %s, want %d at %d", got, s.Manifest.Pos, n, i+1)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestManifestGolden(t *testing.T) {
	m := testManifest(258)
	m.Elements, m.FileBytes = 5, 4096
	b := m.Bytes()
	if got, want := len(b), 1+32+40+8+8+32+8+8+32+4+1+11+1+8+64; got != want {
		t.Errorf("manifest has %d bytes, the package doc says %d", got, want)
	}
	if got, want := fmt.Sprintf("%x", b[33:41]), "0000000000000102"; got != want {
		t.Errorf("index is %s, want %s", got, want)
	}
	back, err := ParseManifest(b)
	if err != nil || !bytes.Equal(back.Bytes(), b) {
		t.Errorf("parse: %v", err)
	}
}

// Every byte of both files counts: flipping any bit is found before an element is believed.
func TestEveryFlippedByteIsFound(t *testing.T) {
	dir := t.TempDir()
	makeSnapshot(t, dir, 5, 3)
	all, err := List(dir, testRing(t))
	if err != nil || len(all) != 1 || all[0].Err != nil {
		t.Fatalf("list: %v, %v", all, err)
	}
	flipEveryByte(t, statePath(dir, 5), func() error {
		s, err := Open(context.Background(), all[0], nil)
		if err == nil {
			err = s.Close()
		}
		return err
	})
	flipEveryByte(t, manifestPath(dir, 5), func() error {
		all, err := List(dir, testRing(t))
		if err != nil || len(all) != 1 {
			t.Fatalf("list: %v, %v", all, err)
		}
		return all[0].Err
	})
}

// flipEveryByte wants check to fail for every byte of the file that is changed.
func flipEveryByte(t *testing.T, path string, check func() error) {
	t.Helper()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put := func(i int, b byte) {
		if _, err := f.WriteAt([]byte{b}, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	step := 1
	if testing.Short() {
		step = 97
	}
	for i := 0; i < len(good); i += step {
		put(i, good[i]^(1<<(i%8)))
		if check() == nil {
			t.Fatalf("%s: byte %d of %d flipped, and nobody noticed", filepath.Base(path), i,
				len(good))
		}
		put(i, good[i])
	}
	if err := check(); err != nil {
		t.Fatalf("%s as it was: %v", filepath.Base(path), err)
	}
}

// What is cut off, missing or longer is found without reading the state.
func TestListLooksAtLengths(t *testing.T) {
	dir := t.TempDir()
	makeSnapshot(t, dir, 5, 3)
	good, err := os.ReadFile(statePath(dir, 5))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, good[:1], good[:len(good)-1], append(good, 0)} {
		if err := os.WriteFile(statePath(dir, 5), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if all, err := List(dir, testRing(t)); err != nil || !errors.Is(all[0].Err, ErrCorrupt) {
			t.Errorf("%d of %d bytes: %v, %v", len(bad), len(good), all[0].Err, err)
		}
	}
	if err := os.Remove(statePath(dir, 5)); err != nil {
		t.Fatal(err)
	}
	if all, err := List(dir, testRing(t)); err != nil || !errors.Is(all[0].Err, ErrCorrupt) {
		t.Errorf("no state: %v, %v", all[0].Err, err)
	}
}

func TestAForeignSignerIsNotTrusted(t *testing.T) {
	dir := t.TempDir()
	stranger := juno.NewPrivateKey([32]byte{2})
	_, err := Create(context.Background(), dir, testManifest(5), elements(1),
		func(body []byte) (juno.KeyID, juno.Signature) {
			e := juno.Seal(stranger, testGenesis().ID(), juno.KindSnapshot, body)
			return e.Key, e.Signature
		})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openNewest(t, dir); !errors.Is(err, juno.ErrUnknownKey) {
		t.Errorf("got %v, want %v", err, juno.ErrUnknownKey)
	}
}

func TestAFailedCreateLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("state machine stopped")
	_, err := Create(context.Background(), dir, testManifest(5),
		func(yield func(Element, error) bool) {
			for e := range elements(10) {
				if !yield(e, nil) {
					return
				}
			}
			yield(Element{}, broken)
		}, sign)
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Create(ctx, dir, testManifest(5), elements(10), sign); !errors.Is(err, ctx.Err()) {
		t.Errorf("cancelled: got %v", err)
	}
	unordered := func(yield func(Element, error) bool) {
		_ = yield(Element{Key: []byte("b")}, nil) && yield(Element{Key: []byte("a")}, nil)
	}
	if _, err := Create(context.Background(), dir, testManifest(5), unordered, sign); err == nil {
		t.Error("elements out of order were taken")
	}
	names, _ := os.ReadDir(dir)
	if len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

// What a crash between any two steps of Create leaves is no snapshot, and the next Create removes
// it.
func TestUnfinishedSnapshotsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	foreign := []string{
		"notes.tmp", "x.state", "3.state", "00000000000000000003.state.bak",
		"00000000000000000003.statement", "README",
	}
	for _, name := range append([]string{
		statePath(dir, 3), statePath(dir, 4) + partSuffix, manifestPath(dir, 4) + temporarySuffix,
	}, join(dir, foreign)...) {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := List(dir, testRing(t)); err != nil || len(all) != 0 {
		t.Errorf("unfinished snapshots are listed: %v, %v", all, err)
	}
	makeSnapshot(t, dir, 9, 2)
	names, _ := os.ReadDir(dir)
	if len(names) != 2+len(foreign) {
		t.Errorf("in the directory: %v, want a state, its manifest, and what is not ours", names)
	}
}

func join(dir string, names []string) []string {
	paths := make([]string, len(names))
	for i, n := range names {
		paths[i] = filepath.Join(dir, n)
	}
	return paths
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for i := 1; i <= 5; i++ {
		makeSnapshot(t, dir, juno.Index(i), 1)
	}
	if err := os.WriteFile(manifestPath(dir, 5), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Prune(dir, 0, testRing(t)); err == nil {
		t.Error("pruned to nothing")
	}
	if err := Prune(dir, 2, testRing(t)); err != nil {
		t.Fatal(err)
	}
	all, err := List(dir, testRing(t))
	if err != nil {
		t.Fatal(err)
	}
	var kept []juno.Index
	for _, l := range all {
		kept = append(kept, l.Index)
	}
	if want := []juno.Index{3, 4, 5}; !slices.Equal(kept, want) || all[2].Err == nil {
		t.Errorf("kept %v (%v), want the damaged 5 and the two newest good ones %v", kept,
			all[2].Err, want)
	}
}

// setHasher is a state hash for tests: the XOR of the hashes of the elements.
type setHasher struct{ sum juno.Hash }

func (h *setHasher) Add(key, value []byte) {
	b := juno.AppendBytes(juno.AppendBytes(nil, key), value)
	for i, x := range sha256.Sum256(b) {
		h.sum[i] ^= x
	}
}

func (h *setHasher) Hash() juno.Hash { return h.sum }

func TestVerify(t *testing.T) {
	const n = progressEvery + 5
	var h setHasher
	for e := range elements(n) {
		h.Add(e.Key, e.Value)
	}
	for _, right := range []bool{true, false} {
		dir := t.TempDir()
		m := testManifest(5)
		if right {
			m.StateHash = h.Hash()
		}
		if _, err := Create(context.Background(), dir, m, elements(n), sign); err != nil {
			t.Fatal(err)
		}
		s, err := openNewest(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		var told []uint64
		err = s.Verify(context.Background(), &setHasher{}, func(done, total uint64) {
			told = append(told, done, total)
		})
		if (err == nil) != right || !right && !errors.Is(err, ErrCorrupt) {
			t.Errorf("right hash: %t, error %v", right, err)
		}
		if want := []uint64{0, n, progressEvery, n, n, n}; !slices.Equal(told, want) {
			t.Errorf("progress %v, want %v", told, want)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Verify(ctx, &setHasher{}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A reader of elements may stop anywhere, and others may read meanwhile.
func TestElementsMayStop(t *testing.T) {
	dir := t.TempDir()
	makeSnapshot(t, dir, 5, 100)
	s, err := openNewest(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range s.Elements() {
		for _, err := range s.Elements() {
			if n++; err != nil || n%10 == 0 {
				break
			}
		}
		if n >= 50 {
			break
		}
	}
	if err := s.Close(); err != nil || n != 50 {
		t.Errorf("%d elements, %v", n, err)
	}
}

// A state of few and large elements is written in transactions of a bounded size too.
func TestLargeElements(t *testing.T) {
	dir := t.TempDir()
	large := func(n, size int) iter.Seq2[Element, error] {
		return func(yield func(Element, error) bool) {
			value := make([]byte, size)
			for i := range n {
				value[0] = byte(i)
				if !yield(Element{Key: []byte{byte(i + 1)}, Value: value}, nil) {
					return
				}
			}
		}
	}
	ctx := context.Background()
	if _, err := Create(ctx, dir, testManifest(5), large(20, elementBytesMax), sign); err != nil {
		t.Fatal(err)
	}
	s, err := openNewest(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	for e, err := range s.Elements() {
		if err != nil || len(e.Value) != elementBytesMax || e.Value[0] != byte(n) {
			t.Fatalf("element %d: %d bytes, %v", n, len(e.Value), err)
		}
		n++
	}
	for _, bad := range []Element{
		{},
		{Key: []byte("k"), Value: make([]byte, elementBytesMax+1)},
		{Key: make([]byte, 40_000)},
	} {
		_, err := Create(ctx, dir, testManifest(6), func(yield func(Element, error) bool) {
			yield(bad, nil)
		}, sign)
		if err == nil {
			t.Errorf("an element of %d and %d bytes is taken", len(bad.Key), len(bad.Value))
		}
	}
}

// A snapshot is only believed under its own name, of its own node, and with its own count.
func TestLyingManifests(t *testing.T) {
	dir := t.TempDir()
	makeSnapshot(t, dir, 5, 3)
	copies := map[string]string{
		statePath(dir, 5):    statePath(dir, 6),
		manifestPath(dir, 5): manifestPath(dir, 6),
	}
	for from, to := range copies {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := List(dir, testRing(t))
	if err != nil || len(all) != 2 || all[0].Err != nil || !errors.Is(all[1].Err, ErrCorrupt) {
		t.Errorf("a snapshot under another name: %+v, %v", all, err)
	}

	m := *all[0].Manifest
	m.Elements = 4
	m.Key, m.Signature = sign(m.Body())
	s, err := Open(context.Background(), Listed{Index: 5, Path: all[0].Path, Manifest: &m}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var last error
	for _, err := range s.Elements() {
		last = err
	}
	if !errors.Is(last, ErrCorrupt) {
		t.Errorf("3 elements for 4: %v", last)
	}

	g := testGenesis()
	g.Config.Voters = append(g.Config.Voters,
		juno.Member{ID: 2, Public: juno.NewPrivateKey([32]byte{2}).Public()})
	ring, err := g.Config.Keyring(testGenesis().ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := all[0].Manifest.Check(ring); err != nil {
		t.Error(err)
	}
	m.Node = 2 // signed by node 1
	m.Key, m.Signature = sign(m.Body())
	if err := m.Check(ring); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a snapshot of node2, signed by node1: %v", err)
	}
	m.Cluster[0] ^= 1
	if err := m.Check(ring); err == nil {
		t.Error("a snapshot of another ledger")
	}
}

func TestCertify(t *testing.T) {
	dir := t.TempDir()
	ring := testRing(t)
	before := makeSnapshot(t, dir, 5, 3)
	m, err := Certify(dir, 5, ring, []byte("what a quorum signed"), sign)
	if err != nil {
		t.Fatal(err)
	}
	all, err := List(dir, ring)
	if err != nil || all[0].Err != nil || string(all[0].Manifest.Checkpoint) !=
		"what a quorum signed" || !bytes.Equal(all[0].Manifest.Bytes(), m.Bytes()) {
		t.Errorf("listed as %+v, %v", all[0], err)
	}
	m.Checkpoint = nil
	if !bytes.Equal(m.Body(), before.Body()) {
		t.Error("something else has changed")
	}
	if _, err := Certify(dir, 6, ring, nil, sign); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("certify what is not there: %v", err)
	}
	if _, err := Certify(dir, 5, ring, make([]byte, certificateBytesMax+1), sign); err == nil {
		t.Error("a certificate beyond its limit is taken")
	}
}

func TestCertified(t *testing.T) {
	g := testGenesis()
	ring := testRing(t)
	first := juno.Entry{Index: 1, Type: juno.EntryNoop}
	second := juno.Entry{Index: 2, Type: juno.EntryNoop}
	third := juno.Entry{Index: 3, Type: juno.EntryNoop}
	at1 := juno.Pos{Index: 1, Hash: first.ChainHash(g.ID())}
	at2 := juno.Pos{Index: 2, Hash: second.ChainHash(at1.Hash)}
	at3 := juno.Pos{Index: 3, Hash: third.ChainHash(at2.Hash)}
	certificate := func(pos juno.Pos, prev juno.Hash, e *juno.Entry) *juno.QuorumCertificate {
		return &juno.QuorumCertificate{
			Pos: pos, Kind: juno.Commit, Detached: true, PrevHash: prev,
			Head: e.Header(), Votes: []juno.SignedVote{juno.SignVote(testNode, g.ID(),
				juno.Vote{Node: 1, Accepted: &pos, Prepared: &pos})},
		}
	}
	changed := func(change func(*juno.QuorumCertificate)) *juno.QuorumCertificate {
		c := certificate(at2, at1.Hash, &second)
		change(c)
		return c
	}
	for name, c := range map[string]struct {
		certificate *juno.QuorumCertificate
		final, ok   bool
	}{
		"none":         {nil, false, true},
		"at the place": {certificate(at2, at1.Hash, &second), true, true},
		"right behind": {certificate(at3, at2.Hash, &third), true, true},
		"before":       {certificate(at1, g.ID(), &first), false, false},
		"another hash": {
			changed(func(c *juno.QuorumCertificate) { c.Pos.Hash[0] ^= 1 }), false, false,
		},
		"only prepared": {
			changed(func(c *juno.QuorumCertificate) { c.Kind = juno.Prepare }), false, false,
		},
		"needs a log": {
			changed(func(c *juno.QuorumCertificate) { c.Detached = false }), false, false,
		},
		"forged": {
			changed(func(c *juno.QuorumCertificate) { c.Votes[0].Signature[0] ^= 1 }), false, false,
		},
		"another branch": {
			certificate(pos3(second, third), second.ChainHash(juno.Hash{1}), &third), false, false,
		},
	} {
		m := testManifest(2)
		m.Pos, m.Certificate = at2, nil
		if c.certificate != nil {
			m.Certificate = juno.AppendCertificate(nil, c.certificate)
		}
		final, err := m.Certified(&g.Config, ring)
		if final != c.final || (err == nil) != c.ok || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: final %t, error %v", name, final, err)
		}
	}
	m := testManifest(2)
	if _, err := m.Certified(&g.Config, ring); !errors.Is(err, ErrCorrupt) {
		t.Errorf("nonsense for a certificate: %v", err)
	}
}

// pos3 is the position of third on a chain that is not the ledger's.
func pos3(second, third juno.Entry) juno.Pos {
	return juno.Pos{Index: 3, Hash: third.ChainHash(second.ChainHash(juno.Hash{1}))}
}
