package sql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"juno"
)

// hostile are statements of somebody who wants to bring the process down. None may hang, crash,
// or take more than its share; whether it is refused or answered is all the same.
func hostile() []string {
	deep := func(open, middle, close string, n int) string {
		return "SELECT " + strings.Repeat(open, n) + middle + strings.Repeat(close, n)
	}
	many := func(part, between string, n int) string {
		return strings.TrimSuffix(strings.Repeat(part+between, n), between)
	}
	return []string{
		"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t) SELECT * FROM t",
		"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t) SELECT count(*) FROM t",
		"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT max(n) FROM t",
		"WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s||s FROM t) SELECT length(s) FROM t",
		"WITH RECURSIVE t(x) AS (SELECT 1.5 UNION ALL SELECT x * x FROM t) SELECT x FROM t",
		"SELECT count(*) FROM generate_series(1) a, generate_series(1) b",
		"SELECT sum(a.value * b.value) FROM generate_series(1, 9999) a, generate_series(1, 9999) b",
		"SELECT * FROM generate_series(1) ORDER BY value DESC",
		"SELECT group_concat(value) FROM generate_series(1)",
		"SELECT json_group_array(value) FROM generate_series(1)",
		"SELECT median(value) FROM generate_series(1)",
		"SELECT count(DISTINCT value) FROM generate_series(1)",
		"SELECT value, count(*) FROM generate_series(1) GROUP BY value % 1000003",
		"SELECT sum(value) OVER (ORDER BY value DESC) FROM generate_series(1)",
		"SELECT median(value) OVER (ORDER BY value) FROM generate_series(1, 100000)",
		"SELECT count(*) FROM transfers a, transfers b, transfers c, transfers d, transfers e",
		"SELECT count(*) FROM transfers a JOIN transfers b ON a.memo < b.memo, log c, log d",
		"SELECT count(*) FROM log l, accounts AS OF l.log_index a, accounts AS OF l.log_index b, " +
			"transfers c, transfers d",
		"SELECT zeroblob(1000000000)",
		"SELECT hex(zeroblob(8000000))",
		"SELECT length(hex(hex(hex(zeroblob(2000000)))))",
		"SELECT randomblob(2000000000)",
		"SELECT hex(randomblob(100000000))",
		"SELECT printf('%*d', 2000000000, 1)",
		"SELECT printf('%.*c', 2000000000, 'x')",
		"SELECT printf('%.2000000000f', 1)",
		"SELECT printf('" + many("%s", "", 10000) + "')",
		"SELECT replace(hex(zeroblob(4000000)), '0', '00000000000')",
		"SELECT instr(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1')",
		"SELECT trim(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1')",
		"SELECT hex(zeroblob(4000000)) LIKE '%" + many("0", "%", 100) + "1%'",
		"SELECT hex(zeroblob(4000000)) GLOB '*" + many("0", "*", 100) + "1*'",
		"SELECT hex(zeroblob(4000000)) LIKE hex(zeroblob(4000000))",
		"SELECT hex(zeroblob(4000000)) REGEXP '(0*)*(0*)*(0*)*1$'",
		"SELECT 'x' REGEXP '" + many("((((x{100}){100}){100}){100})", "", 3) + "'",
		"SELECT 'x' REGEXP 'x{1000}{1000}'",
		"SELECT 'x' REGEXP '('",
		"SELECT json('" + strings.Repeat("[", 100000) + "')",
		"SELECT json_valid('" + strings.Repeat("[", 900) + strings.Repeat("]", 900) + "')",
		"SELECT count(*) FROM json_tree('[" + many("[1,2,3]", ",", 20000) + "]')",
		"SELECT json_patch('{}', '{}')",
		"SELECT json_set('{}', '$." + many("a", ".", 5000) + "', 1)",
		"SELECT json_extract('[]', '$" + strings.Repeat("[0]", 5000) + "')",
		deep("(", "1", ")", 50), deep("(", "1", ")", 1000), deep("(", "1", ")", 200000),
		deep("abs(", "1", ")", 50), deep("abs(", "1", ")", 5000),
		deep("-", "1", "", 10000), deep("- ", "1", "", 60), deep("NOT ", "1", "", 10000),
		deep("~", "1", "", 10000), deep("+", "1", "", 100000),
		deep("CASE WHEN 1 THEN ", "1", " END", 3000),
		deep("(SELECT ", "1", ")", 40), deep("(SELECT ", "1", ")", 3000),
		deep("1 IN (SELECT ", "1", ")", 3000),
		"SELECT " + many("1", "+", 150), "SELECT " + many("1", "+", 100000),
		"SELECT " + many("1", "||", 100000), "SELECT " + many("1=1", " OR ", 100000),
		"SELECT " + many("log_index", " AND ", 100000) + " FROM log",
		"SELECT " + many("1", ",", 3000), "SELECT " + many("1", ",", 100000),
		"SELECT " + many("*", ",", 200) + " FROM accounts",
		"SELECT max(" + many("1", ",", 5000) + ")",
		"SELECT 1 IN (" + many("1", ",", 100000) + ")",
		"SELECT balance IN (" + many("1", ",", 50000) + ") FROM accounts",
		"VALUES " + many("(1)", ",", 100000),
		many("SELECT 1", " UNION ALL ", 10000), many("SELECT 1", " UNION ", 40),
		"SELECT * FROM " + many("log", ",", 64), "SELECT * FROM " + many("log", ",", 65),
		"SELECT count(*) FROM " + many("accounts", " NATURAL JOIN ", 30),
		"SELECT count(*) FROM " + strings.Repeat("(", 5000) + "log" + strings.Repeat(")", 5000),
		"WITH " + many("t AS (SELECT 1)", ",", 1000) + " SELECT 1",
		nestedWith(40), doublingWith(40),
		"SELECT '" + strings.Repeat("x", 1<<20) + "'",
		"SELECT " + strings.Repeat(" ", 2<<20) + "1",
		"SELECT \"" + strings.Repeat("x", 100000) + "\"",
		"SELECT " + strings.Repeat("x", 500000),
		"SELECT 1 AS " + strings.Repeat("x", 500000),
		"SELECT " + strings.Repeat("9", 1000000), "SELECT 1e" + strings.Repeat("9", 1000000),
		"SELECT 0x" + strings.Repeat("f", 1000), "SELECT 1." + strings.Repeat("0", 100000),
		"SELECT '\x00'", "SELECT 1\x00", "\x00", "SELECT '\xff\xfe'", "\xef\xbb\xbfSELECT 1",
		"SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6')",
		"ATTACH 'stolen.db' AS s", "SELECT writefile('stolen', 'x')", "VACUUM INTO 'stolen.db'",
		"CREATE VIRTUAL TABLE t USING fts5(x)", "SELECT * FROM fts5vocab", "SELECT fts5(1)",
		"SELECT rtreecheck('x')", "SELECT geopoly_area('x')", "SELECT * FROM dbstat",
		"PRAGMA writable_schema = 1", "PRAGMA hard_heap_limit = 0",
		"PRAGMA temp_store_directory='/'",
		"SELECT * FROM pragma_database_list", "SELECT sqlite_version()",
		"SELECT sqlite_log(1, 'x')",
		"SELECT * FROM bytecode('SELECT 1')", "SELECT subtype(1)", "SELECT last_insert_rowid()",
		"EXPLAIN SELECT 1", "EXPLAIN QUERY PLAN INSERT INTO log VALUES (1)",
		"SELECT 1; SELECT 2", "SELECT 1;;", ";", "--", "/*", "/**/", "SELECT /*", "SELECT --",
		"SELECT * FROM accounts AS OF (SELECT last_index() FROM accounts AS OF 1)",
		"SELECT * FROM accounts AS OF AS OF 1", "SELECT * FROM accounts AS OF", "SELECT AS OF 1",
		"SELECT * FROM accounts AS OF 99999999999999999999", "SELECT * FROM accounts AS OF -0x1",
		"SELECT balance('A', -9223372036854775808)", "SELECT index_at(9223372036854775807)",
		"SELECT * FROM verify_chain(-1, 9223372036854775807)",
		"SELECT value FROM generate_series(9223372036854775806, 9223372036854775807)",
		"SELECT value FROM generate_series(1, 2, 0)",
		"SELECT count(*) FROM generate_series(-9223372036854775807, 9223372036854775807, " +
			"9223372036854775807)",
		"SELECT round(1, -9223372036854775807)", "SELECT round(0.1, 9223372036854775807)",
		"SELECT substr('x', -9223372036854775808, 9223372036854775807)",
		"SELECT char(" + many("1114112", ",", 90) + ")", "SELECT unistr('\\u{ffffff}')",
		"SELECT strftime('%f %J', 99999999999999)", "SELECT date('9999-12-31', '+99999 years')",
		"SELECT ntile(0) OVER ()", "SELECT nth_value(1, 0) OVER ()",
		"SELECT sum(1) OVER (ROWS BETWEEN -1 PRECEDING AND 1 FOLLOWING)",
		"SELECT lag(1, 9223372036854775807) OVER ()",
		"SELECT 1 LIMIT -1 OFFSET 9223372036854775807", "SELECT percentile(1, 101)",
	}
}

