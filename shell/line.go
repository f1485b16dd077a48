package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/chzyer/readline"
)

// editor reads lines from a person.
type editor interface {
	// ReadLine shows the prompt and returns what was entered, line ends of a paste in it.
	// It returns errInterrupted at Ctrl-C, io.EOF at Ctrl-D on an empty line, at the end of the
	// input, and once ctx is done. preset is text to begin with.
	ReadLine(ctx context.Context, prompt, preset string) (string, error)
	// Remember puts an entry where the arrow keys find it.
	Remember(entry string)
	// Close gives the terminal back as it was.
	Close() error
}

// errInterrupted says that the person pressed Ctrl-C.
var errInterrupted = errors.New("interrupted")

// lineEditor is the editor on a terminal: github.com/chzyer/readline behind our own keys,
// completion and history, which it does not do well enough (see keys, listen, history).
type lineEditor struct {
	instance *readline.Instance
	keys     *keys
	complete func(text string) completion
	width    func() int
	fd       int

	resizes chan os.Signal
	resized func() // readline's own

	mutex sync.Mutex
	state *readline.State // of the terminal before; nil while it is as it was
	out   *echo
}

// Bracketed paste (xterm's mode 2004): the terminal says where a paste begins and ends.
const (
	bracketedPasteOn  = "\x1b[?2004h"
	bracketedPasteOff = "\x1b[?2004l"
	clearScreen       = "\x1b[H\x1b[2J"
)

// newLineEditor takes hold of a terminal. entries are what the arrow keys find.
func newLineEditor(
	in, out *os.File, entries []string, width func() int, complete func(string) completion,
) (*lineEditor, error) {
	e := &lineEditor{complete: complete, width: width, fd: int(in.Fd())}
	e.out = &echo{w: out, width: width}
	e.resizes = make(chan os.Signal, 1)
	signal.Notify(e.resizes, syscall.SIGWINCH)
	e.keys = newKeys(in, e.suspend)
	instance, err := readline.NewEx(&readline.Config{
		Stdin:  e.keys,
		Stdout: e.out,
		Stderr: e.out,
		// The history is ours: readline would make its file readable for all, and write an
		// entry of several lines as several entries.
		HistoryLimit:           historyEntriesMax,
		DisableAutoSaveHistory: true,
		HistorySearchFold:      true,
		AutoComplete:           silent{},
		Listener:               e,
		Painter:                e,
		FuncGetWidth:           width,
		FuncIsTerminal:         func() bool { return true },
		FuncMakeRaw:            e.enterRaw,
		FuncExitRaw:            e.exitRaw,
		FuncOnWidthChanged:     func(resized func()) { e.resized = resized },
	})
	if err != nil {
		return nil, err
	}
	e.instance = instance
	// Readline crashes where somebody leaves the search of a history that has nothing in it.
	for _, entry := range append([]string{""}, entries...) {
		e.Remember(entry)
	}
	return e, nil
}

// resize tells readline of a new width. It must not be told at SIGWINCH, in the middle of drawing:
// it does not lock all that it keeps a width in.
func (e *lineEditor) resize() {
	select {
	case <-e.resizes:
		e.resized()
	default:
	}
}

