package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"juno"
)

// session is one run of the shell: its settings, and what it writes to.
type session struct {
	ledger Ledger
	screen *screen
	getenv func(string) string
	now    func() time.Time

	interactive bool
	format      Format
	timing      bool
	pager       bool
	// file takes the answers instead of the screen, after \o.
	file     *os.File
	fileName string
	// source names the script that is running, for messages; empty at the prompt.
	source string
	depth  int // of \i in \i
	// answers counts what was printed; in a script an empty line stands between two tables.
	answers int

	interrupts *interrupts
	history    *history
	editor     editor
	assembler  assembler // of the prompt
	lastQuery  string    // for \watch and \e
	preset     string    // what the next prompt begins with, after \e
}

// errQuit ends the shell; errFailed ends a script, after the reason was printed; errFault too,
// after a verification that found something.
var (
	errQuit   = errors.New("quit")
	errFailed = errors.New("failed")
	errFault  = errors.New("verification failed")
)

func newSession(o Options, format Format) *session {
	s := &session{
		ledger: o.Ledger, screen: newScreen(o.Stdout, o.Stderr, o.Getenv), format: format,
		getenv: o.Getenv, now: o.Now, interrupts: newInterrupts(),
		history: &history{},
	}
	s.assembler = assembler{reader: o.Ledger, escapes: true}
	return s
}

func (s *session) close() {
	s.interrupts.close()
	if s.file != nil {
		if err := s.file.Close(); err != nil {
			s.say(s.screen.errStyle.bad("error:"), err.Error())
		}
	}
}

// guarded runs a script, which Ctrl-C ends, and returns its exit code.
func (s *session) guarded(ctx context.Context, run func(context.Context) error) int {
	ctx, stop := s.interrupts.guard(ctx)
	defer stop()
	err := run(ctx)
	switch {
	case errors.Is(err, errQuit):
		return ExitFine
	case errors.Is(err, errFault):
		return ExitUnverified
	}
	return exitCode(ctx, err)
}

// text runs the text of one -c.
func (s *session) text(ctx context.Context, text string) error {
	return s.run(ctx, strings.NewReader(text))
}

// script runs what a file or a pipe holds; messages name it.
func (s *session) script(ctx context.Context, name string, r io.Reader) error {
	outer := s.source
	s.source = name
	defer func() { s.source = outer }()
	return s.run(ctx, r)
}

// includeDepthMax bounds files that include files: a file that includes itself must end.
const includeDepthMax = 16

// include runs a file.
func (s *session) include(ctx context.Context, name string) error {
	if s.depth >= includeDepthMax {
		return fmt.Errorf("%s: \\i within \\i, more than %d deep", name, includeDepthMax)
	}
	f, err := os.Open(name)
	if err != nil {
		s.problem(unit{}, err)
		return errFailed
	}
	defer f.Close()
	s.depth++
	defer func() { s.depth-- }()
	return s.script(ctx, name, f)
}

// run reads lines and runs what they say, until something fails.
func (s *session) run(ctx context.Context, r io.Reader) error {
	a := assembler{reader: s.ledger}
	in := newLines(r)
	for {
		line, err := in.next()
		var units []unit
		var refused error
		switch {
		case err == nil:
			units, refused = a.add(line)
		case errors.Is(err, io.EOF):
			units, refused = a.end()
		default:
			s.problem(unit{line: a.line + 1}, err)
			return errFailed
		}
		for _, u := range units {
			if err := s.do(ctx, u); err != nil {
				return err
			}
		}
		if refused != nil {
			s.problem(unit{line: a.line}, refused)
			return errFailed
		}
		if err != nil {
			return nil
		}
	}
}

// do runs one unit. It has printed what went wrong when it returns an error.
func (s *session) do(ctx context.Context, u unit) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var err error
	switch u.kind {
	case unitSQL:
		err = s.query(ctx, u)
	case unitCommand:
		err = s.command(ctx, u)
	case unitBulk:
		err = s.bulk(ctx, u)
	case unitBackslash:
		err = s.backslash(ctx, u)
	}
	switch {
	case err == nil, errors.Is(err, errQuit), errors.Is(err, errFailed), errors.Is(err, errFault):
		return err
	case ctx.Err() != nil && !errors.Is(err, juno.ErrUnknown):
		err = context.Cause(ctx)
	}
	s.problem(u, err)
	if errors.Is(err, juno.ErrUnknown) || errors.Is(err, errInterrupted) {
		return err
	}
	return errFailed
}

// converse is the shell on a terminal.
func (s *session) converse(ctx context.Context, o Options, stdin *os.File) int {
	s.interactive, s.timing = true, true
	h, err := openHistory(o.HistoryFile)
	if err != nil {
		s.note(err.Error())
	}
	s.history = h
	if err := s.openEditor(ctx, stdin); err != nil {
		s.problem(unit{}, err)
		return ExitFailed
	}
	defer s.editor.Close()
	return s.talk(ctx)
}

