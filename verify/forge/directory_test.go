package forge

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"juno"
	"juno/internal/vfs"
	"juno/snapshot"
	"juno/wal"
)

// directory returns the files of a directory, by name; an error where the log refuses to hold such
// a thing.
func (p *pieces) directory(scratch string) (map[string][]byte, error) {
	files := map[string][]byte{"genesis": juno.AppendGenesis(nil, p.genesis)}
	if !p.noEpochs {
		files["epochs"] = juno.AppendEpochChanges(nil, p.epochs)
	}
	if err := p.log(files); err != nil {
		return nil, err
	}
	// Of two for the same entry only the last has its name.
	for i := len(p.snaps) - 1; i >= 0; i-- {
		at := p.snaps[i].manifest.Pos.Index
		if slices.ContainsFunc(p.snaps[i+1:], func(s *snap) bool {
			return s.manifest.Pos.Index == at
		}) {
			p.snaps = slices.Delete(p.snaps, i, i+1)
		}
	}
	for _, s := range p.snaps {
		if err := s.materialize(scratch); err != nil {
			return nil, err
		}
		name := fmt.Sprintf("snapshots/%020d", s.manifest.Pos.Index)
		files[name+".state"], files[name+".manifest"] = s.file, s.manifest.Bytes()
	}
	if p.onFiles != nil {
		p.onFiles(files)
	}
	return files, nil
}

// log writes the log as a node does, in a file system in memory.
func (p *pieces) log(files map[string][]byte) (err error) {
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll("log"); err != nil {
		return err
	}
	l, err := wal.Create(wal.Options{
		FS: fsys, Dir: "log", Cluster: p.genesis.ID(), SegmentBytes: p.segment,
		Entropy: rand.NewChaCha8([32]byte(p.start.Hash)),
	}, p.start)
	if err != nil {
		return err
	}
	if err := p.writeLog(l); err != nil {
		_ = l.Close()
		return err
	}
	if err := l.Close(); err != nil {
		return err
	}
	names, err := fsys.List("log")
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := fsys.Open("log/" + name)
		if err != nil {
			return err
		}
		info, err := fsys.Stat("log/" + name)
		if err != nil {
			return err
		}
		b := make([]byte, info.Bytes)
		if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
			return err
		}
		files["log/"+name] = b
	}
	return nil
}

// writeLog appends the entries in batches, with their records, and cuts back what died.
func (p *pieces) writeLog(l *wal.Log) error {
	records := slices.Clone(p.records)
	slices.SortStableFunc(records, func(a, b record) int {
		return int(a.index) - int(b.index)
	})
	batch := wal.Batch{}
	flush := func() error {
		if len(batch.Entries) == 0 && len(batch.Records) == 0 && !batch.Truncate {
			return nil
		}
		err := l.AppendSync(&batch)
		batch = wal.Batch{}
		return err
	}
	for i := range p.entries {
		e := &p.entries[i]
		batch.Entries = append(batch.Entries, *e)
		for len(records) > 0 && records[0].index <= e.Index {
			batch.Records = append(batch.Records, records[0].encode())
			records = records[1:]
		}
		for n := range p.dead {
			d := &p.dead[n]
			if d.base != e.Index {
				continue
			}
			if err := flush(); err != nil {
				return err
			}
			if err := l.AppendSync(&wal.Batch{Entries: d.entries}); err != nil {
				return err
			}
			batch.Truncate, batch.TruncateTo = true, d.base
		}
		if len(batch.Records) > 0 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	for i := range records {
		batch.Records = append(batch.Records, records[i].encode())
	}
	return flush()
}

// stateFiles holds the bytes of state files, by the hash of their elements.
var stateFiles = struct {
	sync.Mutex
	files map[juno.Hash][]byte
}{files: make(map[juno.Hash][]byte)}

const stateFilesMax = 512

// materialize makes the state file, and signs the manifest if that did not name it yet.
func (s *snap) materialize(scratch string) error {
	if s.file == nil {
		file, err := stateFile(scratch, s.elements)
		if err != nil {
			return err
		}
		s.file = file
	}
	if sum := hashOf(s.file); s.manifest.FileHash != sum {
		s.manifest.FileHash, s.manifest.FileBytes = sum, uint64(len(s.file))
		s.seal()
	}
	return nil
}

func stateFile(scratch string, elements []snapshot.Element) ([]byte, error) {
	var all []byte
	for _, e := range elements {
		all = juno.AppendBytes(juno.AppendBytes(all, e.Key), e.Value)
	}
	name := hashOf(all)
	stateFiles.Lock()
	defer stateFiles.Unlock()
	if b := stateFiles.files[name]; b != nil {
		return b, nil
	}
	sign := func([]byte) (id juno.KeyID, s juno.Signature) { return id, s }
	_, err := snapshot.Create(context.Background(), scratch, snapshot.Manifest{Node: 1},
		each(elements), sign)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(scratch, fmt.Sprintf("%020d.state", 0)))
	if err != nil {
		return nil, err
	}
	if len(stateFiles.files) >= stateFilesMax {
		clear(stateFiles.files)
	}
	stateFiles.files[name] = b
	return b, nil
}

func each(all []snapshot.Element) iter.Seq2[snapshot.Element, error] {
	return func(yield func(snapshot.Element, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// store writes files below a directory, which is emptied first.
func store(path string, files map[string][]byte) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	for name, b := range files {
		name = filepath.Join(path, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
