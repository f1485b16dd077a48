// Package sql answers SQL over the ledger: every table, at every moment of the past, exactly.
//
// The engine is SQLite, as a library (modernc.org/sqlite/lib, SQLite translated to Go), with
// virtual tables over a [Source]; nothing is ever copied into SQLite, and nothing a statement does
// reaches a disk. SQLite gives the planner, joins, windows, common table expressions and JSON.
//
// # A statement's way
//
// A statement is cut into tokens (lex.go), parsed (parse.go and its kin) and walked (rewrite.go and
// its kin): every expression gets a kind, every name is looked up, every parameter finds its
// argument (params.go), AS OF becomes the hidden argument of its table, and what would calculate in
// floating point is rewritten or refused. What reaches SQLite is the original text with a few
// insertions (edits.go), so strings and comments stay as they are and errors can be shown where
// they belong. The statement is then pinned to one log index (run.go) and the arguments are bound
// (bind.go); virtual tables (vtab.go, scan.go) read views of the source and hand over columns
// (table.go and its kin) one by one.
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
// # Parameters
//
// A statement has parameters of one style, ? or ?1 and $1 or :name, @name and $name, wherever an
// expression may stand, behind AS OF too. Each wants an argument ([juno.Arg]) and each argument a
// parameter; the error names the one that is missing or left over. A value never becomes a part of
// the text, of a plan or of a message, but for the first bytes of one that is no amount or no time.
//
// An argument has a kind and keeps it. A plan is made for a text and the kinds of its arguments, as
// it depends on the kinds of columns, and kept for both; values are bound per execution. As a
// literal would be, a text or an integer that meets an amount is read as one, and one that meets a
// time as a time. Beyond that a text stays a text: AS OF and LIMIT take an integer and nothing that
// looks like one. Behind AS OF a time needs no TIMESTAMP: its kind says what it is. An amount is
// bound as its canonical text, which is what amounts are here, a time as its own, and only a Float
// is floating point.
//
// # Kinds
//
// The kind of every column is known before the first row, from the columns of the tables and from
// what the rewriter knows of every expression. It is Null, "any", for JSON, for a mixture, and for
// NULL by itself.
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
// What it does not do: transactions, views of users, writing of any kind.
package sql
