package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"juno"
)

// unsyncedTransfers is how many entries a killed ledger executed after its newest sync point:
// what a kill leaves on average.
const unsyncedTransfers = 16_000

// restart measures how long the large ledger takes from being opened to its first answer, after
// it was closed and after it was killed.
func (b *bench) restart() error {
	path, err := b.largeLedger()
	if err != nil {
		return err
	}
	killed := b.path("killed")
	if err := b.kill(path, killed); err != nil {
		return err
	}
	note := fmt.Sprintf("%d entries, until a balance was read in SQL", b.plan.entries)
	err = b.rounds(
		b.start(result{Name: "juno/restart", Unit: "s", Note: note}, func() (string, error) {
			return path, nil
		}),
		b.start(result{Name: "juno/restart-killed", Unit: "s", Note: fmt.Sprintf(
			"the same, never closed, killed %d entries after a sync point", unsyncedTransfers)},
			func() (string, error) {
				again := b.path("again")
				return again, errors.Join(os.RemoveAll(again), os.CopyFS(again, os.DirFS(killed)))
			}),
	)
	return errors.Join(err, os.RemoveAll(killed), os.RemoveAll(b.path("again")))
}

// start is a gauge of the seconds from opening a directory to the first answer.
func (b *bench) start(r result, directory func() (string, error)) *gauge {
	return &gauge{result: r, sample: func(*gauge) (float64, error) {
		path, err := directory()
		if err != nil {
			return 0, err
		}
		begun := time.Now()
		l, err := b.open(path)
		if err != nil {
			return 0, err
		}
		err = b.statement(l, "SELECT balance FROM accounts WHERE name = 'a0'", 1)
		took := time.Since(begun)
		return took.Seconds(), errors.Join(err, l.Close())
	}}
}

// kill leaves in a directory what a killed process would leave of a ledger: a copy of its files,
// taken while it is open and was not closed since all of it was written.
func (b *bench) kill(ledger, killed string) error {
	origin := b.path("origin")
	if err := os.CopyFS(origin, os.DirFS(ledger)); err != nil {
		return err
	}
	// Without the note of a clean end, the whole log is verified.
	if err := os.RemoveAll(filepath.Join(origin, "held")); err != nil {
		return err
	}
	l, err := b.open(origin)
	if err != nil {
		return err
	}
	err = b.fill(l, unsyncedTransfers, 4, juno.Single)
	if err == nil {
		err = os.CopyFS(killed, os.DirFS(origin))
	}
	return errors.Join(err, l.Close(), os.RemoveAll(origin))
}
