package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"juno"
)

// size measures bytes on disk.
func (b *bench) size() error {
	if !b.has("juno/bytes") {
		if _, err := b.largeLedger(); err != nil {
			return err
		}
	}
	path := b.path("size")
	l, err := b.funded(path)
	if err != nil {
		return err
	}
	before, err := b.compacted(l)
	if err != nil {
		return err
	}
	if l, err = b.open(path); err != nil {
		return err
	}
	transfers := b.plan.entries / 4
	if err := b.fill(l, transfers, 4, juno.Batch); err != nil {
		return errors.Join(err, l.Close())
	}
	after, err := b.compacted(l)
	if err != nil {
		return err
	}
	b.sized("juno/bytes", after-before, transfers, "4000 under one signature")
	return os.RemoveAll(path)
}

// compacted closes a ledger and returns what its directory takes.
func (b *bench) compacted(l *openLedger) (int64, error) {
	if err := l.Close(); err != nil {
		return 0, err
	}
	return directoryBytes(l.Directory().Path)
}

func (b *bench) sized(name string, grown int64, transfers int, note string) {
	value := float64(grown) / float64(transfers)
	b.say("%-24s %10s bytes, %s", name, figures(value), note)
	b.results = append(b.results, result{
		Name: name, Unit: "bytes",
		Samples: []float64{value}, Note: fmt.Sprintf("for each of %d transfers, closed: %s",
			transfers, note),
	})
}

// statBlockBytes is the unit of st_blocks, whatever the file system's own block size is (stat(2)).
const statBlockBytes = 512

// directoryBytes returns the bytes that the file system has allocated for everything below a
// directory.
func directoryBytes(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("%s: no block count on this system", name)
		}
		total += stat.Blocks * statBlockBytes
		return nil
	})
	return total, err
}

// memory measures resident memory while a ledger with many accounts is written and read.
func (b *bench) memory() error {
	path := b.path("memory")
	if err := b.create(path); err != nil {
		return err
	}
	l, err := b.open(path)
	if err != nil {
		return err
	}
	begun := time.Now()
	most, err := b.peak(func() error { return b.open1000(l) })
	if err != nil {
		return errors.Join(err, l.Close())
	}
	b.say("%d accounts made in %s, resident memory up to %d MiB", b.plan.accounts,
		time.Since(begun).Round(time.Second), most>>20)
	r := result{Name: "juno/memory", Unit: "bytes", Note: fmt.Sprintf(
		"peak while transfers between %d accounts are made and read", b.plan.accounts)}
	load := b.loop(result{}, 2, func(c int, draw *pairs) (int, error) {
		return b.useMany(l, c, draw)
	})
	err = b.rounds(&gauge{result: r, sample: func(*gauge) (float64, error) {
		most, err := b.peak(func() error { _, err := load.sample(load); return err })
		return float64(most), err
	}})
	return errors.Join(err, l.Close(), os.RemoveAll(path))
}

// open1000 makes the accounts: transfers to an account that is not there make it.
func (b *bench) open1000(l *openLedger) error {
	const chunk = 4 * largestBatch
	texts := make([]string, 0, chunk)
	for i := range b.plan.accounts {
		texts = append(texts, fmt.Sprintf("transfer(bank->a%d, 1000%%1)", i))
		if len(texts) < chunk && i < b.plan.accounts-1 {
			continue
		}
		if err := submit(b.ctx, l.operator, texts, juno.Batch); err != nil {
			return err
		}
		texts = texts[:0]
	}
	return nil
}

// useMany makes some transfers between any accounts, and reads some balances of the past.
func (b *bench) useMany(l *openLedger, c int, draw *pairs) (int, error) {
	const transfers, reads = 1000, 100
	accounts, head := uint64(b.plan.accounts), uint64(l.Head().Index)
	for range reads {
		text := fmt.Sprintf("SELECT balance FROM accounts AS OF %d WHERE name = 'a%d'",
			1+draw.draw()%head, draw.draw()%accounts)
		if err := b.statement(l, text, -1); err != nil {
			return 0, err
		}
	}
	return transfers, submit(b.ctx, l.clients[c], draw.texts(transfers, accounts), juno.Batch)
}

// memoryLook is how often resident memory is looked at.
const memoryLook = 20 * time.Millisecond

// peak returns the highest resident memory during a call.
func (b *bench) peak(work func() error) (most int64, err error) {
	done := make(chan error, 1)
	go func() { done <- work() }()
	ticker := time.NewTicker(memoryLook)
	defer ticker.Stop()
	for {
		now, errLook := residentBytes("self")
		most = max(most, now)
		if errLook != nil {
			return 0, errors.Join(errLook, <-done)
		}
		select {
		case err := <-done:
			return most, err
		case <-ticker.C:
		}
	}
}

// residentBytes returns the resident memory of a process, which is a number or "self", with the
// files that are mapped.
func residentBytes(process string) (int64, error) {
	text, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return 0, fmt.Errorf("resident memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(
				strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("resident memory: this system does not tell it")
}