// talk reads and runs until the person leaves.
func (s *session) talk(ctx context.Context) int {
	s.greet()
	for {
		line, err := s.editor.ReadLine(ctx, s.prompt(), s.takePreset())
		switch {
		case errors.Is(err, errInterrupted):
			s.assembler.clear()
			continue
		case errors.Is(err, io.EOF):
			if ctx.Err() != nil {
				return ExitInterrupted
			}
			return ExitFine
		case err != nil:
			s.problem(unit{}, err)
			continue
		}
		if s.entered(ctx, line) {
			return ExitFine
		}
		if ctx.Err() != nil {
			return ExitInterrupted
		}
	}
}

func (s *session) openEditor(ctx context.Context, stdin *os.File) error {
	if s.getenv("TERM") == "dumb" || s.screen.outFile == nil {
		s.editor = &plainEditor{
			out: s.screen.out, lines: newLines(stdin), interrupts: s.interrupts.signals,
		}
		return nil
	}
	c := &completer{ledger: s.ledger, ctx: ctx}
	e, err := newLineEditor(stdin, s.screen.outFile, s.history.entries, s.screen.width,
		func(text string) completion { return c.complete(s.assembler.pending, text) })
	s.editor = e
	return err
}

func (s *session) takePreset() string {
	p := s.preset
	s.preset = ""
	return p
}

// entered takes what a person entered: one line, or the lines of a paste. It reports whether the
// shell is to end.
func (s *session) entered(ctx context.Context, entry string) (quit bool) {
	before := s.assembler.pending
	defer func() {
		if !s.assembler.open() {
			whole := strings.TrimPrefix(before+"\n"+entry, "\n")
			s.remember(strings.TrimRight(whole, " \t\n"))
		}
	}()
	s.assembler.line = 0
	for _, line := range strings.Split(entry, "\n") {
		if word := strings.TrimSpace(line); !s.assembler.open() && courtesy[word] != "" {
			line = courtesy[word]
		}
		units, refused := s.assembler.add(line)
		for _, u := range units {
			u.line = 0
			err := s.guardedUnit(ctx, u)
			if errors.Is(err, errQuit) {
				return true
			}
			if err != nil {
				// The rest of a paste was written for the case that this worked.
				s.assembler.clear()
				return false
			}
		}
		if refused != nil {
			s.problem(unit{}, refused)
			s.assembler.clear()
			return false
		}
	}
	return false
}

// guardedUnit runs one unit, which Ctrl-C cancels.
func (s *session) guardedUnit(ctx context.Context, u unit) error {
	ctx, stop := s.interrupts.guard(ctx)
	defer stop()
	return s.do(ctx, u)
}

// courtesy understands what people type into shells of other makers.
var courtesy = map[string]string{
	"help": `\?`, "help;": `\?`, "?": `\?`,
	"quit": `\q`, "quit;": `\q`, "exit": `\q`, "exit;": `\q`,
}

func (s *session) remember(entry string) {
	fresh, err := s.history.add(entry)
	if err != nil {
		s.note(err.Error())
		s.history.path = "" // once is enough
	}
	if fresh {
		s.editor.Remember(entry)
	}
}

// greet says who speaks to what.
func (s *session) greet() {
	id := s.ledger.Identity()
	who := "for reading only"
	if id.Client != "" {
		who = fmt.Sprintf("as %s (key %s)", clean(id.Client), id.Key)
	}
	kind := "ledger"
	if id.Remote {
		kind = "cluster"
	}
	fmt.Fprintf(s.screen.out, "juno: %s %s, %s. \\? for help, \\q to quit.\n",
		kind, clean(id.Ledger), who)
}

// prompt shows the last entry of the ledger; a statement that goes on gets dots in its place.
func (s *session) prompt() string {
	p := fmt.Sprintf("juno@%d> ", s.ledger.Head().Index)
	if s.assembler.open() {
		return strings.Repeat(" ", max(0, len(p)-5)) + "...> "
	}
	return s.screen.outStyle.bold(p)
}

// say prints a message, a label before it. What comes from the ledger in it is made harmless.
func (s *session) say(label, text string) {
	s.write(s.screen.errs, label+" "+cleanLines(text)+"\n")
}

// note prints a remark.
func (s *session) note(text string) {
	s.write(s.screen.errs, s.screen.errStyle.dim(cleanLines(text))+"\n")
}

// write is for messages: if even those cannot be written, there is nobody to tell.
func (s *session) write(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

// bar starts a progress bar.
func (s *session) bar(label string) *ProgressBar {
	if !s.screen.errTerminal || s.getenv("TERM") == "dumb" {
		return newProgressBar(nil, s.screen.width, label)
	}
	return newProgressBar(s.screen.errs, s.screen.width, label)
}

// output is where one answer goes.
type output struct {
	*bufio.Writer
	look  look
	close func() error
}

// output opens the file of \o, the pager or the screen.
func (s *session) output() (*output, error) {
	l := look{style: s.screen.outStyle, now: s.now, terminal: s.screen.outTerminal}
	w, end := s.screen.out, func() error { return nil }
	switch {
	case s.file != nil:
		l.style, l.terminal = style{}, false
		w = s.file
	case s.pager && s.screen.outTerminal:
		p, err := s.openPager()
		if err != nil {
			return nil, err
		}
		w, end = p, p.Close
	case s.screen.outTerminal:
		l.width = s.screen.width()
	}
	return &output{bufio.NewWriterSize(w, 64<<10), l, end}, nil
}
