package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"juno/internal/cli"
)

// demoNodes is how many nodes the demo has.
const demoNodes = 4

// demoTestMax ends a demo that hangs.
const demoTestMax = 3 * time.Minute

// running is a demo whose output is read piece by piece.
type running struct {
	t   *testing.T
	dir string
	cmd *exec.Cmd
	out io.Reader
	got bytes.Buffer
	// seen is how much of got await has passed.
	seen int
}

// startDemo starts a demo in a group of its own. How says what its output is.
func startDemo(t *testing.T, how func(*exec.Cmd) (io.Reader, error)) *running {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a cluster")
	}
	r := &running{t: t, dir: filepath.Join(t.TempDir(), "demo")}
	r.cmd = exec.Command("juno", "demo", "--dir", r.dir)
	r.cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=xterm", "NO_COLOR=1", "LESS=")
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if r.out, err = how(r.cmd); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(demoTestMax, func() { _ = r.cmd.Process.Kill() })
	t.Cleanup(func() { late.Stop() })
	return r
}

func throughPipe(cmd *exec.Cmd) (io.Reader, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return out, cmd.Start()
}

// await reads until the demo has printed that, after everything that was awaited before.
func (r *running) await(want string) {
	r.t.Helper()
	piece := make([]byte, 4096)
	for {
		if i := bytes.Index(r.got.Bytes()[r.seen:], []byte(want)); i >= 0 {
			r.seen += i + len(want)
			return
		}
		n, err := r.out.Read(piece)
		r.got.Write(piece[:n])
		if err != nil {
			r.t.Fatalf("waiting for %q: %v; it printed:\n%s", want, err, r.got.String())
		}
	}
}

// end waits for the end, and wants that exit code and no process left over. -1 is a signal.
func (r *running) end(code cli.ExitCode) {
	r.t.Helper()
	_, err := io.Copy(&r.got, r.out)
	if err != nil && !errors.Is(err, syscall.EIO) { // that is how a pseudo-terminal ends
		r.t.Error(err)
	}
	_ = r.cmd.Wait() // the exit code is looked at
	if got := r.cmd.ProcessState.ExitCode(); got != int(code) {
		r.t.Errorf("exit code %d, want %d; it printed:\n%s", got, code, r.got.String())
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	var left []string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-poll.C {
		if left = r.leftover(); len(left) == 0 {
			return
		}
	}
	r.t.Errorf("left running: %q", left)
}

// leftover returns the command lines of processes that work in the demo's directory.
func (r *running) leftover() (all []string) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, path := range lines {
		line, _ := os.ReadFile(path) // it may have ended meanwhile
		if bytes.Contains(line, []byte(r.dir)) {
			all = append(all, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return all
}

// TestDemoInterrupted ends the demo in the middle, in several ways. Its nodes end with it.
func TestDemoInterrupted(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are looked for in /proc")
	}
	for _, c := range []struct {
		name   string
		at     string
		signal syscall.Signal
		group  bool
		code   cli.ExitCode
	}{
		{"Ctrl-C", "under load", syscall.SIGINT, true, cli.ExitInterrupted},
		{"kill", "leads in term", syscall.SIGTERM, false, cli.ExitInterrupted},
		{"kill -9", "leads in term", syscall.SIGKILL, false, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startDemo(t, throughPipe)
			r.await(c.at)
			if got := len(r.leftover()); got < 1+demoNodes {
				t.Errorf("%d processes run, want the demo and %d nodes", got, demoNodes)
			}
			pid := r.cmd.Process.Pid
			if c.group {
				pid = -pid
			}
			if err := syscall.Kill(pid, c.signal); err != nil {
				t.Fatal(err)
			}
			r.end(c.code)
		})
	}
}

// TestDemoShell runs the demo on a terminal to its end, and types in its shell.
func TestDemoShell(t *testing.T) {
	var terminal *os.File
	r := startDemo(t, func(cmd *exec.Cmd) (_ io.Reader, err error) {
		cmd.SysProcAttr = nil // it gets a session of its own
		terminal, err = pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 100})
		return terminal, err
	})
	defer terminal.Close()
	typed := func(keys string) {
		t.Helper()
		if _, err := terminal.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	r.await("All of it in")
	r.await("The shell is yours")
	r.await(">") // the prompt
	typed("SELECT sum(balance) + 6 * 7 AS n FROM accounts;\r")
	r.await("42")
	r.await("agree")
	// Ctrl-C is for the shell: the nodes go on.
	typed("\x03")
	typed("transfer(000->001, 1%1)\r")
	r.await("ok, entry")
	typed("\\q\r")
	r.end(cli.ExitOK)
}
