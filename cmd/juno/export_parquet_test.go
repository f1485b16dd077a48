package main

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"juno"
)

// heldRows are rows in memory.
type heldRows struct {
	columns []juno.Column
	rows    [][]juno.Value
}

func (r *heldRows) Columns() []juno.Column { return r.columns }
func (r *heldRows) Head() juno.Head        { return juno.Head{} }
func (r *heldRows) Err() error             { return nil }
func (r *heldRows) Close() error           { return nil }

func (r *heldRows) Next() ([]juno.Value, bool) {
	if len(r.rows) == 0 {
		return nil, false
	}
	row := r.rows[0]
	r.rows = r.rows[1:]
	return row, true
}

func exact(s string) juno.Value { return juno.Value{Kind: juno.Exact, Text: s} }

// parquetBack reads a file back: names of the columns, and for each row its values as text.
func parquetBack(t *testing.T, file []byte) (names []string, rows [][]string) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range f.Schema().Fields() {
		names = append(names, field.Name()+" "+field.Type().String())
	}
	for _, group := range f.RowGroups() {
		in := group.Rows()
		for buffer := make([]parquet.Row, 16); ; {
			n, err := in.ReadRows(buffer)
			for _, row := range buffer[:n] {
				var texts []string
				for _, v := range row {
					texts = append(texts, v.String())
				}
				rows = append(rows, texts)
			}
			if err != nil || n == 0 {
				break
			}
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return names, rows
}

// TestParquet writes every kind of value and reads it back with the types that others will see.
func TestParquet(t *testing.T) {
	columns := []juno.Column{
		{Name: "name", Kind: juno.Text},
		{Name: "balance", Kind: juno.Exact},
		{Name: "index", Kind: juno.Integer},
		{Name: "rate", Kind: juno.Float},
		{Name: "hash", Kind: juno.Blob},
		{Name: "any"},
	}
	text := func(s string) juno.Value { return juno.Value{Kind: juno.Text, Text: s} }
	table := &heldRows{columns: columns, rows: [][]juno.Value{
		{
			text("é, \"quoted\"\n"), exact("-12.5"),
			{Kind: juno.Integer, Integer: math.MinInt64},
			{Kind: juno.Float, Float: 0.25},
			{Kind: juno.Blob, Blob: []byte{0, 255}},
			text("x"),
		},
		{text(""), exact("1%3"), {}, {}, {}, {Kind: juno.Integer, Integer: 7}},
		{{}, exact("0.001"), {}, {}, {}, {}},
		{{}, exact("9999999999999999.99"), {}, {}, {}, {}},
		{{}, exact("10000000000000000"), {}, {}, {}, {}},
		{{}, {}, {}, {}, {}, {}},
	}}
	var file bytes.Buffer
	if err := parquetWriter(2)(&file, "t", table); err != nil {
		t.Fatal(err)
	}
	names, rows := parquetBack(t, file.Bytes())
	wantNames := []string{
		"name STRING", "balance STRING", "balance_decimal DECIMAL(18,2)", "index INT(64,true)",
		"rate DOUBLE", "hash STRING", "any STRING",
	}
	if !slices.Equal(names, wantNames) {
		t.Errorf("columns %q, want %q", names, wantNames)
	}
	null := parquet.NullValue().String()
	want := [][]string{
		{"é, \"quoted\"\n", "-12.5", "-1250", "-9223372036854775808", "0.25", "00ff", "x"},
		{"", "1%3", null, null, null, null, "7"},
		{null, "0.001", null, null, null, null, null},
		{null, "9999999999999999.99", "999999999999999999", null, null, null, null},
		{null, "10000000000000000", null, null, null, null, null},
		{null, null, null, null, null, null, null},
	}
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for i := range want {
		if !slices.Equal(rows[i], want[i]) {
			t.Errorf("row %d: %q, want %q", i, rows[i], want[i])
		}
	}
}

// TestParquetOfManyRows fills more than one row group, and without a scale there are no decimals.
func TestParquetOfManyRows(t *testing.T) {
	const count = parquetGroupRows + 10
	table := &heldRows{columns: []juno.Column{{Name: "balance", Kind: juno.Exact}}}
	for i := range int64(count) {
		table.rows = append(table.rows, []juno.Value{exact(juno.NewAmount(i).String())})
	}
	var file bytes.Buffer
	if err := parquetWriter(-1)(&file, "t", table); err != nil {
		t.Fatal(err)
	}
	names, rows := parquetBack(t, file.Bytes())
	if want := []string{"balance STRING"}; !slices.Equal(names, want) || len(rows) != count {
		t.Fatalf("columns %q, %d rows; want %q, %d", names, len(rows), want, count)
	}
	for i, row := range rows {
		if want := juno.NewAmount(int64(i)).String(); row[0] != want {
			t.Fatalf("row %d is %q, want %q", i, row, want)
		}
	}
}
