package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"juno"
	"juno/datadir"
	"juno/embedded"
)

// ledgerClients is how many clients have a key of their own in a ledger that is measured.
const ledgerClients = 64

// openLedger is an open ledger with the clients of the workload.
type openLedger struct {
	*embedded.Ledger
	operator *embedded.Client
	clients  []*embedded.Client
}

func clientName(c int) string { return fmt.Sprintf("c%d", c) }

// create makes a ledger, in which anybody may debit any account, as the workload does.
func (b *bench) create(path string) error {
	names := []string{"operator"}
	for c := range ledgerClients {
		names = append(names, clientName(c))
	}
	_, err := datadir.Create(path, datadir.Options{
		Clients: names, Open: true,
	})
	return err
}

// open opens a ledger.
func (b *bench) open(path string) (*openLedger, error) {
	ledger, err := embedded.Open(path, embedded.Options{
		Warn: func(text string) { b.say("warning: %s", text) },
	})
	if err != nil {
		return nil, err
	}
	l := &openLedger{Ledger: ledger, clients: make([]*embedded.Client, ledgerClients)}
	if l.operator, err = ledger.Client("operator"); err != nil {
		return nil, errors.Join(err, ledger.Close())
	}
	for c := range l.clients {
		if l.clients[c], err = ledger.Client(clientName(c)); err != nil {
			return nil, errors.Join(err, ledger.Close())
		}
	}
	return l, nil
}

// funded makes and opens a ledger with the accounts of the workload in it.
func (b *bench) funded(path string) (*openLedger, error) {
	if err := b.create(path); err != nil {
		return nil, err
	}
	l, err := b.open(path)
	if err != nil {
		return nil, err
	}
	var texts []string
	for i := range loadAccounts {
		texts = append(texts, fmt.Sprintf("CreateAccount a%d", i),
			fmt.Sprintf("AdjustAccount a%d %d%%1", i, loadOpening))
	}
	if err := submit(b.ctx, l.operator, texts, juno.Batch); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// with opens a funded ledger for the time of a call.
func (b *bench) with(name string, use func(l *openLedger) error) error {
	path := b.path(name)
	l, err := b.funded(path)
	if err != nil {
		return err
	}
	return errors.Join(use(l), l.Close(), os.RemoveAll(path))
}

// submit submits commands and wants all of them executed.
func submit(
	ctx context.Context, client *embedded.Client, texts []string, mode juno.Mode,
) error {
	outcomes, err := client.Submit(ctx, texts, mode, nil)
	if err != nil {
		return err
	}
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err != nil {
			return o.Err
		}
		if o.Result.Status != juno.StatusOK {
			return fmt.Errorf("%s: refused: %s", texts[i], o.Result.Message)
		}
	}
	return nil
}

// fill adds transfers between the accounts of the workload, of a number of clients at once.
func (b *bench) fill(l *openLedger, transfers, clients int, mode juno.Mode) error {
	const chunk = 4000
	errs := make([]error, clients)
	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			draw := &pairs{state: uint64(c) + 1}
			left := transfers / clients
			if c == 0 {
				left += transfers % clients
			}
			for left > 0 && errs[c] == nil {
				n := min(left, chunk)
				errs[c] = submit(b.ctx, l.clients[c], draw.texts(n, loadAccounts), mode)
				left -= n
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// largeLedger returns the large ledger, closed: as many entries as the plan says, nearly all of
// them individually signed transfers, and a snapshot of its end.
func (b *bench) largeLedger() (string, error) {
	if b.large == "" {
		b.large = b.path("large")
	}
	if _, err := datadir.Open(b.large); err == nil {
		return b.large, nil
	}
	l, err := b.funded(b.large)
	if err != nil {
		return "", err
	}
	before, err := b.compacted(l)
	if err != nil {
		return "", err
	}
	if l, err = b.open(b.large); err != nil {
		return "", err
	}
	begun := time.Now()
	transfers := b.plan.entries - int(l.Head().Index)
	if err := b.fill(l, transfers, 8, juno.Single); err != nil {
		return "", errors.Join(err, l.Close())
	}
	if _, err := l.Snapshot(b.ctx, nil); err != nil {
		return "", errors.Join(err, l.Close())
	}
	after, err := b.compacted(l)
	if err != nil {
		return "", err
	}
	b.say("ledger of %d entries made in %s", b.plan.entries, time.Since(begun).Round(time.Second))
	b.sized("juno/bytes", after-before, transfers, "each signed by itself, with snapshots")
	return b.large, nil
}
