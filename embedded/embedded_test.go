package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"juno"
	"juno/datadir"
	"juno/internal/vfs"
	"juno/verify"
	"juno/verify/files"
)

func fixedEntropy() func() ([juno.SeedBytes]byte, error) {
	n := byte(0)
	return func() (seed [juno.SeedBytes]byte, err error) {
		n++
		seed[0] = n
		return seed, nil
	}
}

func newLedger(t testing.TB, open bool, clients ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "books")
	_, err := datadir.Create(path, datadir.Options{
		Clients: clients, Open: open, Created: 1000,
		Entropy: fixedEntropy(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *Ledger {
	t.Helper()
	l, err := Open(path, Options{Warn: func(s string) { t.Log("warning:", s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func submit(
	t testing.TB, l *Ledger, client string, mode juno.Mode, texts ...string,
) []juno.Outcome {
	t.Helper()
	c, err := l.Client(client)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := c.Submit(context.Background(), texts, mode, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Err != nil {
			t.Fatalf("%s: %v", texts[i], o.Err)
		}
	}
	return outcomes
}

// must is submit, and wants every command executed.
func must(t testing.TB, l *Ledger, client string, texts ...string) []juno.Outcome {
	t.Helper()
	outcomes := submit(t, l, client, juno.Single, texts...)
	for i, o := range outcomes {
		if o.Result.Status != juno.StatusOK {
			t.Fatalf("%s: refused: %s %s", texts[i], o.Result.Code, o.Result.Message)
		}
	}
	return outcomes
}

func query(t testing.TB, l *Ledger, text string) string {
	t.Helper()
	rows, err := l.Query(context.Background(), juno.Query{Text: text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	var b strings.Builder
	for row, ok := rows.Next(); ok; row, ok = rows.Next() {
		b.WriteString(rowText(row))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return b.String()
}

// rowText is a row as one line.
func rowText(row []juno.Value) string {
	var b strings.Builder
	for i, v := range row {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch v.Kind {
		case juno.Null:
			b.WriteString("NULL")
		case juno.Integer:
			fmt.Fprint(&b, v.Integer)
		default:
			b.WriteString(v.Text)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

const balances = "SELECT name, balance FROM accounts WHERE name IN ('a', 'b') ORDER BY name"

func pay(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = "transfer(a->b, 1%1)"
	}
	return texts
}

func TestALedgerFromCreateToReopen(t *testing.T) {
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a", "CreateAccount b", "AdjustAccount a 1000%1")
	must(t, l, "operator", pay(100)...)
	for _, o := range submit(t, l, "operator", juno.Batch, pay(300)...) {
		if o.Result.Status != juno.StatusOK {
			t.Fatal(o.Result)
		}
	}
	want := "a 600\nb 400\n"
	if got := query(t, l, balances); got != want {
		t.Errorf("balances: got %q, want %q", got, want)
	}
	head := l.Head()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, path)
	if got := query(t, l, balances); got != want {
		t.Errorf("after a restart: got %q, want %q", got, want)
	}
	if at, err := l.Position(head.Index); err != nil || at != head.Pos {
		t.Errorf("history changed: %s is %s now (%v)", head.Pos, at, err)
	}
	must(t, l, "operator", pay(1)...)
	if got, want := query(t, l, balances), "a 599\nb 401\n"; got != want {
		t.Errorf("after one more: got %q, want %q", got, want)
	}
}

func TestADirectoryIsHeldByOne(t *testing.T) {
	path := newLedger(t, true)
	open(t, path)
	var locked *vfs.LockedError
	if _, err := Open(path, Options{}); !errors.As(err, &locked) {
		t.Errorf("second open: got %v, want it to be locked", err)
	}
}

func TestCreateRefuses(t *testing.T) {
	path := newLedger(t, true)
	o := datadir.Options{Entropy: fixedEntropy()}
	if _, err := datadir.Create(path, o); !errors.Is(err, datadir.ErrExists) {
		t.Errorf("over a ledger: got %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); !errors.Is(err, datadir.ErrNoLedger) {
		t.Errorf("open nothing: got %v", err)
	}
	names := []string{"", "node", "a/b", "..", "a b", "x-next", strings.Repeat("x", 65)}
	for _, name := range names {
		o.Clients = []string{name}
		if _, err := datadir.Create(filepath.Join(t.TempDir(), "new"), o); err == nil {
			t.Errorf("client name %q was taken", name)
		}
	}
}

func TestOwnersAndOperators(t *testing.T) {
	l := open(t, newLedger(t, false, "bank", "alice", "bob"))
	must(t, l, "alice", "CreateAccount a")
	must(t, l, "bob", "CreateAccount b")
	must(t, l, "bank", "AdjustAccount a 10%1")
	must(t, l, "alice", "transfer(a->b, 4%1)")
	tests := []struct {
		client, text string
		code         juno.Code
	}{
		{"alice", "AdjustAccount a 10%1", juno.CodeAuth},
		{"bob", "transfer(a->b, 1%1)", juno.CodeAuth},
		{"alice", "transfer(a->b, 7%1)", juno.CodeFunds},
		{"alice", "transfer(a->nobody, 1%1)", juno.CodeAccount},
		{"alice", "transfer(a->b, 1%0)", juno.CodeLiteral},
		{"alice", "CreateAccount sys:mine", juno.CodeReserved},
		{"alice", "nonsense", juno.CodeLanguage},
	}
	for _, tt := range tests {
		o := submit(t, l, tt.client, juno.Single, tt.text)[0]
		if o.Result.Status != juno.StatusRefused || o.Result.Code != tt.code {
			t.Errorf("%s: %s: got %s %s %q, want %s", tt.client, tt.text, o.Result.Status,
				o.Result.Code, o.Result.Message, tt.code)
		}
	}
	if got, want := query(t, l, balances), "a 6\nb 4\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestKeysOfClients(t *testing.T) {
	ctx := context.Background()
	path := newLedger(t, false, "bank", "alice")
	l := open(t, path)
	must(t, l, "alice", "CreateAccount a")
	alice, err := l.Client("alice")
	if err != nil {
		t.Fatal(err)
	}
	old := alice.KeyID()
	if o, err := alice.Rotate(ctx); err != nil || o.Result.Status != juno.StatusOK {
		t.Fatalf("rotate: %+v, %v", o, err)
	}
	if alice.KeyID() == old {
		t.Error("the key did not change")
	}
	must(t, l, "bank", "AdjustAccount a 5%1")
	if _, err := alice.Register(ctx, "carol", juno.RoleClient); err == nil {
		t.Error("alice, who is no operator, registered carol")
	}
	bank, err := l.Client("bank")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bank.Register(ctx, "carol", juno.RoleClient); err != nil {
		t.Fatal(err)
	}
	must(t, l, "carol", "CreateAccount b")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, path)
	must(t, l, "alice", "transfer(a->b, 1%1)")
	if bank, err = l.Client("bank"); err != nil {
		t.Fatal(err)
	}
	carol, err := l.Client("carol")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bank.Revoke(ctx, carol.KeyID()); err != nil {
		t.Fatal(err)
	}
	outcomes, err := carol.Submit(ctx, []string{"transfer(b->a, 1%1)"}, juno.Single, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(outcomes[0].Err, juno.ErrKeyNotValid) {
		t.Errorf("with a revoked key: got %+v, want %v", outcomes[0], juno.ErrKeyNotValid)
	}
}

func TestSnapshotExportImport(t *testing.T) {
	ctx := context.Background()
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a", "CreateAccount b", "AdjustAccount a 1000%1")
	must(t, l, "operator", pay(50)...)
	dir := t.TempDir()
	part, whole := filepath.Join(dir, "part.juno"), filepath.Join(dir, "whole.juno")
	info, err := l.Export(ctx, part, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Export(ctx, whole, true); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ carrier, keys string }{
		{part, ""},
		{part, path},
		{whole, ""},
		{whole, path},
	} {
		to := filepath.Join(t.TempDir(), "copy")
		got, err := Import(ctx, c.carrier, to, ImportOptions{Keys: c.keys})
		if err != nil {
			t.Fatalf("import %s: %v", c.carrier, err)
		}
		v, err := files.Directory(ctx, to, files.Options{})
		if err != nil || !v.Verified() {
			t.Errorf("verify the import of %s: %+v, %v", c.carrier, v, err)
		}
		l := open(t, to)
		if got, want := query(t, l, balances), "a 950\nb 50\n"; got != want {
			t.Errorf("%s: got %q, want %q", c.carrier, got, want)
		}
		if l.ReadOnly() != (c.keys == "") || got.CanWrite != (c.keys != "") {
			t.Errorf("read only: %v, can write: %v, keys %q", l.ReadOnly(), got.CanWrite, c.keys)
		}
		if c.keys != "" {
			must(t, l, "operator", pay(2)...)
			if got, want := query(t, l, balances), "a 948\nb 52\n"; got != want {
				t.Errorf("%s goes on: got %q, want %q", c.carrier, got, want)
			}
		}
		_, err = l.Query(ctx, juno.Query{Text: "SELECT * FROM accounts AS OF 3"})
		if (err == nil) != (c.carrier == whole) {
			t.Errorf("%s: AS OF 3, which it holds from %d on: %v", c.carrier, info.State, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReceipts(t *testing.T) {
	ctx := context.Background()
	l := open(t, newLedger(t, true))
	must(t, l, "operator", "CreateAccount a", "CreateAccount b", "AdjustAccount a 1000%1")
	single := must(t, l, "operator", pay(1)...)[0]
	batched := submit(t, l, "operator", juno.Batch, pay(20)...)[7]
	for _, index := range []juno.Index{1, single.Index, batched.Index, batched.Index - 8} {
		r, err := l.Receipt(ctx, index)
		if err != nil {
			t.Fatalf("receipt of %d: %v", index, err)
		}
		text, err := juno.FormatReceipt(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := juno.ParseReceipt(text)
		if err != nil {
			t.Fatal(err)
		}
		report, err := verify.Receipt(back, l.Directory().Genesis.ID())
		if err != nil {
			t.Fatalf("receipt of %d: %v", index, err)
		}
		if report.Pos.Index != index || (report.Command != nil && !report.ResultProven()) {
			t.Errorf("receipt of %d proves %+v", index, report)
		}
	}
}
