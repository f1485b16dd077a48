package db

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/pb"
)

// Sizes of the store, chosen by measurement with a million accounts (doc.go): a smaller table in
// memory costs more compaction, a larger one memory, of which there are three at a time.
const (
	memTableBytes   = 16 << 20
	memTables       = 2
	blockCacheBytes = 24 << 20
	indexCacheBytes = 16 << 20
	// valueBytesMax is above the longest value, a result, so that all values stay in the tables
	// and badger's value log is empty.
	valueBytesMax = 256 << 10
	// writesPending is how many of badger's own write batches may be on their way.
	writesPending = 4
	// loaderWrites is from how many writes on a KVLoader is cheaper than a WriteBatch: it
	// allocates room for a full batch at once.
	loaderWrites = 2048
	// roomBytes must be free on the disk before a batch is written. Badger writes through mapped
	// sparse files: on a full disk the kernel answers with SIGBUS, which cannot be caught.
	roomBytes = 3*2*memTableBytes + 32<<20
)

const _ = uint(memTableBytes*15/100 - valueBytesMax) // badger wants a value to fit a transaction

// store is badger with the few operations that a ledger needs. Reads may come from any goroutine,
// writes from one.
type store struct {
	dir      string
	memTable int64 // bytes of a table in memory
	badger   *badger.DB
	log      *storeLog
	// free returns how many bytes can still be written below a directory; nil does not ask.
	free func(dir string) (int64, error)
}

// openStore opens or creates the store in dir.
func openStore(
	dir string, memTable int64, free func(string) (int64, error),
) (*store, error) {
	s := &store{dir: dir, memTable: memTable, log: &storeLog{}, free: free}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("db: make directory: %w", err)
	}
	if err := s.checkRoom(); err != nil {
		return nil, err
	}
	if err := removeEmpty(dir); err != nil {
		return nil, err
	}
	var err error
	if s.badger, err = openBadger(s.options()); err != nil {
		if strings.Contains(err.Error(), "Another process is using") {
			return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
		}
		return nil, damaged(dir, err)
	}
	if err := s.check(); err != nil {
		_ = s.badger.Close()
		return nil, err
	}
	return s, nil
}

func (s *store) options() badger.Options {
	o := badger.DefaultOptions(s.dir).WithLogger(s.log)
	o = o.WithNumVersionsToKeep(math.MaxInt).WithDetectConflicts(false).WithSyncWrites(false)
	o = o.WithMetricsEnabled(false).WithCompression(options.Snappy)
	o = o.WithChecksumVerificationMode(options.OnBlockRead)
	o = o.WithMemTableSize(s.memTable).WithNumMemtables(memTables)
	o = o.WithBlockCacheSize(blockCacheBytes).WithIndexCacheSize(indexCacheBytes)
	o = o.WithValueThreshold(min(valueBytesMax, s.memTable*15/100))
	return o.WithValueLogFileSize(1 << 20).WithNumCompactors(2)
}

// openBadger turns the panics with which badger meets some damaged files into errors.
func openBadger(o badger.Options) (db *badger.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while opening: %v", r)
		}
	}()
	return badger.OpenManaged(o)
}

// removeEmpty removes the logs of badger's that have no byte. A crash leaves them where badger was
// making one, or removing it, which it does by cutting it to nothing first; but it cannot open
// them.
func removeEmpty(dir string) error {
	for _, suffix := range []string{memTableSuffix, valueLogSuffix} {
		names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
		if err != nil {
			return fmt.Errorf("db: look for empty files: %w", err)
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err == nil && info.Size() == 0 {
				err = os.Remove(name)
			}
			if err != nil {
				return fmt.Errorf("db: remove an empty file: %w", err)
			}
		}
	}
	return nil
}

func damaged(dir string, err error) error {
	return fmt.Errorf("%w: %s: %w; the log is the truth: delete that directory, or rebuild it, "+
		"and nothing is lost", ErrDamaged, dir, err)
}

// checkRoom reports ErrFull before the disk is really full.
func (s *store) checkRoom() error {
	if s.free == nil {
		return nil
	}
	free, err := s.free(s.dir)
	if err != nil {
		return fmt.Errorf("db: ask for free space: %w", err)
	}
	if free < roomBytes {
		return fmt.Errorf("%w: %d MiB free in %s, want %d; what was acknowledged is in the log: "+
			"make room and start again", ErrFull, free>>20, s.dir, int64(roomBytes)>>20)
	}
	return nil
}

// record is one version of one key, to be written. Its bytes must not change until write returns.
type record struct {
	key, value []byte
	version    uint64
}