func (e *lineEditor) ReadLine(ctx context.Context, prompt, preset string) (string, error) {
	stop := context.AfterFunc(ctx, func() { _ = e.keys.Close() })
	defer stop()
	e.resize()
	e.instance.SetPrompt(prompt)
	e.out.setPrompt(prompt)
	var line string
	var err error
	if preset != "" {
		line, err = e.instance.ReadlineWithDefault(oneLine(preset))
	} else {
		line, err = e.instance.Readline()
	}
	switch {
	case errors.Is(err, readline.ErrInterrupt):
		return "", errInterrupted
	case ctx.Err() != nil || err != nil:
		return "", io.EOF
	}
	return strings.ReplaceAll(line, string(markNewline), "\n"), nil
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", string(markNewline)) }

func (e *lineEditor) Remember(entry string) {
	// The first call moves readline's place in its history to the end; otherwise it would store
	// the entry that the arrow keys stopped at.
	_ = e.instance.SaveHistory("")
	if entry != "" {
		_ = e.instance.SaveHistory(oneLine(entry))
	}
}

func (e *lineEditor) Close() error {
	signal.Stop(e.resizes)
	_ = e.keys.Close()
	return e.instance.Close()
}

func (e *lineEditor) enterRaw() error {
	state, err := readline.MakeRaw(e.fd)
	if err != nil {
		return err
	}
	e.mutex.Lock()
	e.state = state
	e.mutex.Unlock()
	_, err = io.WriteString(e.out, bracketedPasteOn)
	return err
}

func (e *lineEditor) exitRaw() error {
	e.mutex.Lock()
	state := e.state
	e.state = nil
	e.mutex.Unlock()
	if state == nil {
		return nil
	}
	_, err := io.WriteString(e.out, bracketedPasteOff)
	return errors.Join(err, readline.Restore(e.fd, state))
}

// suspendTimeMax is how long the system may take to stop the job. The time that it then stands
// still does not count.
const suspendTimeMax = 200 * time.Millisecond

// suspend does what Ctrl-Z does outside raw mode: it stops the whole job, and comes back when the
// job goes on. Readline's own way stops the parent process too, whoever that is.
func (e *lineEditor) suspend() {
	e.instance.Clean()
	_ = e.exitRaw()
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	if err := syscall.Kill(0, syscall.SIGTSTP); err == nil {
		// The signal may be taken by another thread a moment later. Where nobody could wake the
		// job again (a login shell, a container) the system ignores it, and no SIGCONT comes.
		select {
		case <-goesOn:
		case <-time.After(suspendTimeMax):
		}
	}
	signal.Stop(goesOn)
	_ = e.enterRaw()
	e.instance.Refresh()
}

// OnChange is called after every key with the line as it is then. It is where completion and the
// keys that readline lacks are done.
func (e *lineEditor) OnChange(line []rune, pos int, key rune) ([]rune, int, bool) {
	e.resize()
	if pos > len(line) {
		return nil, 0, false
	}
	marked := pos > 0 && line[pos-1] == key
	switch key {
	case readline.CharTab:
		return e.tab(line, pos)
	case markPaste:
		text := e.keys.Paste()
		if !marked {
			break // the search took the mark
		}
		return splice(line, pos-1, pos, []rune(oneLine(text)))
	case markDelete:
		if marked {
			return splice(line, pos-1, min(pos+1, len(line)), nil)
		}
	case markClear:
		if marked {
			_, _ = e.instance.Stdout().Write([]byte(clearScreen))
			return splice(line, pos-1, pos, nil)
		}
	}
	return nil, 0, false
}

// splice replaces line[from:to] and puts the cursor behind the replacement.
func splice(line []rune, from, to int, by []rune) ([]rune, int, bool) {
	out := append(append(append([]rune{}, line[:from]...), by...), line[to:]...)
	return out, from + len(by), true
}

// tab completes the word before the cursor, with the case it should have, or shows what there is
// to choose from.
func (e *lineEditor) tab(line []rune, pos int) ([]rune, int, bool) {
	text := strings.ReplaceAll(string(line[:pos]), string(markNewline), "\n")
	c := e.complete(text)
	if len(c.choices) == 0 {
		return nil, 0, false
	}
	word := []rune(text[c.start:])
	by := []rune(c.common)
	if len(c.choices) > 1 && len(by) <= len(word) {
		_, _ = e.instance.Stdout().Write([]byte(c.list(e.width())))
	}
	if len(by) < len(word) {
		return nil, 0, false
	}
	return splice(line, pos-len(word), pos, []rune(oneLine(string(by))))
}

// Paint shows line ends inside the line as ↵.
func (e *lineEditor) Paint(line []rune, pos int) []rune {
	e.out.painted(line, pos)
	out := make([]rune, len(line))
	for i, r := range line {
		switch {
		case r == markNewline:
			r = '↵'
		case r >= markPaste && r <= markClear:
			r = ' ' // gone as soon as the listener is called
		}
		out[i] = r
	}
	return out
}

// silent is an AutoCompleter without candidates: readline's menu divides by zero where a
// candidate is wider than the screen, and cannot mend the case of what was typed.
type silent struct{}

func (silent) Do([]rune, int) ([][]rune, int) { return nil, 0 }

// plainEditor reads lines where the terminal cannot be steered (TERM=dumb): it shows the prompt
// and leaves the rest to the terminal.
type plainEditor struct {
	out        io.Writer
	lines      *lines
	interrupts <-chan os.Signal
	// reading delivers the line that is being read. It stays over an interrupt: nothing can take
	// a read of the terminal back.
	reading chan readLine
}

// readLine is what one read gave.
type readLine struct {
	text string
	err  error
}

func (e *plainEditor) ReadLine(ctx context.Context, prompt, _ string) (string, error) {
	if _, err := io.WriteString(e.out, prompt); err != nil {
		return "", io.EOF
	}
	if e.reading == nil {
		c := make(chan readLine, 1)
		e.reading = c
		go func() {
			text, err := e.lines.next()
			c <- readLine{text, err}
		}()
	}
	select {
	case r := <-e.reading:
		e.reading = nil
		return r.text, r.err
	case <-e.interrupts:
		_, _ = io.WriteString(e.out, "\n")
		return "", errInterrupted
	case <-ctx.Done():
		return "", io.EOF
	}
}

func (e *plainEditor) Remember(string) {}
func (e *plainEditor) Close() error    { return nil }
