package shell

import (
	"io"
	"os"

	"golang.org/x/term"
)

// screen is where the shell prints, and what it may do there.
type screen struct {
	out, errs         io.Writer
	outTerminal       bool
	errTerminal       bool
	outStyle          style
	errStyle          style
	width             func() int // columns of the terminal
	outFile, errsFile *os.File   // nil where out or errs is none
}

// Columns that are taken for a screen that does not say how wide it is, and the least that is
// believed: a width of 0 is what a terminal says that was never told.
const (
	screenColumns    = 80
	screenColumnsMin = 20
)

func newScreen(out, errs io.Writer, getenv func(string) string) *screen {
	s := &screen{out: out, errs: errs}
	s.outFile, s.outTerminal = terminal(out)
	s.errsFile, s.errTerminal = terminal(errs)
	s.outStyle.colored = s.outTerminal && colorWanted(getenv)
	s.errStyle.colored = s.errTerminal && colorWanted(getenv)
	s.width = s.columns
	return s
}

// terminal reports whether a reader or writer is a terminal.
func terminal(v any) (*os.File, bool) {
	f, ok := v.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// columns asks the terminal for its width.
func (s *screen) columns() int {
	for _, f := range []*os.File{s.outFile, s.errsFile} {
		if f == nil {
			continue
		}
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w >= screenColumnsMin {
			return w
		}
	}
	return screenColumns
}