// write writes records in order; it returns when all are in badger's memory and in its own log,
// which nobody has synced. Reads see them one by one.
func (s *store) write(records []record) error {
	if len(records) == 0 {
		return nil
	}
	if err := s.checkRoom(); err != nil {
		return err
	}
	if err := s.send(records); err != nil {
		return fmt.Errorf("db: write %d records to %s: %w", len(records), s.dir, err)
	}
	if err := s.log.err(); err != nil {
		return fmt.Errorf("db: %s: %w", s.dir, err)
	}
	return nil
}

// send hands records over. Of a batch that fits one of badger's transactions the order inside is
// badger's own: callers whose order matters call write twice.
func (s *store) send(records []record) error {
	if len(records) < loaderWrites {
		batch := s.badger.NewManagedWriteBatch()
		defer batch.Cancel()
		for i := range records {
			r := &records[i]
			if err := batch.SetEntryAt(badger.NewEntry(r.key, r.value), r.version); err != nil {
				return err
			}
		}
		return batch.Flush()
	}
	loader := s.badger.NewKVLoader(writesPending)
	kv := &pb.KV{}
	for i := range records {
		r := &records[i]
		kv.Key, kv.Value, kv.Version = r.key, r.value, r.version
		if err := loader.Set(kv); err != nil {
			return errors.Join(err, loader.Finish())
		}
	}
	return loader.Finish()
}

// The ends of the names of the files behind badger's tables in memory, and of its value log.
const (
	memTableSuffix = ".mem"
	valueLogSuffix = ".vlog"
)

// sync makes durable what was written. Badger's own Sync leaves out the tables in memory that
// wait to be turned into files: after a power failure they could be missing while later ones are
// there. So every such file is synced here; one that is gone has become a table, which badger
// syncs before it removes the file.
func (s *store) sync() error {
	if err := s.badger.Sync(); err != nil {
		return fmt.Errorf("db: sync %s: %w", s.dir, err)
	}
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+memTableSuffix))
	if err != nil {
		return fmt.Errorf("db: sync %s: %w", s.dir, err)
	}
	for _, name := range append(names, s.dir) {
		if err := syncFile(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("db: sync: %w", err)
		}
	}
	return nil
}

// syncFile syncs a file or directory by its name. What was written through a mapping of another
// descriptor is part of the file's dirty pages, so it is synced too.
func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// get returns the newest version of key that is not above version, and that version. It returns
// nil if there is none. The value is the caller's.
func (s *store) get(key []byte, version uint64) (value []byte, at uint64, err error) {
	txn := s.badger.NewTransactionAt(version, false)
	defer txn.Discard()
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err == nil {
		value, err = item.ValueCopy(nil)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("db: read %.40q of %s: %w", key, s.dir, err)
	}
	return value, item.Version(), nil
}

// check reads every block and verifies its checksum, at about a gigabyte per second.
//
// It runs whenever a store is opened, because badger itself does not report damage: a read that
// meets a damaged block says that there is no such key, an iterator that it is at its end, and a
// compaction leaves out the rest. Here it panics, too. Damaged tables that it finds while opening
// it leaves out, and only logs that it did.
func (s *store) check() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damaged(s.dir, fmt.Errorf("panic while verifying: %v", r))
		}
	}()
	if err := s.badger.VerifyChecksum(); err != nil {
		return damaged(s.dir, err)
	}
	return s.log.err()
}

// close flushes and closes badger. Where badger cannot write it would try for ever: then it is left
// alone, and its files are as a crash leaves them.
func (s *store) close() error {
	closed := make(chan error, 2) // neither sender ever waits: the first word counts
	s.log.failed.Store(new(func(err error) {
		select {
		case closed <- err:
		default:
		}
	}))
	go func() {
		err := s.badger.Close()
		select {
		case closed <- err:
		default:
		}
	}()
	if err := <-closed; err != nil {
		return fmt.Errorf("db: close %s: %w", s.dir, err)
	}
	return nil
}

// storeLog takes what badger would print. Badger retries a failed flush for ever and leaves out
// tables that it cannot read; both it only logs. So an error in its log is an error of the store.
type storeLog struct {
	first atomic.Pointer[error]
	// failed, if set, is called with every error, from badger's goroutines.
	failed atomic.Pointer[func(error)]
}

// Errorf keeps the first error.
func (l *storeLog) Errorf(format string, args ...any) {
	err := fmt.Errorf("badger: "+strings.TrimSpace(format), args...)
	l.first.CompareAndSwap(nil, &err)
	if failed := l.failed.Load(); failed != nil {
		(*failed)(err)
	}
}

// Warningf drops warnings: compactions that find nothing to do.
func (l *storeLog) Warningf(string, ...any) {}

// Infof drops progress.
func (l *storeLog) Infof(string, ...any) {}

// Debugf drops traces.
func (l *storeLog) Debugf(string, ...any) {}

func (l *storeLog) err() error {
	if e := l.first.Load(); e != nil {
		return *e
	}
	return nil
}