// nestedWith nests WITH clauses into each other; each level is walked several times.
func nestedWith(n int) string {
	s := "SELECT 1 AS x"
	for i := range n {
		s = fmt.Sprintf("WITH RECURSIVE t%d(x) AS (%s UNION ALL SELECT x FROM t%d) "+
			"SELECT x FROM t%d", i, s, i, i)
	}
	return s
}

// doublingWith makes a table that is a product of products: 2^n copies of one.
func doublingWith(n int) string {
	s := "WITH t0 AS (SELECT 1 AS x)"
	for i := range n {
		s += fmt.Sprintf(", t%d AS (SELECT a.x FROM t%d a, t%d b)", i+1, i, i)
	}
	return s + fmt.Sprintf(" SELECT count(*) FROM t%d", n)
}

// hostileTimeMax tells an end from none: a statement that does not notice its limit runs for days.
// On a machine full of other work, under the race detector, the slowest took 16 seconds.
const hostileTimeMax = 2 * time.Minute

// TestHostile: every hostile statement ends soon, and the engine works afterwards.
func TestHostile(t *testing.T) {
	l := randomLedger(300, 20, true)
	e := l.engine(t, Options{Timeout: 100 * time.Millisecond, RowsMax: 10_000})
	before, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range hostile() {
		start := time.Now()
		_, err := ask(e, text)
		if took := time.Since(start); took > hostileTimeMax {
			t.Errorf("%.100q took %s", text, took)
		}
		var q *juno.QueryError
		if err != nil && !errors.As(err, &q) {
			t.Errorf("%.100q: %v is no QueryError", text, err)
		}
		if q != nil && strings.Contains(q.Message, "engine failed") {
			t.Errorf("%.100q: %v", text, err)
		}
		got, err := ask(e, "SELECT count(*) FROM log")
		for start := time.Now(); err != nil && strings.Contains(err.Error(), "ran longer") &&
			time.Since(start) < hostileTimeMax; {
			got, err = ask(e, "SELECT count(*) FROM log") // the machine is busy with other work
		}
		if err != nil || got != "300\n" {
			t.Fatalf("after %.100q: %q, %v", text, got, err)
		}
	}
	after, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
}

