//go:build linux

package chaos

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"juno"
)

// node is one member: its directory, and the process that runs it, if any.
type node struct {
	id      juno.NodeID
	path    string
	listen  string // behind the proxy
	journal string // file that the processes' standard error goes to
	binary  string

	// turn is held by the fault that has the node; the nemesis asks with TryLock.
	turn sync.Mutex
	lost bool // its disk was damaged: it stays down. Under turn.

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // of Wait, once done is closed
}

const startPatience = 30 * time.Second // a start replays the log, on a machine that is busy

// start runs the node's process, and returns once it listens, or has ended.
func (n *node) start() error {
	log, err := os.OpenFile(n.journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(n.binary, "server", "--listen", n.listen, n.path)
	cmd.Stderr = struct{ io.Writer }{log} // through a pipe, which limitFiles does not concern
	// Whatever becomes of the test, its processes go with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		_ = log.Close()
		return err
	}
	done, listens := make(chan struct{}), make(chan struct{})
	n.mu.Lock()
	n.cmd, n.done = cmd, done
	n.mu.Unlock()
	go func() {
		lines := bufio.NewScanner(out)
		for first := true; lines.Scan(); first = false {
			if first && strings.Contains(lines.Text(), "listens on") {
				close(listens)
			}
		}
		_, _ = io.Copy(io.Discard, out)
		err := cmd.Wait()
		_ = log.Close()
		n.mu.Lock()
		n.err, n.cmd = err, nil
		n.mu.Unlock()
		close(done)
	}()
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	select {
	case <-listens:
		return nil
	case <-done:
		return fmt.Errorf("%s ended at its start: %w", n.id, n.exit())
	case <-timer.C:
		return fmt.Errorf("%s does not listen after %v", n.id, startPatience)
	}
}

// exit returns how the last process ended.
func (n *node) exit() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		return errors.New("exit code 0")
	}
	return n.err
}

// pid returns the process, 0 if there is none.
func (n *node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}

func (n *node) signal(s syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return fmt.Errorf("%s has ended by itself: %w", n.id, n.err)
	}
	return n.cmd.Process.Signal(s)
}

// ended waits until the process has ended, and returns its error.
func (n *node) ended(patience time.Duration) (error, bool) {
	n.mu.Lock()
	done := n.done
	n.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.err, true
	case <-timer.C:
		return nil, false
	}
}

// kill ends the process at once.
func (n *node) kill() error {
	if err := n.signal(syscall.SIGKILL); err != nil {
		return err
	}
	if _, over := n.ended(10 * time.Second); !over {
		return fmt.Errorf("%s is still there after SIGKILL", n.id)
	}
	return nil
}

// limitFiles lets the process write no file beyond so many bytes: 0 is as good as a full disk.
func (n *node) limitFiles(bytes uint64) error {
	limit := syscall.Rlimit{Cur: bytes, Max: syscall.RLIM_INFINITY & (1<<64 - 1)}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(n.pid()),
		syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("limit the files of %s: %w", n.id, errno)
	}
	return nil
}

// said returns what the node's processes wrote to standard error since from.
func (n *node) said(from int64) string {
	b, err := os.ReadFile(n.journal)
	if err != nil || int64(len(b)) < from {
		return ""
	}
	return string(b[from:])
}

// saidBytes is how much the node has said.
func (n *node) saidBytes() int64 {
	info, err := os.Stat(n.journal)
	if err != nil {
		return 0
	}
	return info.Size()
}
