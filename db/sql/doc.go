// Package sql executes SQL queries over the ledger: over every table, at every moment of the past,
// with exact arithmetic.
//
// The engine is SQLite as a library (modernc.org/sqlite/lib, SQLite translated to Go), with virtual
// tables over a [Source]. Nothing is copied into SQLite, and no statement writes to a disk. SQLite
// provides the planner, joins, windows, common table expressions and JSON.
//
// # How a statement is executed
//
// A statement is divided into tokens (lex.go), parsed (parse*.go) and walked (rewrite*.go). Each
// expression gets a kind, each name is looked up, each parameter gets its argument (params.go),
// AS OF becomes the hidden argument of its table, and calculations that would be done in floating
// point are rewritten or refused. SQLite receives the original text with a few insertions
// (edits.go), so strings and comments stay as they are and errors refer to places in the original.
// The statement is then bound to one log index (run.go), and its parameters to the arguments
// (bind.go). Virtual tables (vtab.go, scan.go) read views of the source and return columns one by
// one (table*.go).
//
// # Time
//
// Every table has a hidden column as_of, the log index at which it is read. "FROM accounts AS OF
// 1200" and "FROM accounts AS OF TIMESTAMP '2026-03-31 23:59:59'" set it. Without AS OF a table is
// read at the newest entry that existed when the statement began. An index may be any integer
// expression, also over tables further left in the FROM clause, so moments can be joined. A moment
// that does not exist yet, or whose history is not held, is an error that names the range that is
// held, never an empty answer.
//
// Times are text of one form, 2026-03-31T23:59:59.000Z. A value that is compared with a time is
// converted to that form first.
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
// amounts are compared and ordered as numbers. In a calculation SQLite would read such text as a
// binary fraction. Therefore:
//
//   - + - * / and % become the exact functions add, sub, mul, div and mod, and unary minus becomes
//     neg. Integers stay integers (7/2 is 3, as in SQL), and an overflow is an error.
//   - Decimal literals are exact: 0.1 + 0.2 is 0.3.
//   - sum, total, avg, median and percentile are exact, as window functions too. min, max,
//     ORDER BY, comparisons, CASE, COALESCE and UNION compare and mix amounts as amounts.
//   - Expressions that would read an amount as a floating-point number are refused, with the
//     function to write instead: CAST AS REAL, sqrt, printf('%f'), an amount as a condition, and
//     others.
//   - Floating point is used only where it is asked for by name, approx(x), sqrt(x) and so on, and
//     never mixes with amounts. exact(x) converts back.
//   - Finally, a floating-point number in a column of the answer that cannot hold one ends the
//     statement with an error.
//
// # Safety
//
// SQL only reads. The parser refuses statements other than SELECT, WITH, VALUES and EXPLAIN QUERY
// PLAN, and the rewriter refuses unknown tables and functions. SQLite's authorizer refuses all of
// these again, on connections in defensive, query-only mode without extensions, attached databases
// or temporary files. The length of texts, the depth of expressions, rows, run time, memory and the
// number of running statements are limited (see [Options] and lite.go). A panic inside the engine
// becomes an error of the statement, and its connection is discarded.
//
// # What it does not do
//
// There are no transactions, no views defined by users, and no writing of any kind.
package sql