// TestMutated: statements with bytes dropped, doubled and swapped never bring the engine down.
func TestMutated(t *testing.T) {
	l := randomLedger(50, 5, true)
	e := l.engine(t, Options{Timeout: 50 * time.Millisecond, RowsMax: 1000})
	corpus := seeds(t)
	rng := rand.New(rand.NewPCG(5, 6))
	pieces := strings.Fields("( ) , SELECT FROM accounts balance AS OF 1 + - * / ' \" ; UNION " +
		"WITH t ( AS CASE WHEN NULL 1.5 COLLATE exact sum( OVER BETWEEN AND IN NOT log transfers")
	for range 5000 {
		b := []byte(corpus[rng.IntN(len(corpus))])
		for range 1 + rng.IntN(4) {
			i := rng.IntN(len(b) + 1)
			switch rng.IntN(3) {
			case 0:
				j := min(len(b), i+rng.IntN(10))
				b = append(b[:i:i], b[j:]...)
			case 1:
				piece := " " + pieces[rng.IntN(len(pieces))] + " "
				b = append(b[:i:i], append([]byte(piece), b[i:]...)...)
			default:
				other := corpus[rng.IntN(len(corpus))]
				j := rng.IntN(len(other) + 1)
				b = append(b[:i:i], other[j:]...)
			}
		}
		_, err := ask(e, string(b))
		if err != nil && strings.Contains(err.Error(), "engine failed") {
			t.Errorf("%q: %v", b, err)
		}
		if err != nil && strings.Contains(err.Error(), "rewriter saw") {
			t.Errorf("%q: %v", b, err)
		}
	}
}

