package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"juno"
	"juno/db/sql"
	"juno/embedded"
	"juno/internal/cli"
	"juno/shell"
)

var exportVerb = cli.Verb{
	Name:    "export",
	Summary: "write a table to a file: csv, sql or parquet",
	Help: `  juno export books --format csv --table accounts accounts.csv
  juno export books --format sql --table transfers --as-of 1200 transfers.sql
  juno export books --format parquet --table accounts_history history.parquet
  juno export books --table log - | wc -l

FILE must not exist yet; - is standard output, and a pipe or a device is written to. In csv, lines
end with LF, NULL is an empty field, and an empty text is "".

Amounts are exact: text in every format. In parquet a column NAME_decimal stands beside each, a
DECIMAL with the most decimal places that a currency of the ledger has, NULL where an amount does
not fit; it is not there if no currency has fixed places. Names are as their owners chose them: a
spreadsheet takes one that begins with = + - @ in a csv file for a formula.
`,
	Args:  "DIR FILE",
	Setup: setupExport,
}

// exportWriter writes the rows of a table in one format.
type exportWriter func(w io.Writer, table string, rows juno.Rows) error

// sqlBatchRows is how many rows one INSERT of an SQL export holds.
const sqlBatchRows = 200

// exportCall are the flags of one call.
type exportCall struct{ format, table, asOf string }

func setupExport(set *flag.FlagSet) cli.Action {
	var e exportCall
	set.StringVar(&e.format, "format", "csv", "csv, sql or parquet")
	set.StringVar(&e.table, "table", "", "the `table`, as \\d shows it")
	set.StringVar(&e.asOf, "as-of", "", "as it was right after this `index`, or at this time "+
		"(2026-03-31 23:59:59, UTC); empty or 0 is now")
	return func(ctx context.Context, c cli.Console, words []string) error {
		return e.run(ctx, c, words[0], words[1])
	}
}

func (e *exportCall) run(ctx context.Context, c cli.Console, path, file string) (err error) {
	write, known := map[string]exportWriter{
		"csv": writeCSV, "sql": writeSQL, "parquet": nil,
	}[e.format]
	if !known {
		return cli.Usagef("--format %q: want csv, sql or parquet", e.format)
	}
	if !isTable(e.table) {
		return cli.Usagef("--table %q: want one of %s", e.table, strings.Join(tableNames(), ", "))
	}
	ledger, err := openLedger(c, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	at := e.at()
	if write == nil {
		scale, err := fixedScale(ctx, ledger, at)
		if err != nil {
			return err
		}
		write = parquetWriter(scale)
	}
	rows, err := ledger.Query(ctx, juno.Query{Text: "SELECT * FROM " + e.table + at})
	if err != nil {
		return err
	}
	defer rows.Close()
	out, err := createOutput(c, file)
	if err != nil {
		return err
	}
	if err := out.end(write(out, e.table, rows)); err != nil {
		return err
	}
	moment := fmt.Sprint(rows.Head().Index)
	if at != "" {
		moment = e.asOf
	}
	fmt.Fprintf(out.messages, "%s as of %s in %s\n", e.table, moment, file)
	return nil
}

// at returns the clause of SQL that stands behind the table.
func (e *exportCall) at() string {
	if index, err := strconv.ParseUint(e.asOf, 10, 64); err == nil && index != 0 {
		return fmt.Sprintf(" AS OF %d", index)
	} else if e.asOf == "" || err == nil {
		return ""
	}
	return " AS OF TIMESTAMP " + literal(juno.Value{Kind: juno.Text, Text: e.asOf})
}

// fixedScale returns the most decimal places that a currency has, -1 if none has fixed ones.
func fixedScale(ctx context.Context, ledger *embedded.Ledger, at string) (int, error) {
	rows, err := ledger.Query(ctx, juno.Query{Text: "SELECT max(scale) FROM currencies" + at})
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row, ok := rows.Next()
	if !ok || row[0].Kind != juno.Integer {
		return -1, rows.Err()
	}
	return int(row[0].Integer), rows.Err()
}

func isTable(name string) bool { return slices.Contains(tableNames(), name) }

func tableNames() []string {
	var names []string
	for _, t := range sql.Tables() {
		if !t.Function {
			names = append(names, t.Name)
		}
	}
	return names
}

// writeCSV writes a table by the shell's rules of CSV.
func writeCSV(w io.Writer, _ string, rows juno.Rows) error {
	_, err := w.Write(shell.AppendCSVHeader(nil, rows.Columns()))
	var line []byte
	for row, ok := rows.Next(); ok && err == nil; row, ok = rows.Next() {
		line = shell.AppendCSV(line[:0], row)
		_, err = w.Write(line)
	}
	return errors.Join(rows.Err(), err)
}

// writeSQL writes statements that any SQL database takes. Exact amounts are text: a column of
// type NUMERIC would round 1%3, and in SQLite every decimal.
func writeSQL(w io.Writer, table string, rows juno.Rows) error {
	names := make([]string, len(rows.Columns()))
	for i, c := range rows.Columns() {
		kind := "TEXT"
		if c.Kind.Cells() == juno.Integer {
			kind = "BIGINT"
		}
		names[i] = fmt.Sprintf("%q %s", c.Name, kind)
	}
	_, err := fmt.Fprintf(w, "CREATE TABLE %s (%s);\n", table, strings.Join(names, ", "))
	n := 0
	for row, ok := rows.Next(); ok && err == nil; row, ok = rows.Next() {
		values := make([]string, len(row))
		for i, v := range row {
			values[i] = literal(v)
		}
		before := ",\n"
		if n%sqlBatchRows == 0 {
			before = fmt.Sprintf("INSERT INTO %s VALUES\n", table)
			if n > 0 {
				before = ";\n" + before
			}
		}
		n++
		_, err = fmt.Fprintf(w, "%s(%s)", before, strings.Join(values, ", "))
	}
	if n > 0 && err == nil {
		_, err = fmt.Fprintln(w, ";")
	}
	return errors.Join(err, rows.Err())
}

func literal(v juno.Value) string {
	switch v.Kind {
	case juno.Null:
		return "NULL"
	case juno.Integer, juno.Float:
		return shell.PlainText(v)
	}
	return "'" + strings.ReplaceAll(shell.PlainText(v), "'", "''") + "'"
}
