package embedded

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"juno"
	"juno/verify/files"
)

var (
	damageSeed  = flag.Uint64("damage.seed", 1, "what TestDamage draws its places from")
	damageCount = flag.Int("damage.count", 200, "how many places TestDamage damages")
)

// damageQueries are what a damaged ledger must answer as before, or not at all.
var damageQueries = []string{
	"SELECT name, balance, version FROM accounts ORDER BY name",
	"SELECT name, balance FROM accounts AS OF 40 ORDER BY name",
	"SELECT sum(balance) FROM accounts",
	"SELECT name, log_index, change, delta, balance FROM accounts_history ORDER BY name, log_index",
	"SELECT log_index, source, target, amount, actor FROM transfers ORDER BY log_index",
	"SELECT log_index, client, request_id, kind, body, status, error_code FROM commands " +
		"WHERE log_index < 200 ORDER BY log_index",
	"SELECT log_index, hash, committed_at FROM log WHERE log_index < 200 ORDER BY log_index",
	"SELECT subject, role, public_key, valid_from_index FROM keys ORDER BY key_id",
}

// TestDamage changes one bit in a random place of a ledger's directory: in the log, the computed
// state, snapshots, keys, settings, everything. The ledger then refuses to open or to answer and
// says why, or it answers what it did before. It never panics, and never shows another balance.
func TestDamage(t *testing.T) {
	count := *damageCount
	if testing.Short() {
		count = min(count, 20)
	}
	closed, killed := damageScene(t)
	random := rand.New(rand.NewPCG(*damageSeed, 200))
	tally := map[string]int{}
	want := damageAnswers(t, closed)
	for i := range count {
		base := []string{closed, killed}[i%2]
		path := filepath.Join(t.TempDir(), "books")
		if err := copySparse(base, path); err != nil {
			t.Fatal(err)
		}
		place := flipSomewhere(t, path, random)
		outcome := afterDamage(t, path, want)
		file, _, _ := strings.Cut(place, ":")
		if strings.HasSuffix(file, ".wal") && outcome != "refused to open" {
			t.Errorf("damage in what was acknowledged: %s", outcome)
		}
		tally[strings.SplitN(file, "/", 2)[0]+": "+outcome]++
		if t.Failed() {
			t.Fatalf("place %d of seed %d: %s", i, *damageSeed, place)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%3d × %s", tally[what], what)
	}
}

// damageScene makes one ledger, and returns a copy of its directory as a clean end leaves it, and
// one as a kill does.
func damageScene(t *testing.T) (closed, killed string) {
	ctx := context.Background()
	path := newLedger(t, false, "bank", "alice", "bob")
	l := open(t, path)
	must(t, l, "alice", "CreateAccount a", "CreateAccount c")
	must(t, l, "bob", "CreateAccount b")
	must(t, l, "bank", "AdjustAccount a 1000%1")
	must(t, l, "alice", pay(60)...)
	if _, err := l.Snapshot(ctx, nil); err != nil {
		t.Fatal(err)
	}
	submit(t, l, "alice", juno.Batch, pay(100)...)
	submit(t, l, "bob", juno.Single, "transfer(a->b, 1%1)", "transfer(b->nobody, 1%1)", "nonsense")
	alice, err := l.Client("alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Snapshot(ctx, nil); err != nil {
		t.Fatal(err)
	}
	must(t, l, "alice", pay(40)...)
	dir := t.TempDir()
	closed, killed = filepath.Join(dir, "closed"), filepath.Join(dir, "killed")
	if err := copySparse(path, killed); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := copySparse(path, closed); err != nil {
		t.Fatal(err)
	}
	return closed, killed
}

func damageAnswers(t *testing.T, base string) []string {
	path := filepath.Join(t.TempDir(), "whole")
	if err := copySparse(base, path); err != nil {
		t.Fatal(err)
	}
	l := open(t, path)
	answers := make([]string, len(damageQueries))
	for i, q := range damageQueries {
		if answers[i] = query(t, l, q); answers[i] == "" {
			t.Fatalf("%s: no answer to compare with", q)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return answers
}

// flipSomewhere flips one bit of one file that holds something, every file with the same chance,
// and says where.
func flipSomewhere(t *testing.T, path string, random *rand.Rand) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil && info.Size() > 0 && d.Name() != "LOCK" {
				files = append(files, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	file := files[random.IntN(len(files))]
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	extents, err := dataOf(f)
	if err != nil {
		t.Fatal(err)
	}
	if extents, err = withoutZeros(f, extents); err != nil {
		t.Fatal(err)
	}
	if len(extents) == 0 {
		return flipSomewhere(t, path, random) // nothing was written yet
	}
	e := extents[random.IntN(len(extents))]
	at, bit := e.from+random.Int64N(e.to-e.from), byte(1)<<random.IntN(8)
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= bit
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(path, file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s: bit %#02x of byte %d", filepath.ToSlash(name), bit, at)
}

// afterDamage opens a damaged ledger and says what became of it.
func afterDamage(t *testing.T, path string, want []string) string {
	t.Helper()
	verdict, errVerify := files.Directory(context.Background(), path, files.Options{})
	var warnings []string
	l, err := Open(path, Options{Warn: func(s string) { warnings = append(warnings, s) }})
	if err != nil {
		if len(err.Error()) < 20 {
			t.Errorf("the message says too little: %v", err)
		}
		return "refused to open"
	}
	outcome := "harmless"
	switch {
	case len(warnings) > 0:
		outcome = "warned and healed"
	case errVerify != nil || !verdict.Verified():
		outcome = "found by verify"
	}
	for i, q := range damageQueries {
		got, err := tryQuery(l, q)
		switch {
		case err != nil:
			outcome = "refused to answer"
		case got != want[i]:
			t.Errorf("%s:\ngot\n%swant\n%swarnings %q", q, got, want[i], warnings)
		}
	}
	for _, name := range []string{"bank", "alice", "bob"} {
		if _, err := l.Client(name); err != nil {
			outcome = "refused to sign"
		}
	}
	if err := l.Close(); err != nil && outcome != "refused to answer" {
		outcome += ", and an error at the end"
	}
	return outcome
}

func tryQuery(l *Ledger, text string) (string, error) {
	rows, err := l.Query(context.Background(), juno.Query{Text: text})
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var b strings.Builder
	for row, ok := rows.Next(); ok; row, ok = rows.Next() {
		b.WriteString(rowText(row))
	}
	return b.String(), rows.Err()
}

// extent is a stretch [from, to) of a file that is no hole.
type extent struct{ from, to int64 }

// Where lseek can ask for data and holes; other systems answer with an error.
const seekData, seekHole = 3, 4

// dataOf returns where a file holds data. The store's files are mostly holes.
func dataOf(f *os.File) ([]extent, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var all []extent
	for at := int64(0); at < info.Size(); {
		from, err := f.Seek(at, seekData)
		if err != nil {
			break
		}
		to, err := f.Seek(from, seekHole)
		if err != nil {
			return nil, err
		}
		all = append(all, extent{from, to})
		at = to
	}
	if len(all) == 0 {
		all = []extent{{0, info.Size()}}
	}
	return all, nil
}

// withoutZeros cuts the zeros off the ends of extents: space that is there and was never written.
func withoutZeros(f *os.File, extents []extent) ([]extent, error) {
	var rest []extent
	for _, e := range extents {
		b := make([]byte, e.to-e.from)
		if _, err := f.ReadAt(b, e.from); err != nil {
			return nil, err
		}
		if n := len(bytes.TrimRight(b, "\x00")); n > 0 {
			rest = append(rest, extent{e.from, e.from + int64(n)})
		}
	}
	return rest, nil
}

// copySparse copies a directory with the holes in its files.
func copySparse(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		return copySparseFile(path, filepath.Join(to, name))
	})
}

func copySparseFile(from, to string) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	extents, err := dataOf(f)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for _, e := range extents {
		part := io.NewSectionReader(f, e.from, e.to-e.from)
		if _, err := io.Copy(io.NewOffsetWriter(out, e.from), part); err != nil {
			return err
		}
	}
	return out.Truncate(info.Size())
}
