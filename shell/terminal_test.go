package shell

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// asShell makes the test binary be the shell itself, over a fake ledger: only a process of its
// own has a controlling terminal.
const asShell = "JUNO_TEST_AS_SHELL"

func TestMain(m *testing.M) {
	if os.Getenv(asShell) == "" {
		os.Exit(m.Run())
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o := Options{Ledger: newFakeLedger(), HistoryFile: os.Getenv("JUNO_TEST_HISTORY")}
	if text := os.Getenv("JUNO_TEST_COMMAND"); text != "" {
		o.Commands = []string{text}
	}
	os.Exit(Run(ctx, o))
}

// console is a shell that runs on a pseudo-terminal.
type console struct {
	t    *testing.T
	cmd  *exec.Cmd
	file *os.File

	mutex  sync.Mutex
	screen []byte
	more   chan struct{} // has a token when screen grew or ended
	ended  bool
	seen   int // what await has passed
}

// consoleTimeMax fails a test that waits for what does not come; the machine may be busy.
const consoleTimeMax = 60 * time.Second

func startConsole(t *testing.T, env ...string) *console {
	t.Helper()
	return startConsoleIn(t, nil, env...)
}

// startConsoleIn starts the shell as the last argument of another program.
func startConsoleIn(t *testing.T, within []string, env ...string) *console {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(within, binary)
	c := &console{t: t, cmd: exec.Command(args[0], args[1:]...), more: make(chan struct{}, 1)}
	c.cmd.Env = append(os.Environ(), asShell+"=1", "TERM=xterm", "NO_COLOR=1", "LESS=")
	c.cmd.Env = append(c.cmd.Env, env...)
	c.cmd.Dir = t.TempDir()
	c.file, err = pty.StartWithSize(c.cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	go c.read()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		_ = c.file.Close()
	})
	return c
}

