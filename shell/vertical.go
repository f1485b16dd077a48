package shell

import (
	"fmt"
	"io"
	"strings"

	"juno"
)

// verticalPrinter prints one line per value:
//
//	-[ row 1 ]-----
//	name    | alice
//	balance | 12.5
//
// Nothing is cut. A text of several lines goes on below itself.
type verticalPrinter struct {
	w    io.Writer
	look look

	names []string
	width int // of the names
	count int
	// single leaves the rule away: there is one row, and a title stands above it.
	single bool
	line   strings.Builder
}

// ruleColumns is how long the line above a row is, where the screen has that much.
const ruleColumns = 40

func (v *verticalPrinter) begin(columns []juno.Column) error {
	all := make([]tableColumn, len(columns))
	for i, c := range columns {
		all[i].name = clean(c.Name)
	}
	v.name(all)
	return nil
}

// name takes the columns over from a table that does not fit.
func (v *verticalPrinter) name(columns []tableColumn) {
	v.names = make([]string, len(columns))
	for i, c := range columns {
		v.names[i] = c.name
		v.width = max(v.width, textWidth(c.name))
	}
}

func (v *verticalPrinter) row(values []juno.Value) error {
	cells := make([]tableCell, len(values))
	for i, value := range values {
		cells[i] = tableCell{cellText(value), value.Kind == juno.Null}
		if value.Kind == juno.Text && strings.Contains(value.Text, "\n") {
			cells[i].text = cleanLines(value.Text)
		}
	}
	return v.print(cells)
}

func (v *verticalPrinter) print(cells []tableCell) error {
	v.count++
	title := fmt.Sprintf("-[ row %d ]", v.count)
	length := ruleColumns
	if v.look.width > 0 {
		length = min(length, v.look.width)
	}
	v.line.Reset()
	rule := title + strings.Repeat("-", max(0, length-len(title)))
	if !v.single {
		v.line.WriteString(v.look.style.dim(rule) + "\n")
	}
	for i, c := range cells {
		text := c.text
		if c.null {
			text = v.look.style.dim(text)
		}
		text = strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", v.width)+" | ")
		name := pad(v.look.style.bold(v.names[i]), textWidth(v.names[i]), v.width)
		v.line.WriteString(name + " | " + text + "\n")
	}
	_, err := io.WriteString(v.w, v.line.String())
	return err
}

func (v *verticalPrinter) end() error { return nil }