// TestCancel: cancelling ends a statement wherever it is.
func TestCancel(t *testing.T) {
	l := randomLedger(3000, 20, false)
	e := l.engine(t, Options{})
	for _, text := range []string{
		"SELECT count(*) FROM transfers a, transfers b, transfers c",
		"SELECT count(*) FROM generate_series(1)",
		"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t) SELECT count(*) FROM t",
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("the user pressed Ctrl-C")
		started := make(chan struct{})
		go func() {
			<-started
			runtime.Gosched()
			cancel(reason)
		}()
		close(started)
		_, err := e.Query(ctx, juno.Query{Text: text})
		if !errors.Is(err, reason) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want %v", text, err, reason)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := e.Query(ctx, juno.Query{Text: "SELECT a.log_index FROM transfers a, transfers b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := rows.Next(); !ok {
		t.Fatal("no first row")
	}
	cancel()
	for n := 0; ; n++ {
		if _, ok := rows.Next(); !ok {
			break
		}
		if n > 3000*3000-10 {
			t.Fatal("the statement went on after it was cancelled")
		}
	}
	if err := rows.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
}

// TestLimits: time, rows and memory end a statement with an error that says so.
func TestLimits(t *testing.T) {
	l := randomLedger(300, 20, false)
	hasty := l.engine(t, Options{Timeout: 20 * time.Millisecond})
	e := l.engine(t, Options{RowsMax: 100})
	for _, c := range []struct {
		engine     *Engine
		text, want string
	}{
		{hasty, "SELECT count(*) FROM generate_series(1)", "ran longer than 20ms"},
		{e, "SELECT * FROM generate_series(1)", "more than 100 rows"},
		{e, "SELECT hex(zeroblob(8000000))", "longer than 8 MiB"},
	} {
		if _, err := ask(c.engine, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
	rows, err := e.Query(t.Context(), juno.Query{Text: "SELECT * FROM log", RowsMax: 7})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		if _, ok := rows.Next(); !ok {
			break
		}
		n++
	}
	if err := rows.Err(); n != 7 || err == nil {
		t.Errorf("%d rows, error %v, want 7 and an error", n, err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
}

// TestMemory: a sort that needs more than the cap fails alone.
func TestMemory(t *testing.T) {
	l := newLedger()
	l.transfer("bank A 1")
	e := l.engine(t, Options{})
	_, err := ask(e, "SELECT value, hex(zeroblob(5000)) AS x FROM generate_series(1, 100000) "+
		"ORDER BY x, value DESC")
	if err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("got %v, want an error about memory", err)
	}
	if got, err := ask(e, "SELECT 1"); got != "1\n" || err != nil {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

// TestBrokenSource: errors and panics of the source end the statement and nothing else.
func TestBrokenSource(t *testing.T) {
	l := randomLedger(100, 5, false)
	e := l.engine(t, Options{})
	l.failAtRow = 50
	_, err := ask(e, "SELECT * FROM transfers")
	if err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v, want the source's error", err)
	}
	_, err = ask(e, "SELECT (SELECT max(amount) FROM transfers) + 1")
	if err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v, want the source's error", err)
	}
	l.failAtRow = 0
	if got, err := ask(e, "SELECT count(*) FROM transfers"); err != nil || got != "100\n" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
	l.panicAtRow = 50
	_, err = ask(e, "SELECT * FROM transfers")
	if err == nil || !strings.Contains(err.Error(), "out of its mind") {
		t.Errorf("got %v, want the panic as an error", err)
	}
	l.panicAtRow = 0
	l.cursors.Store(0) // the cursor that panicked was given up with its connection
	if got, err := ask(e, "SELECT count(*) FROM transfers"); err != nil || got != "100\n" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

// TestPinned: a statement sees one moment, however the log grows while it runs.
func TestPinned(t *testing.T) {
	l := randomLedger(10, 3, false)
	l.hidden = 5
	e := l.engine(t, Options{})
	rows, err := e.Query(t.Context(), juno.Query{Text: "SELECT log_index, last_index() FROM log"})
	if err != nil {
		t.Fatal(err)
	}
	l.hidden = 0
	n := 0
	for {
		row, ok := rows.Next()
		if !ok {
			break
		}
		n++
		if row[1].Integer != 5 {
			t.Errorf("last_index() = %d, want 5", row[1].Integer)
		}
	}
	if got := rows.Head().Index; n != 5 || got != 5 {
		t.Errorf("%d rows at head %d, want 5 at 5", n, got)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	if err := rows.Close(); err != nil {
		t.Error("second Close:", err)
	}
}

// TestConcurrent: many statements at once, more than may run, with cancellations among them.
func TestConcurrent(t *testing.T) {
	l := randomLedger(500, 20, false)
	e := l.engine(t, Options{RunningMax: 3})
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				if (worker+i)%5 == 0 {
					cancel()
				}
				text := fmt.Sprintf("SELECT count(*) FROM transfers WHERE log_index > %d", i)
				rows, err := e.Query(ctx, juno.Query{Text: text})
				if err == nil {
					row, ok := rows.Next()
					if ok && row[0].Integer != int64(500-i) {
						t.Errorf("%s: %d", text, row[0].Integer)
					}
					if err := rows.Close(); err != nil {
						t.Error(err)
					}
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	group.Wait()
}

// TestClose: a closed engine refuses, and ends what is running.
func TestClose(t *testing.T) {
	l := randomLedger(500, 20, false)
	e := l.engine(t, Options{})
	rows, err := e.Query(t.Context(), juno.Query{Text: "SELECT 1 FROM log a, log b, log c"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, ok := rows.Next(); !ok {
			break
		}
	}
	if err := rows.Err(); !errors.Is(err, ErrClosed) {
		t.Errorf("running statement ended with %v, want ErrClosed", err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ask(e, "SELECT 1"); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// TestAuthorizer: what the rewriter lets through by mistake, SQLite refuses.
func TestAuthorizer(t *testing.T) {
	l := newLedger()
	l.transfer("bank A 1")
	e := l.engine(t, Options{})
	c, err := e.take()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, text := range []string{
		"INSERT INTO accounts (name) VALUES ('x')", "UPDATE accounts SET name = 'x'",
		"DELETE FROM accounts", "CREATE TABLE t (x)", "CREATE TEMP TABLE t (x)",
		"CREATE VIEW v AS SELECT 1", "CREATE TEMP VIEW v AS SELECT 1", "DROP TABLE accounts",
		"CREATE VIRTUAL TABLE t USING fts5(x)", "CREATE VIRTUAL TABLE temp.t USING rtree(a, b, c)",
		"ATTACH ':memory:' AS m", "DETACH main", "PRAGMA query_only = 0", "PRAGMA table_info(log)",
		"PRAGMA hard_heap_limit = 0", "BEGIN", "SAVEPOINT s", "VACUUM", "ANALYZE",
		"SELECT load_extension('x')", "SELECT fts5(1)", "SELECT sqlite_version()",
		"SELECT likelihood(1, 0.5)", "SELECT json_patch('{}', '{}')", "SELECT total_changes()",
		"SELECT name FROM sqlite_schema", "SELECT name FROM pragma_table_list",
		"SELECT data FROM sqlite_dbpage", "SELECT name FROM dbstat", "SELECT opcode FROM bytecode",
	} {
		p, _, err := c.prepare(text)
		if err == nil {
			_, err = c.step(p)
			c.reset(p)
		}
		if err == nil {
			t.Errorf("%s was carried out", text)
		}
	}
}
