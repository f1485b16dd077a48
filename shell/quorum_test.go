package shell

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"juno"
)

// fakeCluster is a ledger that several nodes keep.
type fakeCluster struct {
	*fakeLedger
	quorum bool
}

func (f *fakeCluster) Quorum() bool      { return f.quorum }
func (f *fakeCluster) SetQuorum(on bool) { f.quorum = on }

func (f *fakeCluster) Query(ctx context.Context, q juno.Query) (juno.Rows, error) {
	rows, err := f.fakeLedger.Query(ctx, q)
	return vouched{rows}, err
}

type vouched struct{ juno.Rows }

func (vouched) Vouchers() string { return "node1, node3 agree\x1b[2J" }

func TestQuorum(t *testing.T) {
	var out bytes.Buffer
	cluster := &fakeCluster{fakeLedger: newFakeLedger(), quorum: true}
	run := func(l Ledger, text string) int {
		out.Reset()
		return Run(t.Context(), Options{
			Ledger: l, Commands: []string{text}, Stdin: strings.NewReader(""),
			Stdout: &out, Stderr: &out,
		})
	}
	if code := run(cluster, `\quorum off`); code != 0 || cluster.quorum {
		t.Errorf("quorum off: exit code %d, quorum %t: %s", code, cluster.quorum, &out)
	}
	if code := run(cluster, `\quorum`); code != 0 || !cluster.quorum {
		t.Errorf("quorum turned: exit code %d, quorum %t: %s", code, cluster.quorum, &out)
	}
	if code := run(cluster, `\quorum maybe`); code == 0 || !cluster.quorum {
		t.Errorf("quorum maybe: exit code %d, quorum %t", code, cluster.quorum)
	}
	code := run(newFakeLedger(), `\quorum on`)
	if code == 0 || !strings.Contains(out.String(), "in this process") {
		t.Errorf("quorum on a ledger of one: exit code %d: %s", code, &out)
	}
}

// TestVouchers shows under the rows who stands behind them, and nothing that a node could slip in.
func TestVouchers(t *testing.T) {
	var out bytes.Buffer
	o := Options{
		Ledger: &fakeCluster{fakeLedger: newFakeLedger()}, Stdin: strings.NewReader(""),
		Stdout: &out, Stderr: &out,
	}
	o.fill()
	s := newSession(o, FormatTable)
	defer s.close()
	s.interactive = true
	if err := s.ask(t.Context(), "SELECT 1", FormatTable); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "node1, node3 agree") ||
		strings.Contains(got, "\x1b[2J") {
		t.Errorf("got %q", got)
	}
}
