package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"juno"
	"juno/db/sql"
	"juno/embedded"
)

var exportVerb = verb{
	name:    "export",
	summary: "write a table to a file: csv, sql or parquet",
	help: `  juno export books --format csv --table accounts accounts.csv
  juno export books --format sql --table transfers --as-of 1200 transfers.sql
  juno export books --format parquet --table accounts_history history.parquet

Amounts are exact: text in every format. In parquet a column NAME_decimal stands beside each, a
DECIMAL with the most decimal places that a currency of the ledger has, NULL where an amount does
not fit; it is not there if no currency has fixed places. Names are as their owners chose them: a
spreadsheet takes one that begins with = + - @ in a csv file for a formula.
`,
}

func init() { exportVerb.run = runExport }

// exportWriter writes the rows of a table in one format.
type exportWriter func(w io.Writer, table string, rows juno.Rows) error

// sqlBatchRows is how many rows one INSERT of an SQL export holds.
const sqlBatchRows = 200

func runExport(ctx context.Context, c console, args []string) (err error) {
	set := flags(c, &exportVerb)
	format := set.String("format", "csv", "csv, sql or parquet")
	table := set.String("table", "", "the `table`, as \\d shows it")
	asOf := set.Uint64("as-of", 0, "as it was right after this `index`; 0 is now")
	words, err := parse(set, args, 2, 2)
	if err != nil {
		return err
	}
	write, known := map[string]exportWriter{
		"csv": writeCSV, "sql": writeSQL, "parquet": nil,
	}[*format]
	if !known {
		return usagef("--format %q: want csv, sql or parquet", *format)
	}
	if !isTable(*table) {
		return usagef("--table %q: want one of %s", *table, strings.Join(tableNames(), ", "))
	}
	ledger, err := openLedger(c, words[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	at := ""
	if *asOf != 0 {
		at = fmt.Sprintf(" AS OF %d", *asOf)
	}
	if write == nil {
		scale, err := fixedScale(ctx, ledger, at)
		if err != nil {
			return err
		}
		write = parquetWriter(scale)
	}
	rows, err := ledger.Query(ctx, juno.Query{Text: "SELECT * FROM " + *table + at})
	if err != nil {
		return err
	}
	defer rows.Close()
	f, err := os.OpenFile(words[1], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	err = write(out, *table, rows)
	if err = errors.Join(err, out.Flush(), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(words[1]))
	}
	fmt.Fprintf(c.out, "%s as of %d in %s\n", *table, rows.Head().Index, words[1])
	return nil
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

// writeCSV writes RFC 4180 with a header. NULL is an empty field without quotes.
func writeCSV(w io.Writer, _ string, rows juno.Rows) error {
	out := csv.NewWriter(w)
	record := make([]string, len(rows.Columns()))
	for i, c := range rows.Columns() {
		record[i] = c.Name
	}
	if err := out.Write(record); err != nil {
		return err
	}
	for row, ok := rows.Next(); ok; row, ok = rows.Next() {
		for i, v := range row {
			record[i] = plain(v)
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return errors.Join(rows.Err(), out.Error())
}

// plain is a value as text that programs read: exact amounts as they are, bytes in hexadecimal.
func plain(v juno.Value) string {
	switch v.Kind {
	case juno.Integer:
		return strconv.FormatInt(v.Integer, 10)
	case juno.Text, juno.Exact:
		return v.Text
	case juno.Float:
		return strconv.FormatFloat(v.Float, 'g', -1, 64)
	case juno.Blob:
		return hex.EncodeToString(v.Blob)
	}
	return ""
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
		return plain(v)
	}
	return "'" + strings.ReplaceAll(plain(v), "'", "''") + "'"
}
