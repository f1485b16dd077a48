package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"juno"
)

// typist is a person whose lines are known in advance. ^C presses Ctrl-C.
type typist struct {
	screen io.Writer
	lines  []string
}

func (p *typist) ReadLine(_ context.Context, prompt, preset string) (string, error) {
	if len(p.lines) == 0 {
		return "", io.EOF
	}
	line := p.lines[0]
	p.lines = p.lines[1:]
	io.WriteString(p.screen, strings.TrimRight(prompt+preset+line, " ")+"\n")
	if line == "^C" {
		return "", errInterrupted
	}
	return preset + strings.ReplaceAll(line, "↵", "\n"), nil
}

func (p *typist) Remember(string) {}
func (p *typist) Close() error    { return nil }

// tickingClock is a clock on which every look takes a millisecond and a half.
func tickingClock() func() time.Time {
	now := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(1500 * time.Microsecond)
		return now
	}
}

// noEnv is an environment with nothing in it.
func noEnv(string) string { return "" }

// newTestSession returns a session on a make-believe terminal.
func newTestSession(t *testing.T, l Ledger, out io.Writer, width int) *session {
	t.Helper()
	s := newSession(Options{
		Ledger: l, Stdout: out, Stderr: out, Getenv: noEnv, Now: tickingClock(),
	}, FormatTable)
	t.Cleanup(s.close)
	s.interactive, s.timing = true, true
	s.screen.outTerminal = true
	s.screen.width = func() int { return width }
	return s
}

// TestSessions plays the conversations of testdata/session. The directives:
//
//	talk [width=N] [color]     what is typed, line by line; the output is the whole screen
//	script [format=F]          a script on standard input; output, messages and the exit code
//	ledger [readonly] [remote] [fault]   begins with another ledger
func TestSessions(t *testing.T) {
	datadriven.Walk(t, "testdata/session", func(t *testing.T, path string) {
		ledger := newFakeLedger()
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Chdir(t.TempDir())
		for name, text := range map[string]string{
			"three.sql": "SELECT 1;\nSELECT balanc FROM x;\nSELECT 3;\n",
			"self.sql":  `\i self.sql`,
		} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "ledger":
				ledger = newFakeLedger()
				ledger.readOnly, ledger.remote = d.HasArg("readonly"), d.HasArg("remote")
				if d.HasArg("fault") {
					ledger.verify = append(ledger.verify, juno.Finding{
						Check: "state", From: 1, To: 5, Items: 4, FirstBad: 3,
						Expected: "aa11", Actual: "bb22", Detail: "account Acct1",
					})
				}
				return ""
			case "talk":
				return talk(t, d, ledger)
			case "script":
				return script(d, ledger)
			}
			t.Fatalf("unknown directive %s", d.Cmd)
			return ""
		})
	})
}

func talk(t *testing.T, d *datadriven.TestData, ledger *fakeLedger) string {
	width := 72
	d.MaybeScanArgs(t, "width", &width)
	var out bytes.Buffer
	s := newTestSession(t, ledger, &out, width)
	s.screen.outStyle.colored, s.screen.errStyle.colored = d.HasArg("color"), d.HasArg("color")
	s.editor = &typist{&out, strings.Split(d.Input, "\n")}
	if code := s.talk(t.Context()); code != ExitFine {
		out.WriteString("exit code " + strconv.Itoa(code))
	}
	return visible(out.String())
}

// visible shows what a terminal would act upon.
func visible(s string) string {
	return strings.NewReplacer("\x1b", "<ESC>", "\r", "<CR>").Replace(s)
}

func script(d *datadriven.TestData, ledger *fakeLedger) string {
	o := Options{
		Ledger: ledger, Stdin: strings.NewReader(d.Input), Getenv: noEnv, Now: tickingClock(),
	}
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "format":
			o.Format = arg.Vals[0]
		case "c":
			o.Commands = strings.Split(d.Input, "\n&\n")
		case "f":
			o.File = arg.Vals[0]
		}
	}
	var out, errs bytes.Buffer
	o.Stdout, o.Stderr = &out, &errs
	code := Run(context.Background(), o)
	var b strings.Builder
	b.WriteString(visible(out.String()))
	for _, line := range strings.SplitAfter(errs.String(), "\n") {
		if line != "" {
			b.WriteString("stderr: " + visible(line))
		}
	}
	b.WriteString("exit code " + strconv.Itoa(code) + "\n")
	return b.String()
}

