package embedded

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"juno"
	"juno/internal/vfs"
)

// slowDisk is a disk whose syncs wait while the gate is locked.
type slowDisk struct {
	vfs.FS
	gate *sync.RWMutex
}

type slowFile struct {
	vfs.File
	gate *sync.RWMutex
}

func (d slowDisk) OpenReadWrite(name string) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name)
	return slowFile{f, d.gate}, err
}

func (f slowFile) Sync() error {
	f.gate.RLock()
	defer f.gate.RUnlock()
	return f.File.Sync()
}

// The disk is slower than the client is patient: what was sent is unknown, what was not is not,
// and both say so. Asking again under the same number pays once.
func TestADeadlineEndsInUnknown(t *testing.T) {
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a", "CreateAccount b", "AdjustAccount a 10%1")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	disk := slowDisk{vfs.OS{}, new(sync.RWMutex)}
	l = openOn(t, path, disk)
	t.Cleanup(func() { _ = l.Close() })
	c, err := l.Client("operator")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(ctx context.Context) juno.Outcome {
		t.Helper()
		outcomes, err := c.SubmitAt(ctx, 100, pay(1), juno.Single, nil)
		if err != nil {
			t.Fatal(err)
		}
		return outcomes[0]
	}
	over, end := context.WithCancel(context.Background())
	end()
	if o := ask(over); errors.Is(o.Err, juno.ErrUnknown) ||
		!errors.Is(o.Err, context.Canceled) ||
		!strings.Contains(o.Err.Error(), "not sent") {
		t.Errorf("too late to be sent: %v", o.Err)
	}
	disk.gate.Lock()
	soon, end := context.WithCancel(context.Background())
	sent := make(chan struct{})
	go func() {
		<-sent
		end()
	}()
	o := ask(waiting{soon, sync.OnceFunc(func() { close(sent) })})
	disk.gate.Unlock()
	want := "request 100 of operator: outcome unknown: ask again with the same request number"
	if !errors.Is(o.Err, juno.ErrUnknown) || !strings.Contains(o.Err.Error(), want) {
		t.Errorf("not answered in time: %v, want %s", o.Err, want)
	}
	if o := ask(context.Background()); o.Err != nil || o.Result.Status != juno.StatusOK {
		t.Errorf("asked again: %+v", o)
	}
	if got, want := query(t, l, balances), "a 9\nb 1\n"; got != want {
		t.Errorf("balances %q, want %q", got, want)
	}
}

// waiting is a context that tells when somebody waits for its end.
type waiting struct {
	context.Context
	tell func()
}

func (w waiting) Done() <-chan struct{} {
	w.tell()
	return w.Context.Done()
}
