package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"

	"juno"
	"juno/cluster/consensus"
	"juno/internal/vfs"
	"juno/wal"
)

// walDisk is the log of package wal on a file system in memory, which after a power failure keeps
// synced data, and of the rest a random part: some writes, some sectors of a write.
type walDisk struct {
	w   *World
	fs  *vfs.Mem
	log *wal.Log
	rng *rand.Rand // of the salts
	// number counts the logs of the node: one that begins behind a snapshot is another one, in a
	// directory of its own.
	number int
}

// walSegmentBytes makes segments so small that a run has several.
const walSegmentBytes = 16 << 10

func (d *walDisk) options(number int) wal.Options {
	return wal.Options{
		FS: d.fs, Dir: walDir(number), Cluster: d.w.book.cluster, SegmentBytes: walSegmentBytes,
		Entropy: d,
	}
}

func walDir(number int) string { return fmt.Sprintf("/log%d", number) }

// Read implements io.Reader with the salts of segments.
func (d *walDisk) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(d.rng.Uint32())
	}
	return len(b), nil
}

func newWALDisk(w *World, salt uint64) *walDisk {
	d := &walDisk{w: w, fs: vfs.NewMem(), rng: w.fresh(salt)}
	d.create(juno.Pos{Hash: w.book.cluster})
	return d
}

// create begins the log with the present number.
func (d *walDisk) create(start juno.Pos) {
	dir := walDir(d.number)
	must(d.fs.MkdirAll(dir))
	must(d.fs.SyncDir("/"))
	var err error
	d.log, err = wal.Create(d.options(d.number), start)
	must(err)
	must(d.log.Sync())
}

// must stops the run: the disk of the simulator does not fail, so the log may not either.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("log: %v", err))
	}
}

func (d *walDisk) write(rd *consensus.Ready) {
	b := wal.Batch{Entries: rd.Append}
	if rd.Truncate != nil {
		b.Truncate, b.TruncateTo = true, *rd.Truncate
	}
	if b.Truncate || len(b.Entries) > 0 {
		b.Tip = rd.Tip
	}
	for i := range rd.Records {
		r := &rd.Records[i]
		b.Records = append(b.Records, *r)
	}
	if rd.Reset != nil {
		d.restart(*rd.Reset, &b)
		return
	}
	if b.Truncate || len(b.Entries) > 0 || len(b.Records) > 0 {
		must(d.log.Append(&b))
	}
}

// restart begins another log behind a snapshot: with the records of the old one and those of the
// core's Ready in one batch. Without the core's own records the old ones would name positions that
// the new log does not hold.
func (d *walDisk) restart(start juno.Pos, first *wal.Batch) {
	var carried []juno.Record
	for _, k := range []juno.RecordKind{
		juno.RecordHardState, juno.RecordAccepted,
		juno.RecordHighQC, juno.RecordHeaders,
	} {
		if r, ok := d.log.Newest(k); ok {
			carried = append(carried, r)
		}
	}
	for _, k := range []juno.RecordKind{juno.RecordProof, juno.RecordEpoch, juno.RecordCheckpoint} {
		for r, err := range d.log.Records(k, 0, 0) {
			must(err)
			carried = append(carried, r)
		}
	}
	first.Records = append(carried, first.Records...)
	must(d.log.Close())
	d.number++
	d.create(start)
	must(d.log.AppendSync(first))
}

func (d *walDisk) sync(int) { must(d.log.Sync()) }

// drop leaves the log as it is: it is a few segments long, and a core may always get more than it
// needs.
func (d *walDisk) drop(juno.Index) {}

func (d *walDisk) crash(rng *rand.Rand, power bool) disk {
	after := &walDisk{w: d.w, rng: d.rng, number: d.number, fs: d.fs.Clone()}
	if power {
		after.fs = d.fs.CrashClone(rng.Uint64() | 1)
	}
	after.open()
	return after
}

// open opens the newest complete log, removing nothing: an older one is there if a crash came in
// between.
func (d *walDisk) open() {
	for {
		var err error
		d.log, err = wal.Open(d.options(d.number))
		if err == nil {
			break
		}
		if d.number == 0 || !errors.Is(err, wal.ErrNoLog) {
			must(err)
		}
		d.number--
	}
}

// damage flips a bit in the oldest segment if that is full: there every byte is covered.
func (d *walDisk) damage(w *World) {
	dir := walDir(d.number)
	names, err := d.fs.List(dir)
	must(err)
	segments := slices.DeleteFunc(names, func(name string) bool { return path.Ext(name) != ".wal" })
	if len(segments) < 2 {
		return
	}
	name := path.Join(dir, slices.Min(segments))
	info, err := d.fs.Stat(name)
	must(err)
	must(d.log.Close())
	bit := w.rng.Int64N(8 * info.Bytes)
	must(vfs.FlipBit(d.fs, name, bit))
	if _, err = wal.Open(d.options(d.number)); !errors.Is(err, wal.ErrCorrupt) {
		w.oracle.fail("disk", "bit %d of %s is flipped, and open says: %v", bit, name, err)
	}
	w.count(BitsFlipped)
}

func (d *walDisk) begins() juno.Index { return 0 }

func (d *walDisk) tip() juno.Pos { return d.log.Tip() }

// First implements consensus.Log.
func (d *walDisk) First() juno.Index { return d.log.FirstIndex() }

// HashAt implements consensus.Log.
func (d *walDisk) HashAt(i juno.Index) (juno.Hash, bool) {
	p, err := d.log.Pos(i)
	if errors.Is(err, wal.ErrOutOfRange) {
		return juno.Hash{}, false
	}
	must(err)
	return p.Hash, true
}

// Entries implements consensus.Log.
func (d *walDisk) Entries(lo, hi juno.Index, bytesMax int) []juno.Entry {
	var all []juno.Entry
	size := 0
	for e, err := range d.log.Entries(lo, hi) {
		must(err)
		if size += len(e.Payload); size > bytesMax && len(all) > 0 {
			break
		}
		all = append(all, e)
	}
	return all
}

// Certificate implements consensus.Log.
func (d *walDisk) Certificate(index juno.Index) (*juno.QuorumCertificate, bool) {
	r, err := d.log.Find(juno.RecordProof, index)
	if errors.Is(err, wal.ErrNoRecord) {
		return nil, false
	}
	must(err)
	c, err := juno.ParseProof(r.Bytes)
	must(err)
	return c, true
}

func (d *walDisk) stored(genesis *juno.EpochConfig) *consensus.Stored {
	st := &consensus.Stored{Genesis: genesis, Start: d.log.Start(), Last: d.log.Tip()}
	add := func(r juno.Record) {
		st.Records = append(st.Records, r)
	}
	for _, k := range []juno.RecordKind{
		juno.RecordHardState, juno.RecordAccepted,
		juno.RecordHighQC, juno.RecordHeaders,
	} {
		if r, ok := d.log.Newest(k); ok {
			add(r)
		}
	}
	for _, k := range []juno.RecordKind{juno.RecordProof, juno.RecordCheckpoint, juno.RecordEpoch} {
		newest, found := juno.Record{}, false
		for r, err := range d.log.Records(k, 0, 0) {
			must(err)
			if newest, found = r, true; k == juno.RecordEpoch {
				add(r)
			}
		}
		if found && k != juno.RecordEpoch {
			add(newest)
		}
	}
	return st
}
