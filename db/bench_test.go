package db

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"juno"
	"juno/db/state"
)

// randomPairs draws pairs of different accounts, splitmix64.
type randomPairs struct {
	state    uint64
	accounts uint64
}

func (r *randomPairs) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

func (r *randomPairs) pair() (from, to uint64) {
	from, to = r.next()%r.accounts, r.next()%(r.accounts-1)
	if to >= from {
		to++
	}
	return from, to
}

// residentBytes returns the resident memory of the process, and its peak.
func residentBytes(tb testing.TB) (now, peak string) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == "VmRSS:" {
			now = f[1]
		} else if f[0] == "VmHWM:" {
			peak = f[1]
		}
	}
	return now, peak
}

// forgetfulLog knows nothing but how far it goes: what a ledger asks of its log while it applies.
type forgetfulLog struct {
	*memoryLog
	last juno.Index
}

func (f *forgetfulLog) LastIndex() juno.Index { return f.last }

func (f *forgetfulLog) Pos(i juno.Index) (juno.Pos, error) {
	if i == 0 {
		return f.start, nil
	}
	return juno.Pos{Index: i}, nil
}

// memoryLimit is what the program sets for the garbage collector: without it the heap grows to
// twice what is in use, the cache included.
const memoryLimit = 320 << 20

// cpuTime returns the time that the process has used on all cores.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkApply applies and projects transfers, a thousand at a time, between accounts that were
// made before, and reports what reading them at random entries costs then. Run it with a fixed
// number of transfers: -benchtime 1000000x.
func BenchmarkApply(b *testing.B) {
	for _, accounts := range []uint64{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			benchmarkApply(b, accounts)
		})
	}
}

func benchmarkApply(b *testing.B, accounts uint64) {
	if b.N == 1 {
		return // the run that only finds out how many to do would make all the accounts, too
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryLimit))
	w := newWriter()
	log := &forgetfulLog{memoryLog: w.log}
	o := w.options(b.TempDir())
	o.Log, o.CacheBytes, o.memTableBytes = log, DefaultCacheBytes, memTableBytes
	l := mustOpen(b, o)
	entries := make([]juno.Entry, 1000)
	apply := func(n int, text func(i int) string) {
		for i := range entries[:n] {
			log.last++
			c := juno.Command{
				Key: w.client.Public().ID(), Request: juno.RequestID(log.last),
				Language: juno.LanguageHoplite, Batched: true, Text: text(i),
			}
			entries[i] = juno.Entry{
				Index: log.last, Time: juno.Millis(log.last), Payload: c.Payload(),
				Type: juno.EntryCommand,
			}
		}
		b.StartTimer()
		mustApply(b, l, entries[:n]...)
		b.StopTimer()
	}
	for i := 0; i < int(accounts); i += len(entries) {
		apply(len(entries), func(j int) string {
			return fmt.Sprintf("transfer(bank->a%d, 1000%%1)", i+j)
		})
	}
	if _, err := l.Checkpoint(b.Context()); err != nil {
		b.Fatal(err)
	}
	pairs := &randomPairs{state: 1, accounts: accounts}
	before := diskBytes(b, o.Dir)
	b.ResetTimer()
	b.StopTimer()
	used := cpuTime(b)
	for done := 0; done < b.N; done += len(entries) {
		apply(min(len(entries), b.N-done), func(int) string {
			from, to := pairs.pair()
			return fmt.Sprintf("transfer(a%d->a%d, 1%%1)", from, to)
		})
	}
	b.StartTimer()
	if err := l.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	used = cpuTime(b) - used
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transfers/s")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-us/transfer")
	now, peak := residentBytes(b)
	b.Logf("%d transfers, resident %s kB, peak %s kB", b.N, now, peak)
	benchmarkAsOf(b, l, pairs)
	if err := l.store.badger.Flatten(2); err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(diskBytes(b, o.Dir)-before)/float64(b.N), "disk-B/transfer")
	begun := time.Now()
	mustOpen(b, o)
	b.ReportMetric(time.Since(begun).Seconds()*1e3, "open-ms")
}

// benchmarkAsOf reads random balances at random entries.
func benchmarkAsOf(b *testing.B, l *Ledger, pairs *randomPairs) {
	const reads = 20_000
	took := make([]time.Duration, reads)
	for i := range took {
		account, _ := pairs.pair()
		at := juno.Index(pairs.next()%uint64(l.Applied())) + 1
		begun := time.Now()
		key := state.AppendBalanceKey(nil, fmt.Sprintf("a%d", account), state.DefaultCurrency)
		if _, _, err := l.store.element(key, at); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[reads/2].Nanoseconds())/1e3, "asof-p50-us")
	b.ReportMetric(float64(took[reads*99/100].Nanoseconds())/1e3, "asof-p99-us")
}

// diskBytes returns what the files of a directory take on the disk.
func diskBytes(tb testing.TB, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
