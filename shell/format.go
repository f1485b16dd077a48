package shell

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"juno"
)

// Format is how answers are printed.
type Format string

// The formats. Table and Vertical are for people, the others for programs; see the package
// comment for what each promises.
const (
	FormatTable    Format = "table"
	FormatCSV      Format = "csv"
	FormatJSON     Format = "json"
	FormatMarkdown Format = "markdown"
	FormatVertical Format = "vertical"
)

// Formats lists all formats, for help and completion.
var Formats = []Format{FormatTable, FormatCSV, FormatJSON, FormatMarkdown, FormatVertical}

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	f := Format(strings.ToLower(s))
	if !slices.Contains(Formats, f) {
		return "", fmt.Errorf("format %.40q: want %s", s, listed(Formats))
	}
	return f, nil
}

// listed joins names as people do, "a, b or c".
func listed[S ~string](names []S) string {
	var b strings.Builder
	for i, n := range names {
		switch {
		case i > 0 && i == len(names)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(n))
	}
	return b.String()
}

// forPeople says whether the format may be followed by a line that counts the rows.
func (f Format) forPeople() bool { return f == FormatTable || f == FormatVertical }

// look is what a printer has to know of the place it prints to.
type look struct {
	width int // columns that an answer must fit into; 0: as many as it takes
	style style
	now   func() time.Time
	// terminal says that the characters go to a terminal, so that no format may let a control
	// character through.
	terminal bool
}

// printer prints one answer. begin comes first and once, then the rows, then end; after an error
// of any of them, or where the answer itself fails, end is not called. A row and its values are
// the printer's only during the call.
type printer interface {
	begin(columns []juno.Column) error
	row(values []juno.Value) error
	end() error
}

// newPrinter returns a printer for one answer. It may write in small pieces: w is buffered.
func newPrinter(f Format, w io.Writer, l look) printer {
	switch f {
	case FormatCSV:
		return &csvPrinter{w: w, look: l}
	case FormatJSON:
		return &jsonPrinter{w: w}
	case FormatMarkdown:
		return &markdownPrinter{w: w}
	case FormatVertical:
		return &verticalPrinter{w: w, look: l}
	}
	return &tablePrinter{w: w, look: l}
}

// fixedRows is an answer that the shell itself made. It implements juno.Rows.
type fixedRows struct {
	columns []juno.Column
	rows    [][]juno.Value
	head    juno.Head
	next    int
}

// table makes an answer from the names of its columns.
func table(names ...string) *fixedRows {
	t := &fixedRows{}
	for _, n := range names {
		t.columns = append(t.columns, juno.Column{Name: n})
	}
	return t
}

func (t *fixedRows) add(values ...juno.Value) { t.rows = append(t.rows, values) }

func (t *fixedRows) Columns() []juno.Column { return t.columns }

func (t *fixedRows) Next() ([]juno.Value, bool) {
	if t.next >= len(t.rows) {
		return nil, false
	}
	t.next++
	return t.rows[t.next-1], true
}

func (t *fixedRows) Err() error      { return nil }
func (t *fixedRows) Head() juno.Head { return t.head }
func (t *fixedRows) Close() error    { return nil }
