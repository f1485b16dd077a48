package sql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"juno"
)

// tree is a random expression: how it is written, and what it is.
type tree struct {
	text  string
	value juno.Amount
	err   error
}

// drawTree draws an expression over two columns whose values are given.
func drawTree(t *rapid.T, depth int, columns map[string]juno.Amount) tree {
	leaf := depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0
	if leaf {
		switch rapid.IntRange(0, 2).Draw(t, "kind of leaf") {
		case 0:
			name := rapid.SampledFrom([]string{"a.balance", "b.balance"}).Draw(t, "column")
			return tree{name, columns[name], nil}
		case 1:
			n := rapid.IntRange(0, 20).Draw(t, "integer")
			a := juno.NewAmount(int64(n))
			return tree{fmt.Sprintf("exact(%d)", n), a, nil}
		}
		text := fmt.Sprintf("%d.%02d", rapid.IntRange(0, 99).Draw(t, "whole"),
			rapid.IntRange(0, 99).Draw(t, "places"))
		a, err := juno.ParseAmount(text)
		return tree{text, a, err}
	}
	x := drawTree(t, depth-1, columns)
	if rapid.IntRange(0, 4).Draw(t, "negate") == 0 {
		return tree{"- (" + x.text + ")", x.value.Neg(), x.err}
	}
	y := drawTree(t, depth-1, columns)
	op := rapid.SampledFrom([]string{"+", "-", "*", "/"}).Draw(t, "operator")
	do := map[string]func(juno.Amount, juno.Amount) (juno.Amount, error){
		"+": juno.Amount.Add, "-": juno.Amount.Sub, "*": juno.Amount.Mul, "/": juno.Amount.Quo,
	}
	z := tree{text: "(" + x.text + ")" + op + " /* " + op + " */ (" + y.text + ")"}
	z.value, z.err = do[op](x.value, y.value)
	for _, err := range []error{x.err, y.err} {
		if err != nil {
			z.err = err
		}
	}
	return z
}

