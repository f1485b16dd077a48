package embedded

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"juno"
	"juno/cluster"
	"juno/internal/vfs"
	"juno/verify/files"
)

// payUntilFailure pays one batch after the other, and returns the places of those that were
// acknowledged and how it ended.
func payUntilFailure(t *testing.T, l *Ledger) (acknowledged []juno.Pos, err error) {
	t.Helper()
	c, err := l.Client("operator")
	if err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		outcomes, err := c.Submit(context.Background(), pay(20), juno.Batch, nil)
		if err != nil {
			t.Fatal(err)
		}
		last := outcomes[len(outcomes)-1]
		if last.Err != nil {
			return acknowledged, last.Err
		}
		pos, err := l.Position(last.Index)
		if err != nil {
			t.Fatal(err)
		}
		acknowledged = append(acknowledged, pos)
	}
	t.Fatal("the disk does not fail")
	return nil, nil
}

// afterFailure looks at a ledger whose disk has failed, and at what the next start finds.
func afterFailure(
	t *testing.T, l *Ledger, path string, acknowledged []juno.Pos, err, why error,
) *Ledger {
	t.Helper()
	if !errors.Is(err, why) {
		t.Errorf("the payment that met the failure: got %v, want %v", err, why)
	}
	<-l.Failed()
	if !errors.Is(l.Err(), why) {
		t.Errorf("Err: got %v, want %v", l.Err(), why)
	}
	c, errClient := l.Client("operator")
	if errClient != nil {
		t.Fatal(errClient)
	}
	outcomes, errSubmit := c.Submit(context.Background(), pay(1), juno.Single, nil)
	if errSubmit == nil {
		errSubmit = outcomes[0].Err
	}
	if !errors.Is(errSubmit, cluster.ErrStopped) || !errors.Is(errSubmit, why) {
		t.Errorf("a payment after the failure: got %v, want that it has stopped, and %v",
			errSubmit, why)
	}
	if got := query(t, l, "SELECT sum(balance) FROM accounts"); got != "0\n" {
		t.Errorf("reading after the failure: books of %s", got)
	}
	if err := l.Close(); !errors.Is(err, why) {
		t.Errorf("Close: got %v, want %v", err, why)
	}
	v, err := files.Directory(context.Background(), path, files.Options{})
	if err != nil || !v.Verified() {
		t.Errorf("verify what is left: %+v, %v", v, err)
	}
	l = open(t, path)
	for _, want := range acknowledged {
		if got, err := l.Position(want.Index); got != want {
			t.Errorf("%s was acknowledged, the log has %s (%v)", want, got, err)
		}
	}
	must(t, l, "operator", pay(1)...)
	return l
}

func openOn(t *testing.T, path string, fsys vfs.FS) *Ledger {
	t.Helper()
	l, err := Open(path, Options{fsys: fsys})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTheLogMeetsAFullDisk(t *testing.T) {
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a", "CreateAccount b", "AdjustAccount a 100000%1")
	for _, room := range []int64{10_000, 50_000, 54_321} {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		disk := vfs.NewFault(vfs.OS{})
		l = openOn(t, path, roomy{disk})
		disk.FullAfter(room)
		acknowledged, err := payUntilFailure(t, l)
		if len(acknowledged) == 0 {
			t.Errorf("no payment fits into %d bytes", room)
		}
		disk.FullAfter(-1) // too late: what failed is not tried again
		l = afterFailure(t, l, path, acknowledged, err, vfs.ErrNoSpace)
	}
}

// roomy says that there is room, so that it is the log that finds out.
type roomy struct{ *vfs.Fault }

// FreeBytes implements vfs.FS.
func (roomy) FreeBytes(string) (int64, error) { return 1 << 40, nil }

// A write, a sync or another operation of the log fails once, and is not tried again.
func TestTheLogMeetsAFailingDisk(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a", "CreateAccount b", "AdjustAccount a 100000%1")
	random := rand.New(rand.NewPCG(3, 3))
	for range rounds {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		disk := vfs.NewFault(vfs.OS{})
		l = openOn(t, path, disk)
		disk.FailAt(disk.Count() + 1 + random.IntN(30))
		acknowledged, err := payUntilFailure(t, l)
		l = afterFailure(t, l, path, acknowledged, err, vfs.ErrInjected)
	}
}

func TestRequestNumbers(t *testing.T) {
	ctx := context.Background()
	l := open(t, newLedger(t, true))
	must(t, l, "operator", "CreateAccount a", "CreateAccount b", "AdjustAccount a 1000%1")
	c, err := l.Client("operator")
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []juno.Mode{juno.Single, juno.Batch} {
		first := juno.RequestID(100 * (1 + int(mode)))
		var before []juno.Outcome
		for try := range 2 {
			got, err := c.SubmitAt(ctx, first, pay(5), mode, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range got {
				if o.Err != nil || o.Request != first+juno.RequestID(i) ||
					o.Replayed != (try == 1) {
					t.Errorf("try %d, request %d: %+v", try, i, o)
				}
				if try == 1 && (o.Index != before[i].Index || o.Time != before[i].Time) {
					t.Errorf("replay of %+v is %+v", before[i], o)
				}
			}
			before = got
		}
	}
	if got, want := query(t, l, balances), "a 990\nb 10\n"; got != want {
		t.Errorf("paid %q, want %q: nothing twice", got, want)
	}
	got, err := c.SubmitAt(ctx, 102, []string{"transfer(a->b, 7%1)"}, juno.Single, nil)
	if err != nil || !errors.Is(got[0].Err, juno.ErrReused) {
		t.Errorf("another command under a used number: %+v, %v", got, err)
	}
	if _, err := c.SubmitAt(ctx, 0, pay(1), juno.Single, nil); err == nil {
		t.Error("request number 0 was taken")
	}
	if o := must(t, l, "operator", pay(1)...)[0]; o.Request != 205 {
		t.Errorf("counting goes on at %d, want 205", o.Request)
	}
}
