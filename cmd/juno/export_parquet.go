package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"

	"juno"
	"juno/shell"
)

const (
	// parquetGroupRows is how many rows a row group has: what is held in memory, and what a
	// reader can skip.
	parquetGroupRows = 128 << 10
	// decimalDigitsMax is how many digits a DECIMAL in eight bytes has.
	decimalDigitsMax = 18
	decimalMax       = 1_000_000_000_000_000_000 // 10^decimalDigitsMax
	// decimalSuffix names the column of numbers beside a column of exact amounts.
	decimalSuffix = "_decimal"
)

// parquetField is one column of a Parquet file.
type parquetField struct {
	source  int // column of the rows
	kind    juno.ValueKind
	decimal bool
}

// parquetWriter returns a writer of Parquet files. Every column can be NULL. An exact amount is
// text, as in csv: no number type of Parquet holds 1%3. If scale is not negative, a column beside
// it has the same amounts as DECIMAL(18, scale), NULL where one needs more digits than that.
func parquetWriter(scale int) exportWriter {
	return func(w io.Writer, _ string, rows juno.Rows) error {
		fields, schema := parquetSchema(rows.Columns(), scale)
		out := parquet.NewWriter(w, schema, parquet.Compression(&parquet.Zstd),
			parquet.MaxRowsPerRowGroup(parquetGroupRows),
			parquet.CreatedBy("juno", version, ""))
		record := make(parquet.Row, len(fields))
		for row, ok := rows.Next(); ok; row, ok = rows.Next() {
			for i, f := range fields {
				v := parquetValue(f.kind, row[f.source])
				if f.decimal {
					v = parquetDecimal(row[f.source], scale)
				}
				defined := 1
				if v.IsNull() {
					defined = 0
				}
				record[i] = v.Level(0, defined, i)
			}
			if _, err := out.WriteRows([]parquet.Row{record}); err != nil {
				return err
			}
		}
		return errors.Join(rows.Err(), out.Close())
	}
}

// parquetSchema gives every column a type. The struct is the library's only way to a schema whose
// columns keep their order.
func parquetSchema(columns []juno.Column, scale int) ([]parquetField, *parquet.Schema) {
	var fields []parquetField
	var members []reflect.StructField
	add := func(f parquetField, name, options string, of any) {
		fields = append(fields, f)
		members = append(members, reflect.StructField{
			Name: fmt.Sprintf("F%d", len(members)), Type: reflect.TypeOf(of),
			Tag: reflect.StructTag(fmt.Sprintf(`parquet:"%s,optional%s"`, name, options)),
		})
	}
	for i, c := range columns {
		switch kind := c.Kind.Cells(); kind {
		case juno.Integer:
			add(parquetField{source: i, kind: kind}, c.Name, "", int64(0))
		case juno.Float:
			add(parquetField{source: i, kind: kind}, c.Name, "", float64(0))
		default: // blobs are hexadecimal, as in csv
			add(parquetField{source: i, kind: juno.Text}, c.Name, "", "")
		}
		if c.Kind == juno.Exact && scale >= 0 {
			add(parquetField{source: i, decimal: true}, c.Name+decimalSuffix,
				fmt.Sprintf(",decimal(%d:%d)", scale, decimalDigitsMax), int64(0))
		}
	}
	return fields, parquet.SchemaOf(reflect.New(reflect.StructOf(members)).Interface())
}

// parquetValue is a value in a column of that kind.
func parquetValue(kind juno.ValueKind, v juno.Value) parquet.Value {
	switch {
	case v.Kind == juno.Null:
		return parquet.NullValue()
	case kind == juno.Integer:
		return parquet.Int64Value(v.Integer)
	case kind == juno.Float:
		return parquet.DoubleValue(v.Float)
	}
	return parquet.ByteArrayValue([]byte(shell.PlainText(v)))
}

// parquetDecimal is an amount in units of 10^-scale, NULL where it is none or does not fit.
func parquetDecimal(v juno.Value, scale int) parquet.Value {
	a, err := juno.ParseAmount(v.Text)
	if v.Kind != juno.Exact || err != nil {
		return parquet.NullValue()
	}
	units, ok := a.Minor(uint8(scale))
	if !ok || units <= -decimalMax || units >= decimalMax {
		return parquet.NullValue()
	}
	return parquet.Int64Value(units)
}