// TestArithmetic: what SQL calculates is what amounts calculate.
func TestArithmetic(t *testing.T) {
	l := newLedger()
	l.transfer("bank A 12.75", "bank B 1%3")
	e := l.engine(t, Options{})
	third, err := juno.NewRatio(1, 3)
	if err != nil {
		t.Fatal(err)
	}
	quarters, err := juno.NewRatio(51, 4)
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]juno.Amount{"a.balance": quarters, "b.balance": third}
	rapid.Check(t, func(t *rapid.T) {
		want := drawTree(t, 4, columns)
		from := " FROM accounts a, accounts b WHERE a.name = 'A' AND b.name = 'B'"
		got, err := ask(e, "SELECT "+want.text+from)
		if want.err != nil {
			if err == nil {
				t.Fatalf("%s = %s, want error %v", want.text, got, want.err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%s: %v, want %s", want.text, err, want.value)
		}
		if got, want := got, "="+want.value.String()+"\n"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		for _, condition := range []string{"(%s) = '%s'", "(%s) IN ('%s')", "NOT (%s) > '%s'"} {
			where := fmt.Sprintf(condition, want.text, want.value)
			got, err := ask(e, "SELECT count(*)"+from+" AND "+where)
			if err != nil || got != "1\n" {
				t.Fatalf("%s: %q, %v", where, got, err)
			}
		}
	})
}

// filter is a random condition on transfers: how it is written, and what it means.
type filter struct {
	text string
	keep func(*TransferRow) bool
}

func drawFilter(t *rapid.T, depth int) filter {
	if depth > 0 {
		x := drawFilter(t, depth-1)
		y := drawFilter(t, depth-1)
		switch rapid.IntRange(0, 3).Draw(t, "connective") {
		case 0:
			return filter{
				"(" + x.text + " OR " + y.text + ")",
				func(r *TransferRow) bool { return x.keep(r) || y.keep(r) },
			}
		case 1:
			return filter{"NOT (" + x.text + ")", func(r *TransferRow) bool { return !x.keep(r) }}
		}
		return filter{
			x.text + " AND " + y.text,
			func(r *TransferRow) bool { return x.keep(r) && y.keep(r) },
		}
	}
	op := rapid.SampledFrom([]string{"=", "<", "<=", ">", ">=", "<>"}).Draw(t, "operator")
	holds := func(c int) bool {
		return map[string]bool{
			"=": c == 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0,
			"<>": c != 0,
		}[op]
	}
	switch rapid.IntRange(0, 5).Draw(t, "column") {
	case 0:
		n := int64(rapid.IntRange(-3, 45).Draw(t, "index"))
		return filter{
			fmt.Sprintf("log_index %s %d", op, n),
			func(r *TransferRow) bool { return holds(compareInts(int64(r.LogIndex), n)) },
		}
	case 1:
		n := int64(rapid.IntRange(-6, 90).Draw(t, "half"))
		return filter{
			fmt.Sprintf("log_index %s approx(%d) / 2", op, n),
			func(r *TransferRow) bool { return holds(compareInts(2*int64(r.LogIndex), n)) },
		}
	case 2:
		name := fmt.Sprintf("acc%06d", rapid.IntRange(0, 5).Draw(t, "account"))
		return filter{
			fmt.Sprintf("source %s '%s'", op, name),
			func(r *TransferRow) bool { return holds(strings.Compare(r.Source, name)) },
		}
	case 3:
		id := fmt.Sprintf("%d.0", rapid.IntRange(0, 42).Draw(t, "transfer"))
		return filter{
			fmt.Sprintf("transfer_id %s '%s'", op, id),
			func(r *TransferRow) bool { return holds(strings.Compare(r.TransferID, id)) },
		}
	case 4:
		second := rapid.IntRange(0, 45).Draw(t, "second")
		at := firstMillis + juno.Millis(second)*stepMillis
		return filter{
			fmt.Sprintf("committed_at %s '2026-01-01 00:00:%02d'", op, second),
			func(r *TransferRow) bool {
				return holds(compareInts(int64(r.CommittedAt), int64(at)))
			},
		}
	}
	n := int64(rapid.IntRange(0, 1000).Draw(t, "amount"))
	return filter{
		fmt.Sprintf("amount %s %d", op, n),
		func(r *TransferRow) bool { return holds(r.Amount.Cmp(juno.NewAmount(n))) },
	}
}

// TestConditions: what a scan leaves out, or unites, is what the condition says.
func TestConditions(t *testing.T) {
	l := randomLedger(40, 5, true)
	e := l.engine(t, Options{})
	rapid.Check(t, func(t *rapid.T) {
		where := drawFilter(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		desc := rapid.Bool().Draw(t, "descending")
		limit := rapid.IntRange(0, 50).Draw(t, "limit")
		var want []string
		for i := range l.transfers {
			if r := &l.transfers[i]; where.keep(r) {
				want = append(want, fmt.Sprintf("%d|%s\n", r.LogIndex, r.TransferID))
			}
		}
		order := ""
		if desc {
			slices.Reverse(want)
			order = " DESC"
		}
		want = want[:min(limit, len(want))]
		text := fmt.Sprintf("SELECT log_index, transfer_id FROM transfers WHERE %s "+
			"ORDER BY log_index%s LIMIT %d", where.text, order, limit)
		got, err := ask(e, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if want := strings.Join(want, ""); got != want {
			t.Fatalf("%s\ngot:\n%s\nwant:\n%s", text, got, want)
		}
	})
}

// TestSums: exact aggregates over any mixture of amounts are what amounts add up to, also in
// windows that lose rows again.
func TestSums(t *testing.T) {
	l := newLedger()
	l.transfer("bank A 1")
	e := l.engine(t, Options{})
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.SampledFrom([]string{
			"0", "1", "0.01", "-0.25", "1%3", "-2%7",
			"999999999999999999", "-999999999999999999", "9223372036854775807", "0.000000000000001",
			"123456789012345678901234567890", "-9223372036854775808",
		}), 1, 12).Draw(t, "amounts")
		var rows []string
		var window, all juno.Amount
		wantWindow := ""
		amounts := make([]juno.Amount, len(texts))
		for i, s := range texts {
			a, err := juno.ParseAmount(s)
			if err != nil {
				t.Fatal(err)
			}
			amounts[i] = a
			all, _ = all.Add(a)
			rows = append(rows, fmt.Sprintf("(%d, exact('%s'))", i, s))
			window = a
			for j := max(0, i-2); j < i; j++ {
				window, _ = window.Add(amounts[j])
			}
			wantWindow += "=" + window.String() + "\n"
		}
		values := "FROM (SELECT column1 AS n, column2 AS x FROM (VALUES " +
			strings.Join(rows, ", ") + "))"
		got, err := ask(e, "SELECT sum(x), total(x), avg(x) * count(*) "+values)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("=%s|=%s|=%s\n", all, all, all); got != want {
			t.Fatalf("%v: got %s, want %s", texts, got, want)
		}
		got, err = ask(e, "SELECT sum(x) OVER (ORDER BY n ROWS 2 PRECEDING) "+values)
		if err != nil || got != wantWindow {
			t.Fatalf("%v: window got %s (%v), want %s", texts, got, err, wantWindow)
		}
		got, err = ask(e, "SELECT x "+values+" ORDER BY x")
		slices.SortStableFunc(amounts, juno.Amount.Cmp)
		want := ""
		for _, a := range amounts {
			want += "=" + a.String() + "\n"
		}
		if err != nil || got != want {
			t.Fatalf("order: got %s (%v), want %s", got, err, want)
		}
	})
}

