package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"juno"
	"juno/internal/ports"
)

const (
	// nodeEndsWithin is how long a node has to end when it is asked to.
	nodeEndsWithin = 20 * time.Second
	// failureTextMax is how much of what a node that failed has said is shown.
	failureTextMax = 2000
)

// node is a node of the demo and its process, juno server.
type node struct {
	id    juno.NodeID
	path  string
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone, and err set
	err   error         // how it ended
	// killed says that the demo has killed it on purpose and not started it again.
	killed bool
}

// starter starts processes, all from one thread, which stays: a system that ends a process with
// its parent may mean the thread.
type starter struct {
	program string
	jobs    chan func()
	once    sync.Once
}

func newStarter() (*starter, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	n := &starter{program: program, jobs: make(chan func())}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for job := range n.jobs {
			job()
		}
	}()
	return n, nil
}

func (n *starter) close() { n.once.Do(func() { close(n.jobs) }) }

// start starts the process of a node, for the first time or again.
func (n *starter) start(d *node) error {
	said, err := os.OpenFile(d.path+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	d.cmd = exec.Command(n.program, "server", d.path)
	d.cmd.Stdout, d.cmd.Stderr = said, said
	d.cmd.SysProcAttr, d.cmd.Env = endsWithUs(), ports.Share(clusterNodes)
	started := make(chan error)
	n.jobs <- func() { started <- d.cmd.Start() }
	if err := <-started; err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", d.id, err), said.Close())
	}
	d.ended = make(chan struct{})
	go func() {
		d.err = errors.Join(d.cmd.Wait(), said.Close())
		close(d.ended)
	}()
	return nil
}

// runs reports whether there is a process.
func (d *node) runs() bool {
	if d.ended == nil {
		return false
	}
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// kill ends the process at once, whatever it does, stopped or not, and waits until it is gone.
func (d *node) kill() {
	if d.runs() {
		_ = d.cmd.Process.Kill() // it may be gone this moment
		<-d.ended
	}
}

// stop asks the process to end, and wants it to do so well.
func (d *node) stop(ctx context.Context) error {
	if !d.runs() {
		return d.failure()
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", d.id, err)
	}
	ctx, cancel := context.WithTimeout(ctx, nodeEndsWithin)
	defer cancel()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s does not end: %w", d.id, ctx.Err())
	case <-d.ended:
	}
	if d.err != nil {
		return d.failure()
	}
	return nil
}

// failure says how a process ended that should not have, with the end of what it wrote.
func (d *node) failure() error {
	said, _ := os.ReadFile(d.path + ".log") // there may be none
	said = bytes.TrimSpace(said[max(0, len(said)-failureTextMax):])
	return fmt.Errorf("%s ended by itself: %w; it wrote:\n%s", d.id, d.err, said)
}