func (c *console) read() {
	b := make([]byte, 4096)
	for {
		n, err := c.file.Read(b)
		c.mutex.Lock()
		c.screen = append(c.screen, b[:n]...)
		c.ended = err != nil
		c.mutex.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

var escapes = regexp.MustCompile(`\x1b\[[?0-9;]*[A-Za-z]`)

// withoutEscapes returns a text without escape sequences, and where each byte of it was.
func withoutEscapes(b []byte) (text string, places []int) {
	var out []byte
	next := 0
	for _, m := range append(escapes.FindAllIndex(b, -1), []int{len(b), len(b)}) {
		for ; next < m[0]; next++ {
			out, places = append(out, b[next]), append(places, next)
		}
		next = m[1]
	}
	return string(out), places
}

// await waits until the screen shows a text after everything that was awaited before, and
// returns what came up to there, without escape sequences.
func (c *console) await(want string) string {
	c.t.Helper()
	deadline := time.NewTimer(consoleTimeMax)
	defer deadline.Stop()
	for {
		c.mutex.Lock()
		text, places := withoutEscapes(c.screen[c.seen:])
		if i := strings.Index(text, want); i >= 0 {
			c.seen += places[i+len(want)-1] + 1
			c.mutex.Unlock()
			return text[:i+len(want)]
		}
		ended := c.ended
		c.mutex.Unlock()
		if ended {
			c.t.Fatalf("the shell ended, want %q; the screen:\n%q", want, text)
		}
		select {
		case <-c.more:
		case <-deadline.C:
			c.t.Fatalf("want %q; the screen:\n%q", want, text)
		}
	}
}

func (c *console) typed(keys string) {
	c.t.Helper()
	if _, err := c.file.WriteString(keys); err != nil {
		c.t.Fatal(err)
	}
}

// leave waits for the end and returns the exit code.
func (c *console) leave() int {
	c.t.Helper()
	deadline := time.AfterFunc(consoleTimeMax, func() { _ = c.cmd.Process.Kill() })
	defer deadline.Stop()
	_ = c.cmd.Wait()
	return c.cmd.ProcessState.ExitCode()
}

const prompt0 = "juno@0> "

func TestTerminal(t *testing.T) {
	history := filepath.Join(t.TempDir(), "history")
	c := startConsole(t, "JUNO_TEST_HISTORY="+history)
	c.await(prompt0)

	t.Run("statement over two lines", func(t *testing.T) {
		c.typed("SELECT 1,\r")
		c.await("...> ")
		c.typed("2;\r")
		c.await("(1 row")
		c.await(prompt0)
	})
	t.Run("Home and End of every kind", func(t *testing.T) {
		for _, keys := range [][2]string{
			{"\x1b[1~", "\x1b[4~"},
			{"\x1b[7~", "\x1b[8~"},
			{"\x1b[H", "\x1b[F"},
			{"\x1bOH", "\x1bOF"},
			{"\x01", "\x05"},
		} {
			c.typed("'b'" + keys[0] + "SELECT " + keys[1] + ", 'c';\r")
			c.await("SELECT 'b', 'c'\r\n(1 row")
			c.await(prompt0)
		}
	})
	t.Run("words", func(t *testing.T) {
		c.typed("SELECT one three\x1b[1;5Dtwo, \x1b[1;5C;\x1bb\x1bbAS \x05\r")
		c.await("SELECT one AS two, three")
		c.await(prompt0)
	})
	t.Run("Delete deletes and does not quit", func(t *testing.T) {
		c.typed("\x1b[3~\x1b[3~SELECT xx1\x1b[D\x1b[D\x1b[3~\x05;\r")
		c.await("SELECT x1\r\n(1 row")
		c.await(prompt0)
	})
	t.Run("keys without a meaning", func(t *testing.T) {
		// Ctrl-Space, Ctrl-T on one character, Insert, Page Up, F5, an answer about the cursor.
		c.typed("S\x00\x14\x1b[2~\x1b[5~\x1b[15~\x1b[12;40R\x1b[<0;1;1MELECT 4;\r")
		c.await("SELECT 4\r\n(1 row")
		c.await(prompt0)
	})
	t.Run("paste waits for Enter", func(t *testing.T) {
		c.typed("\x1b[200~SELECT 5,\n\t'\x1b[31m\x03x';\rSELECT 6;\n\x1b[201~")
		c.await("SELECT 5,↵")
		c.typed("\r")
		c.await("SELECT 5,␊␉'[31mx'")
		c.await("SELECT 6\r\n(1 row")
		c.await(prompt0)
	})
	t.Run("long paste", func(t *testing.T) {
		c.typed("\x1b[200~SELECT '" + strings.Repeat("0123456789", 2000) + "';\x1b[201~")
		c.typed("\r")
		c.await("345678…\r\n(1 row")
		c.await(prompt0)
	})
	t.Run("Ctrl-C at the prompt", func(t *testing.T) {
		c.typed("SELECT 'never,\r")
		c.await("...> ")
		c.typed("to be seen\x03")
		c.await(prompt0)
		c.typed("SELECT 7;\r")
		c.await("SELECT 7\r\n(1 row")
		c.await(prompt0)
	})
	t.Run("Ctrl-C cancels the statement and not the shell", func(t *testing.T) {
		c.typed("SELECT slow;\r")
		c.await("running: 1 s  (Ctrl-C cancels)")
		c.typed("\x03")
		c.await("cancelled")
		c.await(prompt0)
		c.typed("SELECT endless;\r")
		c.await(" 5000\r\n")
		c.typed("\x03")
		c.await("cancelled")
		c.await(prompt0)
	})
	t.Run("Ctrl-C ends watch", func(t *testing.T) {
		c.typed("SELECT 8;\r")
		c.await("SELECT 8\r\n(1 row")
		c.await(prompt0)
		c.typed("\\watch 0.1\r")
		c.await("SELECT 8\r\n(1 row")
		c.await("SELECT 8\r\n(1 row")
		c.typed("\x03")
		c.await(prompt0)
	})
	t.Run("search in the history", func(t *testing.T) {
		c.typed("\x12one AS\r")
		c.await("SELECT one AS two, three\r\n(1 row")
		c.await(prompt0)
	})
	t.Run("clear", func(t *testing.T) {
		c.typed("SELECT 'cl\x0c")
		c.typed("ear';\r")
		c.await("SELECT 'clear'\r\n(1 row")
		c.await(prompt0)
	})
	t.Run("Ctrl-D quits", func(t *testing.T) {
		c.typed("\x04")
		if got, want := c.leave(), ExitFine; got != want {
			t.Errorf("exit code %d, want %d", got, want)
		}
	})
	t.Run("the history is private and there next time", func(t *testing.T) {
		info, err := os.Stat(history)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := info.Mode().Perm(), os.FileMode(0o600); got != want {
			t.Errorf("history has mode %o, want %o", got, want)
		}
		next := startConsole(t, "JUNO_TEST_HISTORY="+history)
		next.await(prompt0)
		next.typed("\x1b[A\x1b[A\x01\x1b[3~\x1b[3~S\x05\x7f\x7f\x7f 11;\r") // two back, changed
		next.typed("\x1b[A\r")
		next.typed("\\history\r")
		text := next.await("\\history\r\n")
		text += next.await(prompt0)
		for _, want := range []string{
			"SELECT 1,\r\n       2;", "SELECT slow;", "SELECT one AS two, three;",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("history lacks %q:\n%s", want, text)
			}
		}
		next.typed("\\q\r")
		if got, want := next.leave(), ExitFine; got != want {
			t.Errorf("exit code %d, want %d", got, want)
		}
	})
}

func TestTerminalCompletion(t *testing.T) {
	c := startConsole(t)
	c.await(prompt0)
	for _, step := range []struct{ keys, want string }{
		{"createa\tAcct1\r", "CreateAccount Acct1\r\nok"},
		{"CREATEA\tacct2\r", "CreateAccount acct2\r\nok"},
		{"adj\tac\t", "AdjustAccount Acct"},
		{"\t", "Acct1  acct2"},
		{"1 5\r", "AdjustAccount Acct1 5\r\nok"},
		{"tr\tacct1\t->acct2\t, 2)\r", "transfer(Acct1->acct2, 2)\r\nok"},
		{"sel\tnam\t, BAL\t fr\tACCOUNTS_\t;\r", "select name, balance from accounts_history;\r\n"},
		{"SELECT balance('acct1\t);\r", "SELECT balance('Acct1');\r\n"},
		{"SELECT bal\t\t", "balance   balance("},
		{"\x03", "^C"},
		{"\\rec\t1\r", `\receipt 1`},
		{"\\format js\t\r", `\format json`},
		{"\\format\r", "format is json"},
		{"\\d acc\t\r", `\d accounts`},
		{"SELECT nosuchthing\t\t;\r", "SELECT nosuchthing\"}]\r\n(1 row"},
		{"", "juno@4> "},
		{"\t\x03", "CreateAccount"},
	} {
		c.typed(step.keys)
		c.await(step.want)
	}
	c.typed("\x04")
	if got, want := c.leave(), ExitFine; got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

func TestTerminalPagerAndEditor(t *testing.T) {
	c := startConsole(t, "PAGER=sed 's/^/page: /'", "VISUAL=sed -i s/1/2/")
	c.await(prompt0)
	c.typed("\\pager\rSELECT 1;\r")
	c.await("page:  SELECT 1\r\npage: (1 row")
	c.await(prompt0)
	c.typed("\\pager off\r\\e\r")
	c.await("SELECT 2;")
	c.typed("\r")
	c.await("SELECT 2\r\n(1 row")
	c.await(prompt0)
	c.typed("\x04")
	if got, want := c.leave(), ExitFine; got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

// TestTerminalPagerIsLeft leaves the pager in the middle of an answer without end.
func TestTerminalPagerIsLeft(t *testing.T) {
	c := startConsole(t, "PAGER=head -3")
	c.await(prompt0)
	c.typed("\\pager\rSELECT endless;\r")
	c.await(" 1\r\n")
	if text := c.await(prompt0); strings.Contains(text, "error") {
		t.Errorf("leaving the pager gives an error:\n%s", text)
	}
	c.typed("\x04")
	if got, want := c.leave(), ExitFine; got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

// TestTerminalColor: colour on a terminal, none with NO_COLOR, and none where none is known.
func TestTerminalColor(t *testing.T) {
	for _, tc := range []struct {
		env  []string
		want bool
	}{
		{[]string{"NO_COLOR="}, true},
		{[]string{"NO_COLOR=1"}, false},
		{[]string{"NO_COLOR=", "TERM=dumb"}, false},
	} {
		c := startConsole(t, tc.env...)
		c.typed("SELECT kinds;\r")
		c.await("(2 rows")
		c.typed("\\q\r")
		if got, want := c.leave(), ExitFine; got != want {
			t.Errorf("%v: exit code %d, want %d", tc.env, got, want)
		}
		c.mutex.Lock()
		if got := strings.Contains(string(c.screen), "\x1b[1mfloat"); got != tc.want {
			t.Errorf("%v: coloured %v, want %v", tc.env, got, tc.want)
		}
		dumb := slices.Contains(tc.env, "TERM=dumb")
		if dumb && strings.Contains(string(c.screen), "\x1b") {
			t.Errorf("a dumb terminal gets escape sequences: %q", c.screen)
		}
		c.mutex.Unlock()
	}
}

// TestTerminalDumb works where the terminal cannot be steered.
func TestTerminalDumb(t *testing.T) {
	c := startConsole(t, "TERM=dumb")
	c.await(prompt0)
	c.typed("SELECT 'a\n")
	c.await("...> ")
	c.typed("\x03")
	c.await(prompt0)
	c.typed("SELECT endless;\n")
	c.await(" 500\r\n")
	c.typed("\x03")
	c.await("cancelled")
	c.await(prompt0)
	c.typed("\x04")
	if got, want := c.leave(), ExitFine; got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

// TestTerminalTerminated gives the terminal back when the process is told to end.
func TestTerminalTerminated(t *testing.T) {
	const job = `"$0"; echo "code $?"; stty -a | grep -o -e -icanon; echo over; read wait`
	c := startConsoleIn(t, []string{"sh", "-c", `exec sh -c '` + job + `' "$0"`})
	c.await(prompt0)
	c.typed("SELECT 'half a")
	c.await("half a")
	pid := childOf(t, c.cmd.Process.Pid)
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	text := c.await("over")
	if !strings.Contains(text, "code 130") || strings.Contains(text, "-icanon") {
		t.Errorf("want exit code 130 and no raw mode:\n%s", text)
	}
}

// childOf returns the one child of a process.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Skipf("no children in /proc here: %v", err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatalf("children of %d: %q", pid, b)
	}
	return child
}

// TestTerminalScript runs -c on a terminal: Ctrl-C ends the script with 130.
func TestTerminalScript(t *testing.T) {
	// The program around it stays: what the last process of a terminal prints can be lost.
	within := []string{"sh", "-c", `trap : INT; "$0"; echo "code $?"; read wait`}
	c := startConsoleIn(t, within, "JUNO_TEST_COMMAND=SELECT slow")
	c.await("running: 1 s  (Ctrl-C cancels)")
	c.typed("\x03")
	c.await("cancelled")
	c.await("code 130")
}

// TestTerminalNarrow resizes the terminal: tables follow, and nothing divides by the width.
func TestTerminalNarrow(t *testing.T) {
	c := startConsole(t)
	c.await(prompt0)
	if err := pty.Setsize(c.file, &pty.Winsize{Rows: 24, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	c.typed("SELECT wide;\r")
	c.await("日本語の長い説…")
	if err := pty.Setsize(c.file, &pty.Winsize{}); err != nil {
		t.Fatal(err)
	}
	c.typed("\t\x03SELECT broad;\r")
	c.await(" 4711 | 0123456789… |")
	c.typed("\\q\r")
	if got, want := c.leave(), ExitFine; got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

// TestTerminalStops stops the job at Ctrl-Z, with the terminal as it was, and goes on.
func TestTerminalStops(t *testing.T) {
	const job = `set -m; "$0"; stty -a | grep -o -e -icanon; echo stopped; fg`
	c := startConsoleIn(t, []string{"sh", "-c", job})
	c.await(prompt0)
	c.typed("SELECT 'be\x1a")
	if text := c.await("stopped"); strings.Contains(text, "-icanon") {
		t.Errorf("the terminal was left in raw mode:\n%s", text)
	}
	c.await("SELECT 'be")
	c.typed("fore';\r")
	c.await("SELECT 'before'\r\n(1 row")
	c.typed("\\q\r")
	if got, want := c.leave(), ExitFine; got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

// TestTerminalWithoutJobControl ignores Ctrl-Z where nobody could continue the job.
func TestTerminalWithoutJobControl(t *testing.T) {
	c := startConsole(t)
	c.await(prompt0)
	c.typed("SELECT 'be\x1afore';\r")
	c.await("SELECT 'before'\r\n(1 row")
	c.typed("\\q\r")
	if got, want := c.leave(), ExitFine; got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}
