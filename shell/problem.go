package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"juno"
)

// The exit codes of Run. They are the contract of the command line; 2, wrong usage, is for an
// unknown format in Options.
const (
	ExitFine        = 0
	ExitFailed      = 1   // a statement was refused or failed
	ExitUsage       = 2   // the options make no sense
	ExitUnverified  = 3   // \verify found a fault
	ExitUnknown     = 4   // nobody can say what became of a command
	ExitInterrupted = 130 // Ctrl-C, or the context ended
)

// exitCode returns the code that an error ends a script with.
func exitCode(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return ExitFine
	case errors.Is(err, juno.ErrUnknown):
		return ExitUnknown
	case errors.Is(err, errInterrupted), ctx.Err() != nil:
		return ExitInterrupted
	}
	return ExitFailed
}

// snippetBefore is how much of a long line stands before the caret, in columns.
const snippetBefore = 50

// snippet shows the line of a statement in which offset lies, and a caret below the place. first
// is the number of the statement's first line, so that a file's own line numbers are shown; 0
// leaves numbers away where there is one line only.
func snippet(text string, offset, width, first int) string {
	if offset < 0 || offset > len(text) {
		return ""
	}
	begin := strings.LastIndexByte(text[:offset], '\n') + 1
	end := len(text)
	if i := strings.IndexByte(text[offset:], '\n'); i >= 0 {
		end = offset + i
	}
	label := ""
	if first > 0 || strings.Contains(text, "\n") {
		label = fmt.Sprintf("%d: ", max(first, 1)+strings.Count(text[:offset], "\n"))
	}
	before, after := clean(text[begin:offset]), clean(text[offset:end])
	room := max(width-len(label)-4, 20)
	limit := min(snippetBefore, room-2)
	if textWidth(before) > limit && textWidth(before)+textWidth(after) > room {
		before = ellipsis + cutFront(before, limit-1)
	}
	after = cut(after, room-textWidth(before))
	at := len(label) + textWidth(before)
	return "  " + label + before + after + "\n  " + strings.Repeat(" ", at) + "^\n"
}

// cutFront keeps at most width columns of the end of a text.
func cutFront(s string, width int) string {
	for i, r := range s {
		if textWidth(s[i:]) <= width && runeWidth(r) > 0 {
			return s[i:]
		}
	}
	return ""
}

// failedStatement is an error of SQL with the SQL it is about, which need not be what was typed.
type failedStatement struct {
	text string
	err  error
}

func (f *failedStatement) Error() string { return f.err.Error() }
func (f *failedStatement) Unwrap() error { return f.err }

// problem prints what went wrong with a unit, the place it went wrong at, and what to do.
func (s *session) problem(u unit, err error) {
	if errors.Is(err, errInterrupted) || errors.Is(err, errTerminated) ||
		errors.Is(err, context.Canceled) {
		s.note("cancelled")
		return
	}
	style := s.screen.errStyle
	where := s.where(u)
	var refused *juno.QueryError
	if !errors.As(err, &refused) {
		s.say(style.bad("error:"), where+err.Error())
		return
	}
	line, text := 0, ""
	if failed := new(failedStatement); errors.As(err, &failed) {
		text = failed.text
	}
	if s.source != "" && u.kind == unitSQL {
		line = u.line
		if refused.Offset >= 0 && refused.Offset <= len(text) {
			u.line += strings.Count(text[:refused.Offset], "\n")
			where = s.where(u)
		}
	}
	s.say(style.bad("error:"), where+refused.Message)
	if text != "" {
		s.write(s.screen.errs, snippet(text, refused.Offset, s.screen.width(), line))
	}
	if refused.Hint != "" {
		s.say(style.hint("hint:"), refused.Hint)
	}
}

// where names the place in a script, "audit.sql:12: ".
func (s *session) where(u unit) string {
	if s.source == "" || u.line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", s.source, u.line)
}
