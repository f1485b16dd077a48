package shell

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

// echo is what the line editor writes to. After it has printed the whole line it moves the cursor
// back to its place by one backspace per character, which is wrong where a character has two
// columns, and where a terminal takes a backspace at the left edge to the line above (tmux does).
// echo puts an exact movement in its place.
type echo struct {
	w     io.Writer
	width func() int

	mutex  sync.Mutex
	prompt int // columns of the prompt
	// behind says that the next write ends in a movement back, from end to cursor, both in columns
	// from the beginning of the prompt.
	behind      bool
	end, cursor int
}

// tabColumns is what the line editor makes of a tab.
const tabColumns = 4

// backwards is the movement that the editor makes.
var backwards = regexp.MustCompile(`(?:\x08|\x1b\[A\r\x1b\[[0-9]+C)+$`)

// sgr are changes of colour, which take no column.
var sgr = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func (e *echo) setPrompt(prompt string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.prompt = textWidth(sgr.ReplaceAllString(prompt, ""))
}

// painted is told what the next write prints, and where the cursor belongs.
func (e *echo) painted(line []rune, pos int) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.behind = pos < len(line); e.behind {
		e.cursor = e.prompt + lineWidth(line[:pos])
		e.end = e.cursor + lineWidth(line[pos:])
	}
}

func lineWidth(line []rune) int {
	n := 0
	for _, r := range line {
		if r == '\t' {
			n += tabColumns
		} else {
			n += runeWidth(r)
		}
	}
	return n
}

// Write passes b on.
func (e *echo) Write(b []byte) (int, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	out := b
	if e.behind && bytes.IndexByte(b, '\b') >= 0 {
		e.behind = false
		out = append(backwards.ReplaceAll(b, nil), e.back()...)
	}
	if _, err := e.w.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// back moves from the end of the line to the cursor.
func (e *echo) back() string {
	width := e.width()
	var s strings.Builder
	if up := e.end/width - e.cursor/width; up > 0 {
		fmt.Fprintf(&s, "\x1b[%dA", up)
	}
	s.WriteByte('\r')
	if column := e.cursor % width; column > 0 {
		fmt.Fprintf(&s, "\x1b[%dC", column)
	}
	return s.String()
}
