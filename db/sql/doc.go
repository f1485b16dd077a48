// Package sql answers SQL over the ledger: every table, at every moment of the past, exactly.
//
// The engine is SQLite, as a library (modernc.org/sqlite/lib, SQLite translated to Go), with
// virtual tables over a [Source]; nothing is ever copied into SQLite, and nothing a statement does
// reaches a disk. SQLite gives the planner, joins, windows, common table expressions and JSON.
//
// # A statement's way
//
// A statement is cut into tokens (lex.go), parsed (parse.go and its kin) and walked (rewrite.go and
// its kin): every expression gets a kind, every name is looked up, AS OF becomes the hidden
// argument of its table, and what would calculate in floating point is rewritten or refused. What
// reaches SQLite is the original text with a few insertions (edits.go), so strings and comments
// stay as they are and errors can be shown where they belong. The statement is then pinned to one
// log index (run.go); virtual tables (vtab.go, scan.go) read views of the source and hand over
// columns (table.go and its kin) one by one.
//
// # Time
//
// Every table has a hidden column as_of, the log index that it is read at. "FROM accounts AS OF
// 1200" and "FROM accounts AS OF TIMESTAMP '2026-03-31 23:59:59'" set it; without it a table is
// read at the newest entry that was there when the statement began. An index may be any integer
// expression, also of tables further left in the FROM, so moments can be joined. A moment that does
// not exist yet or is no longer held is an error that names the range that is held, never an empty
// answer.
//
// Times are text of one form, 2026-03-31T23:59:59.000Z; what they are compared with is brought
// into that form first.
//
// # Exactness
//
// An amount is canonical text ("12.5", "1%3") in a column with a collation of its own, so that
// comparing and ordering are numeric. Left alone, SQLite would read such text as a binary fraction
// wherever it is calculated with. Therefore
//
//   - + - * / and % become the exact functions add, sub, mul, div and mod, unary minus neg;
//     integers stay integers (7/2 is 3, as SQL has it), and an overflow is an error;
//   - decimal literals are exact: 0.1 + 0.2 is 0.3;
//   - sum, total, avg, median and percentile are exact, as window functions too; min, max,
//     ORDER BY, comparisons, CASE, COALESCE and UNION compare and mix amounts as amounts;
//   - whatever would read an amount as a floating-point number is refused with the function to
//     write instead: CAST AS REAL, sqrt, printf('%f'), an amount as a condition, and others;
//   - floating point is only what is asked for by name: approx(x), sqrt(x), … and never mixes with
//     amounts; exact(x) is the way back;
//   - as a last line, a floating-point number in a column of the answer that cannot hold one ends
//     the statement with an error.
//
// # Safety
//
// SQL only reads. Statements other than SELECT, WITH, VALUES and EXPLAIN QUERY PLAN are refused by
// the parser; unknown tables and functions by the rewriter; and all of it once more by SQLite's
// authorizer, on connections in defensive, query-only mode without extensions, attached databases
// or temporary files. The length of texts, depth of expressions, rows, run time, memory and number
// of running statements have limits (see [Options] and lite.go). A panic inside the engine becomes
// an error of the statement, and its connection is given up.
//
// What it does not do: bind parameters, transactions, views of users, writing of any kind.
package sql
