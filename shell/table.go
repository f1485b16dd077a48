package shell

import (
	"io"
	"strings"
	"time"

	"juno"
)

// Limits of a table.
const (
	// sampleRowsMax is how many rows the widths of the columns are taken from. The rest of the
	// answer is printed as it comes, so that its length costs no memory.
	sampleRowsMax = 200
	// sampleTimeMax ends the sample of an answer that comes slowly: people wait for something.
	sampleTimeMax = 300 * time.Millisecond
	// sampleBytesMax bounds the memory of a sample of huge values.
	sampleBytesMax = 8 << 20
	// columnCutMin is the width below which no column of text is cut: a name of less says nothing.
	columnCutMin = 8
	// columnWhole is the widest column that is left whole as long as cutting the broader ones is
	// enough: half a hash is as good as a hash, half a timestamp is not. A timestamp has 24.
	columnWhole = 24
	// columnPadMax is the widest that a column is filled up to where nothing is cut. A single
	// value of a megabyte must not make every line a megabyte.
	columnPadMax = 200
)

// tableColumn is one column while it is printed.
type tableColumn struct {
	name  string
	right bool // numbers stand to the right
	width int
}

// tableCell is one value of the sample.
type tableCell struct {
	text string
	null bool
}

// tablePrinter prints aligned columns:
//
//	 name  | balance
//	-------+---------
//	 alice |    12.5
//
// Where the columns do not fit, columns of text are cut, the widest first; numbers never are,
// since a number that was cut is another number. If that does not suffice, every row is printed
// vertically.
type tablePrinter struct {
	w    io.Writer
	look look

	columns []tableColumn
	kinds   []juno.ValueKind // as far as known
	sample  [][]tableCell
	bytes   int
	started time.Time
	flowing bool // the header is out, the widths are fixed
	// vertical takes over where the columns do not fit.
	vertical *verticalPrinter
	cells    []tableCell // of the row that is printed
	line     []byte
}

func (t *tablePrinter) begin(columns []juno.Column) error {
	t.columns = make([]tableColumn, len(columns))
	t.kinds = make([]juno.ValueKind, len(columns))
	for i, c := range columns {
		t.columns[i].name, t.kinds[i] = clean(c.Name), c.Kind
	}
	t.started = t.look.now()
	return nil
}

func (t *tablePrinter) row(values []juno.Value) error {
	cells := t.cells
	if !t.flowing {
		cells = make([]tableCell, len(values))
	}
	for i, v := range values {
		cells[i] = tableCell{cellText(v), v.Kind == juno.Null}
		t.bytes += len(cells[i].text)
		if v.Kind != juno.Text || v.Text != "" {
			t.learn(i, v.Kind)
		}
	}
	if t.flowing {
		return t.print(cells)
	}
	t.sample = append(t.sample, cells)
	if len(t.sample) >= sampleRowsMax || t.bytes >= sampleBytesMax ||
		t.look.now().Sub(t.started) >= sampleTimeMax {
		return t.flow()
	}
	return nil
}

func (t *tablePrinter) end() error {
	if t.flowing {
		return nil
	}
	return t.flow()
}

// learn makes a column one of numbers only as long as nothing else was seen in it; an empty text
// says nothing.
func (t *tablePrinter) learn(i int, k juno.ValueKind) {
	switch {
	case t.flowing, k == juno.Null:
	case t.kinds[i] == juno.Null, !numeric(k):
		t.kinds[i] = k
	case !numeric(t.kinds[i]):
		// Text came before: it stays a column of text.
	default:
		t.kinds[i] = k
	}
}

// flow fixes the widths, prints the header and what was withheld.
func (t *tablePrinter) flow() error {
	t.flowing = true
	t.cells = make([]tableCell, len(t.columns))
	widest := make([]int, len(t.columns)) // of the values alone
	for _, row := range t.sample {
		for i, c := range row {
			widest[i] = max(widest[i], textWidth(c.text))
		}
	}
	for i := range t.columns {
		c := &t.columns[i]
		c.right = numeric(t.kinds[i])
		c.width = max(widest[i], textWidth(c.name))
	}
	if t.look.width > 0 && !t.fit(widest) {
		t.vertical = &verticalPrinter{w: t.w, look: t.look}
		t.vertical.name(t.columns)
	} else {
		for i := range t.columns {
			c := &t.columns[i]
			c.width = min(c.width, max(columnPadMax, textWidth(c.name)))
		}
		if err := t.header(); err != nil {
			return err
		}
	}
	for _, row := range t.sample {
		if err := t.print(row); err != nil {
			return err
		}
	}
	t.sample = nil
	return nil
}

// fit narrows the columns to the width of the screen and reports whether that can be done.
func (t *tablePrinter) fit(widest []int) bool {
	// A line is a blank on both sides of every column, and bars between them.
	excess := 3*len(t.columns) - 1 - t.look.width
	least := make([]int, len(t.columns))
	first := make([]int, len(t.columns))
	for i, c := range t.columns {
		excess += c.width
		least[i] = min(c.width, columnCutMin)
		if c.right {
			least[i] = min(c.width, max(widest[i], columnCutMin))
		}
		if first[i] = least[i]; c.width <= columnWhole {
			first[i] = c.width
		}
	}
	return t.narrow(t.narrow(excess, first), least) <= 0
}

// narrow takes columns from the broadest, one by one, as long as any is broader than its least
// width, and returns what is still too much.
func (t *tablePrinter) narrow(excess int, least []int) int {
	for excess > 0 {
		broadest := -1
		for i, c := range t.columns {
			if c.width > least[i] && (broadest < 0 || c.width > t.columns[broadest].width) {
				broadest = i
			}
		}
		if broadest < 0 {
			break
		}
		t.columns[broadest].width--
		excess--
	}
	return excess
}

func (t *tablePrinter) header() error {
	t.line = t.line[:0]
	for i, c := range t.columns {
		name := cut(c.name, c.width)
		t.cell(i, t.look.style.bold(name), textWidth(name))
	}
	t.line = append(t.line, '\n')
	for i, c := range t.columns {
		if i > 0 {
			t.line = append(t.line, '+')
		}
		t.line = append(t.line, strings.Repeat("-", c.width+2)...)
	}
	_, err := t.w.Write(append(t.line, '\n'))
	return err
}

func (t *tablePrinter) print(cells []tableCell) error {
	if t.vertical != nil {
		return t.vertical.print(cells)
	}
	t.line = t.line[:0]
	for i, c := range cells {
		text := c.text
		if t.look.width > 0 && !t.columns[i].right {
			text = cut(text, t.columns[i].width)
		}
		w := textWidth(text)
		if c.null {
			text = t.look.style.dim(text)
		}
		t.cell(i, text, w)
	}
	_, err := t.w.Write(append(t.line, '\n'))
	return err
}

// cell appends a text that takes w columns. The last column is not filled up: blanks at the end
// of a line are in the way of whoever copies it.
func (t *tablePrinter) cell(i int, text string, w int) {
	c := &t.columns[i]
	if i > 0 {
		t.line = append(t.line, '|')
	}
	t.line = append(t.line, ' ')
	last := i == len(t.columns)-1
	switch {
	case c.right:
		t.line = append(append(t.line, blanks(c.width-w)...), text...)
	case last:
		t.line = append(t.line, text...)
	default:
		t.line = append(append(t.line, text...), blanks(c.width-w)...)
	}
	if !last {
		t.line = append(t.line, ' ')
	}
}
