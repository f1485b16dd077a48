package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"juno"
)

// flushPeriod is how long printed rows may wait in a buffer while an answer goes on.
const flushPeriod = 100 * time.Millisecond

// query runs one SQL statement and prints its answer.
func (s *session) query(ctx context.Context, u unit) error {
	s.lastQuery = u.text
	return s.ask(ctx, u.text, s.format)
}

// ask runs SQL and prints the answer in a format.
func (s *session) ask(ctx context.Context, text string, f Format) error {
	started := s.now()
	bar := s.bar("running")
	defer bar.Stop()
	rows, err := s.ledger.Query(ctx, juno.Query{Text: text})
	if err == nil {
		defer rows.Close()
		err = s.show(rows, f, bar, started)
	}
	if err != nil {
		return &failedStatement{text, err}
	}
	return nil
}

// answer prints what the shell itself knows.
func (s *session) answer(rows juno.Rows) error {
	return s.show(rows, s.format, noBar(), s.now())
}

// shown counts what was printed of one answer.
type shown struct {
	rows    int64
	flushed time.Time
}

// show prints an answer row by row and then how long it is. The bar runs until the first row.
func (s *session) show(rows juno.Rows, f Format, bar *ProgressBar, started time.Time) error {
	defer bar.Stop()
	out, err := s.output()
	if err != nil {
		return err
	}
	var n shown
	s.separate(out)
	p := newPrinter(f, out, out.look)
	err = s.rows(rows, p, out, bar, &n)
	bar.Stop()
	if err == nil && f.forPeople() && s.interactive {
		err = s.footer(out, rows, n.rows, started)
	}
	err = errors.Join(err, out.Flush(), out.close())
	if s.pager && errors.Is(err, syscall.EPIPE) {
		return nil // the reader of the pager has seen enough
	}
	if err == nil && !f.forPeople() && s.interactive {
		err = s.footer(s.screen.errs, rows, n.rows, started)
	}
	return err
}

// separate puts an empty line between two answers of a script, for people.
func (s *session) separate(out *output) {
	if s.answers++; s.answers > 1 && !s.interactive && s.format.forPeople() {
		_ = out.WriteByte('\n') // an error stays in out until it is flushed
	}
}

// rows prints all rows. Nothing is printed of an answer that fails before its first row.
func (s *session) rows(rows juno.Rows, p printer, out *output, bar *ProgressBar, n *shown) error {
	begun := false
	begin := func() error {
		begun = true
		if s.file == nil {
			bar.Stop() // both are on one screen
		}
		return p.begin(rows.Columns())
	}
	n.flushed = s.now()
	for {
		values, more := rows.Next()
		if !more {
			break
		}
		if !begun {
			if err := begin(); err != nil {
				return err
			}
		}
		if err := p.row(values); err != nil {
			return err
		}
		n.rows++
		bar.Report(int(n.rows), 0)
		if now := s.now(); out.look.terminal && now.Sub(n.flushed) >= flushPeriod {
			n.flushed = now
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		if t, ok := p.(*tablePrinter); ok && begun {
			_ = t.end() // what came is shown
		}
		if _, ok := p.(*jsonPrinter); ok && begun {
			_, _ = io.WriteString(out, "\n")
		}
		return err
	}
	if !begun {
		if err := begin(); err != nil {
			return err
		}
	}
	return p.end()
}

// footer tells how many rows there were, at which entry of the log they were read, and how long it
// took.
func (s *session) footer(w io.Writer, rows juno.Rows, n int64, started time.Time) error {
	text := count(n, "row", "rows")
	if head := rows.Head(); head.Index > 0 {
		text += fmt.Sprintf(", at entry %d", head.Index)
	}
	if v, ok := rows.(Vouched); ok {
		if who := v.Vouchers(); who != "" {
			text += ", " + clean(who)
		}
	}
	if s.timing {
		text += ", " + took(s.now().Sub(started))
	}
	style := s.screen.outStyle
	if s.file != nil {
		style.colored = false
	}
	_, err := io.WriteString(w, style.dim("("+text+")")+"\n")
	return err
}
