package embedded

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"juno"
	"juno/cluster/consensus"
	"juno/datadir"
	"juno/db/state"
	"juno/internal/vfs"
	"juno/snapshot"
	"juno/wal"
)

// ImportInfo says what an imported ledger holds.
type ImportInfo struct {
	Cluster juno.ClusterID
	State   juno.Index // history up to here is not held, but for the state at it
	Tip     juno.Pos
	// CanWrite says that the node's key was given, so that the ledger goes on from here.
	CanWrite bool
}

// Import makes a ledger of a carrier in path, which must be empty or absent. Everything is checked
// on the way: the snapshot's signature and state hash, the chain, and that a commit certificate
// covers the last entry. Client signatures are what VerifyDirectory checks.
//
// keys, if not empty, is a ledger's directory whose keys come along. With the node's key among
// them the new ledger goes on where the carrier ends: then the old one must never be written to
// again, or the two histories part. Without it the new ledger is for reading.
func Import(
	ctx context.Context, carrier, path, keys string, progress func(n uint64),
) (info ImportInfo, err error) {
	fsys := vfs.OS{}
	if names, err := fsys.List(path); err == nil && len(names) > 0 {
		return info, fmt.Errorf("import into %s: %w", path, datadir.ErrExists)
	}
	f, err := os.Open(carrier)
	if err != nil {
		return info, fmt.Errorf("import: %w", err)
	}
	defer f.Close()
	i := &importer{ctx: ctx, fsys: fsys, path: path, keys: keys}
	err = snapshot.Import(ctx, bufio.NewReaderSize(f, 1<<20), i, progress)
	if err = errors.Join(err, i.close()); err != nil {
		return info, errors.Join(err, os.RemoveAll(path))
	}
	return i.info, nil
}

// importer takes in a carrier. The genesis file is written last: a directory with one is complete.
type importer struct {
	ctx   context.Context
	fsys  vfs.FS
	path  string
	keys  string
	dir   *datadir.Directory
	log   *wal.Log
	info  ImportInfo
	state *stateFiller
	start juno.Pos
	proof *juno.QuorumCertificate
	// epochs are the memberships met so far; config is the newest one.
	epochs map[uint32]*juno.EpochConfig
	config *juno.EpochConfig
	batch  wal.Batch
	size   int
}

// importBatchBytes is how much is synced at a time.
const importBatchBytes = 4 << 20

// Genesis implements snapshot.Receiver.
func (i *importer) Genesis(g *juno.Genesis) (err error) {
	if i.dir, err = datadir.Begin(i.path, g); err != nil {
		return err
	}
	i.info.Cluster = g.ID()
	i.start = juno.Pos{Hash: g.ID()}
	i.epochs = make(map[uint32]*juno.EpochConfig)
	i.join(&g.Config)
	return nil
}

// join notes a membership.
func (i *importer) join(c *juno.EpochConfig) { i.epochs[c.Epoch], i.config = c, c }

// Manifest implements snapshot.Receiver.
func (i *importer) Manifest(m *snapshot.Manifest) error {
	ring, err := i.dir.NodeKeys()
	if err != nil {
		return err
	}
	if err := m.Check(ring); err != nil {
		return err
	}
	i.start, i.info.State = m.Pos, m.Pos.Index
	i.state = newStateFiller(i.ctx, i.dir.SnapshotsPath(), m)
	return nil
}

// Element implements snapshot.Receiver.
func (i *importer) Element(e snapshot.Element) error {
	if bytes.Equal(e.Key, state.ConfigKey()) {
		config, err := state.ParseConfig(bytes.Clone(e.Value))
		if err != nil {
			return err
		}
		i.join(config)
	}
	return i.state.put(e)
}

// ManifestEnd implements snapshot.Receiver.
func (i *importer) ManifestEnd() error { return i.state.end() }

// Entries implements snapshot.Receiver.
func (i *importer) Entries(all []juno.Entry) error {
	if err := i.openLog(); err != nil {
		return err
	}
	for n := range all {
		i.size += juno.EntryBytes(&all[n])
		if err := i.change(&all[n]); err != nil {
			return err
		}
	}
	i.batch.Entries = append(i.batch.Entries, all...)
	if i.size < importBatchBytes {
		return nil
	}
	return i.flush()
}

// change follows a change of membership: the certificates behind it are those of other voters.
func (i *importer) change(e *juno.Entry) error {
	if e.Type != juno.EntryConfig {
		return nil
	}
	c, err := juno.ParseConfigChange(e.Payload)
	if err == nil {
		err = c.Verify(i.config, i.info.Cluster)
	}
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Index, err)
	}
	i.join(&c.Next)
	return nil
}

func (i *importer) openLog() (err error) {
	if i.log == nil {
		i.log, err = wal.Create(wal.Options{
			FS: i.fsys, Dir: i.dir.LogPath(),
			Cluster: i.info.Cluster,
		}, i.start)
	}
	return err
}