// TestAppendAmount: the cheap printer is the printer.
func TestAppendAmount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		num := rapid.Int64().Draw(t, "num")
		den := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{
			1, 2, 4, 5, 10, 100, 1 << 40,
			1e18, 3, 625,
		})).Draw(t, "den")
		a, err := juno.NewRatio(num, den)
		if err != nil {
			return
		}
		if got, want := string(appendAmount(nil, a)), a.String(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		b, err := parseExact(a.String())
		if err != nil || !b.Equal(a) {
			t.Fatalf("parse %s: %s, %v", a, b, err)
		}
		c, err := juno.NewRatio(rapid.Int64().Draw(t, "other"), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := compareExact(a.String(), c.String()), a.Cmp(c); got != want {
			t.Fatalf("compare %s and %s: %d, want %d", a, c, got, want)
		}
		at := juno.Millis(num & (1<<47 - 1))
		var clock clockText
		if got, want := string(clock.append(nil, at)), at.String(); got != want {
			t.Fatalf("time: got %s, want %s", got, want)
		}
	})
}

// drawChain draws an expression of integers without brackets, so that its meaning hangs on how
// tightly operators bind.
func drawChain(t *rapid.T, parts int) string {
	word := func(label string, from ...string) string {
		return rapid.SampledFrom(from).Draw(t, label)
	}
	operand := func() string {
		prefix := word("prefix", "", "", "", "", "-", "+", "~", "NOT ", "- -")
		return prefix + word("operand", "0", "1", "2", "3", "7", "NULL", "(1+2)", "abs(-2)",
			"CASE 2 WHEN 1+1 THEN 5 ELSE 6 END", "max(1,2)", "CAST(3 AS INTEGER)", "(SELECT 2)")
	}
	b := operand()
	for range parts {
		op := word("operator", "+", "-", "*", "/", "%", "||", "&", "|", "<<", ">>", "<", "<=", ">",
			">=", "=", "==", "<>", "!=", " IS ", " IS NOT ", " AND ", " OR ", " LIKE ", " BETWEEN ",
			" NOT BETWEEN ", " IN ", " ISNULL", " NOT NULL", " COLLATE NOCASE",
			" IS DISTINCT FROM ")
		switch op {
		case " ISNULL", " NOT NULL", " COLLATE NOCASE":
			b += op
		case " BETWEEN ", " NOT BETWEEN ":
			b += op + operand() + word("inner", "", "+1", "*2", "=1") + " AND " + operand()
		case " IN ":
			b += op + "(" + operand() + "," + operand() + ")"
		default:
			b += op + operand()
		}
	}
	return b
}

// TestPrecedence: the parser groups an expression as SQLite does. What is rewritten gives what
// SQLite gives for the original, as long as that stays in the integers.
func TestPrecedence(t *testing.T) {
	l := newLedger()
	e := l.engine(t, Options{})
	raw, err := openConn()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.close()
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		text := "SELECT " + drawChain(t, rapid.IntRange(1, 6).Draw(t, "parts"))
		got, err := ask(e, text)
		if err != nil {
			return // refused, such as a division by zero
		}
		want, err := rawValue(raw, text)
		if err != nil {
			t.Fatalf("%s: we say %q, SQLite says %v", text, got, err)
		}
		if strings.Contains(want, "~") ||
			strings.Contains(text, "||") && strings.ContainsAny(text, "/<>=!NAOI") {
			return // what becomes of a text differs: with us it is an amount
		}
		compared++
		if got := strings.TrimPrefix(got, "="); got != want {
			p, _ := makePlan(text, nil)
			t.Fatalf("%s: we say %q, SQLite says %q; rewritten: %s", text, got, want, p.text)
		}
	})
	if compared < 20 {
		t.Errorf("only %d compared", compared)
	}
}

// rawValue runs a text on SQLite as it is.
func rawValue(c *conn, text string) (string, error) {
	p, _, err := c.prepare(text)
	if err != nil {
		return "", err
	}
	defer c.reset(p)
	if _, err := c.step(p); err != nil {
		return "", err
	}
	a := &answer{conn: c, stmt: p, plan: &plan{columns: []planColumn{{kindReal}}}}
	var v juno.Value
	err = a.value(0, &v)
	return show(v) + "\n", err
}

// TestJoinReads: a join that looks accounts up many times, at many moments, sees each as it was.
func TestJoinReads(t *testing.T) {
	l := randomLedger(60, 4, true)
	e := l.engine(t, Options{})
	got, err := ask(e, `SELECT t.log_index, a.balance FROM transfers t
		JOIN accounts AS OF t.log_index AS a ON a.name = t.source AND a.currency = t.currency
		JOIN accounts AS now ON now.name = t.source AND now.balance = balance(t.source)
		JOIN transfers u ON u.log_index <= 3 ORDER BY t.log_index`)
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, c := range l.changes {
		if c.Delta.Sign() < 0 {
			want += strings.Repeat(fmt.Sprintf("%d|=%s\n", c.LogIndex, c.Balance), 3)
		}
	}
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
