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
	"juno/verify"
	"juno/verify/files"
	"juno/wal"
)

// ErrNotProven is returned by Import for an export that does not prove what it holds.
var ErrNotProven = errors.New("not proven")

// ImportInfo says what an imported ledger holds.
type ImportInfo struct {
	Cluster juno.ClusterID
	State   juno.Index // history up to here is not held, but for the state at it
	Tip     juno.Pos
	// Verdict says what the export proves.
	Verdict *verify.Verdict
	// CanWrite says that the node's key was given, so that the ledger goes on from here.
	CanWrite bool
}

// ImportOptions say what an import wants and is given.
type ImportOptions struct {
	// Pinned is the ledger that the export must be of; zero stands for any.
	Pinned juno.ClusterID
	// Keys, if not empty, is a ledger's directory whose keys come along. With the node's key among
	// them the new ledger goes on where the export ends: then the old one must never be written to
	// again, or the two histories part. Without it the new ledger is for reading.
	Keys string
	// Progress, which may be nil, is told how many elements and entries were taken in.
	Progress func(n uint64)
}

// Import makes a ledger of an export in path, which must be empty or absent. Everything is verified
// on the way, by the rules of verify/files, but for the client signatures and the execution, which
// opening the ledger and juno verify check. What is not proven is refused, and nothing is left.
func Import(
	ctx context.Context, export, path string, o ImportOptions,
) (info ImportInfo, err error) {
	fsys := vfs.OS{}
	if names, err := fsys.List(path); err == nil && len(names) > 0 {
		return info, fmt.Errorf("import into %s: %w", path, datadir.ErrExists)
	}
	f, err := os.Open(export)
	if err != nil {
		return info, fmt.Errorf("import: %w", err)
	}
	defer f.Close()
	i := &importer{
		ctx: ctx, fsys: fsys, path: path, keys: o.Keys,
		audit: files.NewExportAudit(files.Options{
			Pinned: o.Pinned, SkipSignatures: true, SkipReplay: true,
		}),
	}
	err = snapshot.Import(ctx, bufio.NewReaderSize(f, 1<<20), i, o.Progress)
	i.info.Verdict, err = i.audit.Verdict(err)
	if err == nil {
		err = i.finish()
	}
	if err = errors.Join(err, i.close()); err != nil {
		return info, errors.Join(err, os.RemoveAll(path))
	}
	return i.info, nil
}

// importer takes in an export, and shows all of it to an audit. The genesis file is written last,
// when the verdict is known: a directory with one is complete.
type importer struct {
	ctx    context.Context
	fsys   vfs.FS
	path   string
	keys   string
	audit  *files.ExportAudit
	dir    *datadir.Directory
	log    *wal.Log
	info   ImportInfo
	state  *stateFiller
	start  juno.Pos
	proof  *juno.QuorumCertificate // the newest
	epochs []juno.EpochChange
	batch  wal.Batch
	size   int
}

// importBatchBytes is how much is synced at a time.
const importBatchBytes = 4 << 20

// Genesis implements snapshot.Receiver.
func (i *importer) Genesis(g *juno.Genesis) error {
	if err := i.audit.Genesis(g); err != nil {
		return err
	}
	i.info.Cluster, i.start = g.ID(), juno.Pos{Hash: g.ID()}
	var err error
	i.dir, err = datadir.Begin(i.path, g)
	return err
}

// Epoch implements snapshot.Receiver.
func (i *importer) Epoch(e *juno.EpochChange) error {
	i.epochs = append(i.epochs, *e)
	return i.audit.Epoch(e)
}

// Manifest implements snapshot.Receiver.
func (i *importer) Manifest(m *snapshot.Manifest) error {
	if err := i.audit.Manifest(m); err != nil {
		return err
	}
	i.start, i.info.State = m.Pos, m.Pos.Index
	i.state = newStateFiller(i.ctx, i.dir.SnapshotsPath(), m)
	return nil
}

// Element implements snapshot.Receiver.
func (i *importer) Element(e snapshot.Element) error {
	return errors.Join(i.audit.Element(e), i.state.put(e))
}

// ManifestEnd implements snapshot.Receiver.
func (i *importer) ManifestEnd() error {
	return errors.Join(i.audit.ManifestEnd(), i.state.end())
}

// Entries implements snapshot.Receiver.
func (i *importer) Entries(all []juno.Entry) error {
	if err := errors.Join(i.audit.Entries(all), i.openLog()); err != nil {
		return err
	}
	for n := range all {
		i.size += juno.EntryBytes(&all[n])
	}
	i.batch.Entries = append(i.batch.Entries, all...)
	if i.size < importBatchBytes {
		return nil
	}
	return i.flush()
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
	if err := errors.Join(i.audit.Record(r), i.openLog()); err != nil {
		return err
	}
	switch r.Kind {
	case juno.RecordProof:
		c, err := juno.ParseProof(r.Bytes)
		if err != nil {
			return err
		}
		i.proof = c
	case juno.RecordEpoch:
	default:
		return fmt.Errorf("%s record of entry %d: an export holds proofs and ends of epochs",
			r.Kind,
			r.Index)
	}
	i.batch.Records = append(i.batch.Records, r)
	return nil
}

// End implements snapshot.Receiver.
func (i *importer) End() error { return errors.Join(i.audit.End(), i.openLog()) }

// finish completes the directory, if everything in the export is proven.
func (i *importer) finish() error {
	if problem := i.info.Verdict.Problem(); problem != "" {
		return fmt.Errorf("import: %w: %s", ErrNotProven, problem)
	}
	if err := i.flush(); err != nil {
		return err
	}
	i.info.Tip = i.log.Tip()
	if err := i.takeKeys(); err != nil {
		return err
	}
	if i.info.CanWrite && i.info.Tip.Index > 0 && i.proof != nil {
		i.batch.Records = append(i.batch.Records, consensus.AloneRecords(i.proof)...)
		if err := i.flush(); err != nil {
			return err
		}
	}
	if err := i.log.Close(); err != nil {
		return err
	}
	i.log = nil
	if len(i.epochs) > 0 {
		if err := i.dir.NoteEpochs(i.epochs); err != nil {
			return err
		}
	}
	return i.dir.Finish()
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
