package shell

import (
	"io"
	"strings"

	"juno"
)

// The rules of CSV, for answers of the shell and for exported tables alike: RFC 4180, a header, and
// LF at the end of every record, as text files have here; readers of RFC 4180 take it for CRLF.
// NULL is an empty field without quotes, an empty text is "". Values are not changed: a text that a
// spreadsheet would take for a formula stays what it is, but stands in quotes.

// AppendCSVHeader appends the record of the columns' names to b.
func AppendCSVHeader(b []byte, columns []juno.Column) []byte {
	for i, c := range columns {
		b = appendCSVField(b, i, c.Name, c.Name == "")
	}
	return append(b, '\n')
}

// AppendCSV appends the record of a row to b.
func AppendCSV(b []byte, values []juno.Value) []byte {
	for i, v := range values {
		text := PlainText(v)
		empty := text == "" && v.Kind != juno.Null
		formula := v.Kind == juno.Text && text != "" && strings.IndexByte("=+-@", text[0]) >= 0
		b = appendCSVField(b, i, text, empty || formula)
	}
	return append(b, '\n')
}

func appendCSVField(b []byte, i int, text string, quote bool) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	if !quote && !strings.ContainsAny(text, "\",\r\n\t") && text == strings.TrimSpace(text) {
		return append(b, text...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(text, `"`, `""`)...)
	return append(b, '"')
}

// csvPrinter prints CSV. On a terminal control characters are replaced.
type csvPrinter struct {
	w    io.Writer
	look look
	line []byte
}

func (c *csvPrinter) begin(columns []juno.Column) error {
	if c.look.terminal {
		shown := make([]juno.Column, len(columns))
		for i, column := range columns {
			shown[i] = juno.Column{Name: clean(column.Name)}
		}
		columns = shown
	}
	_, err := c.w.Write(AppendCSVHeader(nil, columns))
	return err
}

func (c *csvPrinter) row(values []juno.Value) error {
	if c.look.terminal {
		shown := make([]juno.Value, len(values))
		for i, v := range values {
			shown[i] = v
			shown[i].Text = clean(v.Text)
		}
		values = shown
	}
	c.line = AppendCSV(c.line[:0], values)
	_, err := c.w.Write(c.line)
	return err
}

func (c *csvPrinter) end() error { return nil }