func (i *importer) flush() error {
	if len(i.batch.Entries) == 0 && len(i.batch.Records) == 0 {
		return nil
	}
	i.batch.Tip = i.log.Tip()
	for n := range i.batch.Entries {
		e := &i.batch.Entries[n]
		i.batch.Tip = juno.Pos{Index: e.Index, Hash: e.ChainHash(i.batch.Tip.Hash)}
	}
	err := i.log.AppendSync(&i.batch)
	i.batch, i.size = wal.Batch{}, 0
	return err
}

// Record implements snapshot.Receiver.
func (i *importer) Record(r juno.Record) error {
	if err := i.openLog(); err != nil {
		return err
	}
	if r.Kind == juno.RecordProof {
		c, err := juno.ParseProof(r.Bytes)
		if err != nil {
			return err
		}
		i.proof = c
	}
	i.batch.Records = append(i.batch.Records, r)
	return nil
}

// End implements snapshot.Receiver.
func (i *importer) End() error {
	if err := i.openLog(); err != nil {
		return err
	}
	if err := i.flush(); err != nil {
		return err
	}
	i.info.Tip = i.log.Tip()
	if err := i.checkProof(); err != nil {
		return err
	}
	if err := i.takeKeys(); err != nil {
		return err
	}
	if i.info.CanWrite && i.info.Tip.Index > 0 {
		i.batch.Records = append(i.batch.Records, consensus.AloneRecords(i.proof)...)
		if err := i.flush(); err != nil {
			return err
		}
	}
	if err := i.log.Close(); err != nil {
		return err
	}
	i.log = nil
	return i.dir.Finish()
}

// checkProof wants the newest certificate to cover the last entry.
func (i *importer) checkProof() error {
	if i.proof == nil || i.proof.Pos != i.info.Tip {
		return fmt.Errorf("the last entry %s is not covered by a commit certificate", i.info.Tip)
	}
	config := i.epochs[i.proof.Term.Epoch()]
	if config == nil {
		return fmt.Errorf(
			"the last entry %s: certificate of term %s, and no membership of that epoch",
			i.info.Tip,
			i.proof.Term,
		)
	}
	ring, err := config.Keyring(i.info.Cluster)
	if err != nil {
		return err
	}
	return i.proof.Verify(config, ring, &clusterLog{log: i.log, fatal: func(error) {}})
}

// takeKeys copies the keys of another directory of the same ledger.
func (i *importer) takeKeys() error {
	if i.keys == "" {
		return nil
	}
	from, err := datadir.Open(i.keys)
	if err != nil {
		return err
	}
	if from.Genesis.ID() != i.info.Cluster {
		return fmt.Errorf("%s holds ledger %s, the carrier %s", i.keys, from.Genesis.ID().Short(),
			i.info.Cluster.Short())
	}
	i.info.CanWrite, err = i.dir.CopyKeys(from)
	return err
}

func (i *importer) close() error {
	var err error
	if i.state != nil {
		err = i.state.abort()
	}
	if i.log != nil {
		err = errors.Join(err, i.log.Close())
	}
	return err
}

// stateFiller turns the elements that come one by one into a snapshot file, in a goroutine of its
// own, and checks their state hash.
type stateFiller struct {
	manifest *snapshot.Manifest
	set      state.SetHash
	in       chan snapshot.Element
	done     chan error
	ended    bool
}

func newStateFiller(ctx context.Context, dir string, m *snapshot.Manifest) *stateFiller {
	in := make(chan snapshot.Element, 256)
	f := &stateFiller{manifest: m, in: in, done: make(chan error, 1)}
	go func() {
		_, err := snapshot.Create(ctx, dir, *m, func(yield func(snapshot.Element, error) bool) {
			for e := range in {
				if !yield(e, nil) {
					return
				}
			}
			if !f.ended {
				yield(snapshot.Element{}, errors.New("the carrier was not complete"))
			}
		}, func([]byte) (juno.KeyID, juno.Signature) { return m.Key, m.Signature })
		f.done <- err
		for range in { // let put go on until end sees the error
			continue
		}
	}()
	return f
}

func (f *stateFiller) put(e snapshot.Element) error {
	f.set.Add(e.Key, e.Value)
	f.in <- snapshot.Element{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value)}
	return nil
}

// end finishes the snapshot. Its file must be, byte for byte, the one that was signed.
func (f *stateFiller) end() error {
	f.ended = true
	close(f.in)
	f.in = nil
	if err := <-f.done; err != nil {
		return err
	}
	if got := f.set.Hash(); got != f.manifest.StateHash {
		return fmt.Errorf("%w: the elements give state hash %s, the manifest names %s",
			snapshot.ErrCorrupt, got.Short(), f.manifest.StateHash.Short())
	}
	return nil
}

func (f *stateFiller) abort() error {
	if f.in == nil {
		return nil
	}
	close(f.in)
	f.in = nil
	return nil
}