// TestInterrupted ends the context of a script in the middle of a statement.
func TestInterrupted(t *testing.T) {
	for _, text := range []string{"SELECT slow", "SELECT endless"} {
		ledger := newFakeLedger()
		ctx, cancel := context.WithCancel(t.Context())
		if text == "SELECT slow" {
			go func() {
				<-ledger.block
				cancel()
			}()
		}
		w := &stopWriter{after: 1 << 20, stop: cancel}
		code := Run(ctx, Options{
			Ledger: ledger, Commands: []string{text, "SELECT never"},
			Stdout: w, Stderr: io.Discard, Getenv: noEnv,
		})
		if got, want := code, ExitInterrupted; got != want {
			t.Errorf("%s: exit code %d, want %d", text, got, want)
		}
		if strings.Contains(w.tail.String(), "never") {
			t.Errorf("%s: the statement after the interrupt ran", text)
		}
		cancel()
	}
}

// stopWriter counts bytes and calls stop after some of them.
type stopWriter struct {
	n, after int
	stop     func()
	tail     strings.Builder
}

func (w *stopWriter) Write(p []byte) (int, error) {
	if w.n += len(p); w.n > w.after {
		w.stop()
		w.tail.Write(p)
	}
	return len(p), nil
}

// TestAnswerIsNotHeld prints an answer that is larger than any memory would be.
func TestAnswerIsNotHeld(t *testing.T) {
	for _, f := range Formats {
		ctx, cancel := context.WithCancel(t.Context())
		w := &stopWriter{after: 1 << 20, stop: cancel}
		s := newTestSession(t, newFakeLedger(), w, 80)
		s.now = time.Now
		err := s.ask(ctx, "SELECT endless", f)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want %v", f, err, context.Canceled)
		}
		if w.n < w.after {
			t.Errorf("%s: %d bytes came while the answer went on, want %d", f, w.n, w.after)
		}
		cancel()
	}
}

// TestFullDisk reports what \o could not write.
func TestFullDisk(t *testing.T) {
	s := newTestSession(t, newFakeLedger(), io.Discard, 80)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	s.file = full
	if err := s.ask(t.Context(), "SELECT 1", FormatTable); err == nil {
		t.Error("printing to a full disk succeeded")
	}
}

func TestRunRefusesUnknownFormat(t *testing.T) {
	var errs bytes.Buffer
	code := Run(t.Context(), Options{
		Ledger: newFakeLedger(), Format: "xml", Stdout: io.Discard, Stderr: &errs, Getenv: noEnv,
	})
	if got, want := code, ExitUsage; got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
	want := "table, csv, json, markdown or vertical"
	if got := errs.String(); !strings.Contains(got, want) {
		t.Errorf("message %q does not name the formats", got)
	}
}

// TestBulkKeepsMemory hands over at most bulkAtOnce commands at a time.
func TestBulkKeepsMemory(t *testing.T) {
	ledger := newFakeLedger()
	ledger.balances["Acct1"] = juno.NewAmount(1 << 40)
	code := Run(t.Context(), Options{
		Ledger: ledger, Commands: []string{"batch test:70000"},
		Stdout: io.Discard, Stderr: io.Discard, Getenv: noEnv,
	})
	if got, want := code, ExitFine; got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
	var sizes []int
	for _, s := range ledger.sent {
		sizes = append(sizes, len(s.texts))
		if s.mode != juno.Batch {
			t.Error("batch test sent single commands")
		}
	}
	if len(sizes) != 2 || sizes[0] != bulkAtOnce || sizes[0]+sizes[1] != 70000 {
		t.Errorf("sent %v, want %d and the rest of 70000", sizes, bulkAtOnce)
	}
	if got, want := ledger.balances["Acct2"].String(), "70000"; got != want {
		t.Errorf("Acct2 has %s, want %s", got, want)
	}
}
