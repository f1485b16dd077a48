//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"juno"
	"juno/client"
)

// nemesis breaks a town, as its dice say. What it does to a process it mends by itself before the
// fault is over; lines it mends, too.
type nemesis struct {
	town *town
	ask  *client.Client // to find the leader with

	mu   sync.Mutex
	did  []string
	errs []error
}

// lanes is how many faults there are at a time.
const lanes = 2

func (x *nemesis) note(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.did = append(x.did, fmt.Sprintf(format, args...))
}

func (x *nemesis) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.errs = append(x.errs, err)
}

// run breaks things until ctx ends, and returns when all that can be mended is.
func (x *nemesis) run(ctx context.Context, seed uint64, plan plan) error {
	var group sync.WaitGroup
	for lane := range uint64(lanes) {
		rng := rand.New(rand.NewPCG(seed, lane))
		first := lane == 0
		group.Go(func() {
			if first && plan.damage != 0 {
				x.take(x.town.nodes[plan.damage-1], func(n *node) { x.damage(ctx, n, rng) })
			}
			if first && plan.full != 0 {
				x.take(x.town.nodes[plan.full-1], func(n *node) { x.fill(ctx, n) })
			}
			for ctx.Err() == nil {
				pause(ctx, time.Duration(rng.IntN(700))*time.Millisecond)
				if ctx.Err() == nil {
					x.strike(ctx, rng)
				}
			}
		})
	}
	group.Wait()
	for _, n := range x.town.nodes {
		x.take(n, func(*node) {})
	}
	return errors.Join(x.errs...)
}

// strike does one thing.
func (x *nemesis) strike(ctx context.Context, rng *rand.Rand) {
	n := x.town.nodes[rng.IntN(len(x.town.nodes))]
	if leader := x.ask.Leader(); leader != 0 && rng.IntN(3) == 0 {
		n = x.town.nodes[leader-1]
	}
	kind, long := rng.IntN(10), time.Duration(300+rng.IntN(1700))*time.Millisecond
	late, delay := rng.IntN(4) == 0, time.Duration(1+rng.IntN(150))*time.Millisecond
	sides := rng.Uint64()
	switch {
	case kind < 3:
		x.take(n, func(n *node) { x.kill(ctx, n, long) })
	case kind < 5:
		if late { // longer than connections live
			long += 5 * time.Second
		}
		x.take(n, func(n *node) { x.freeze(ctx, n, long) })
	case kind < 6:
		x.note("cut off %s", n.id)
		x.cut(ctx, long, func(a, b juno.NodeID) bool { return a == n.id || b == n.id })
	case kind < 7:
		x.note("mute %s", n.id)
		x.cut(ctx, long, func(a, _ juno.NodeID) bool { return a == n.id })
	case kind < 8:
		x.note("split %b", sides&(1<<len(x.town.nodes)-1))
		x.cut(ctx, long, func(a, b juno.NodeID) bool {
			return sides>>(a-1)&1 != sides>>(b-1)&1
		})
	default:
		x.note("delay %s %v", n.id, delay)
		x.slow(ctx, long, delay, n.id)
	}
}

// take does something to a node's process, if no other fault has it, and it is not lost.
func (x *nemesis) take(n *node, do func(n *node)) {
	if !n.turn.TryLock() {
		return
	}
	defer n.turn.Unlock()
	if n.lost {
		return
	}
	x.revive(n)
	do(n)
}

// aborts is what libzmq 4.3 says before it ends a process where a connection broke while frames
// of it were waiting (its issue 4364), which a freeze of some seconds can bring about.
const aborts = "Assertion failed: !_io_error"

// revive starts a node again that has ended where nobody asked it to. That is a failure, unless it
// was libzmq's known one, which is counted. The caller has the node.
func (x *nemesis) revive(n *node) {
	if n.pid() != 0 {
		return
	}
	lines := strings.Split(strings.TrimSpace(n.said(0)), "\n")
	if !strings.HasPrefix(lines[len(lines)-1], aborts) {
		x.fail(fmt.Errorf("%s has ended by itself: %w", n.id, n.exit()))
	}
	x.note("LIBZMQ ABORTED %s", n.id)
	x.restart(n)
}

// each visits the lines between nodes.
func (x *nemesis) each(do func(a, b juno.NodeID, l *line)) {
	for ends, l := range x.town.net.lines {
		if ends[0] != 0 && ends[1] != 0 && ends[0] != ends[1] {
			do(ends[0], ends[1], l)
		}
	}
}

func (x *nemesis) cut(ctx context.Context, long time.Duration, which func(a, b juno.NodeID) bool) {
	var held []*line
	x.each(func(a, b juno.NodeID, l *line) {
		if which(a, b) {
			l.cut()
			held = append(held, l)
		}
	})
	pause(ctx, long)
	for _, l := range held {
		l.mend()
	}
}

func (x *nemesis) slow(ctx context.Context, long, delay time.Duration, id juno.NodeID) {
	by := func(delay time.Duration) {
		x.each(func(a, b juno.NodeID, l *line) {
			if a == id || b == id {
				l.slow(delay)
			}
		})
	}
	by(delay)
	pause(ctx, long)
	by(-delay)
}

func (x *nemesis) kill(ctx context.Context, n *node, long time.Duration) {
	x.note("kill %s", n.id)
	if err := n.kill(); err != nil {
		x.fail(err)
		return
	}
	pause(ctx, long)
	x.restart(n)
}

func (x *nemesis) restart(n *node) {
	if err := n.start(); err != nil {
		x.fail(fmt.Errorf("restart: %w", err))
	}
}

func (x *nemesis) freeze(ctx context.Context, n *node, long time.Duration) {
	x.note("freeze %s %v", n.id, long)
	if err := n.signal(syscall.SIGSTOP); err != nil {
		x.fail(err)
		return
	}
	pause(ctx, long)
	if err := n.signal(syscall.SIGCONT); err != nil {
		x.fail(err)
	}
}

// fill lets a node write nothing any more: it has to end by itself and to say why, and to come back
// when there is room.
func (x *nemesis) fill(ctx context.Context, n *node) {
	x.note("fill the disk of %s", n.id)
	before := n.saidBytes()
	if err := n.limitFiles(0); err != nil {
		x.fail(err)
		return
	}
	err, over := n.ended(20 * time.Second)
	said := n.said(before)
	var exit interface{ ExitCode() int }
	switch {
	case !over:
		_ = n.signal(syscall.SIGQUIT) // for the stacks, into the journal
		x.fail(fmt.Errorf("%s goes on without room on its disk", n.id))
		_, _ = n.ended(10 * time.Second)
	case !errors.As(err, &exit) || exit.ExitCode() != 1:
		x.fail(fmt.Errorf("%s without room ended with %w, want exit code 1; %s", n.id, err, said))
	case !strings.Contains(said, n.path) || !strings.Contains(said, "too large"):
		x.fail(fmt.Errorf("%s without room names neither file nor reason: %q", n.id, said))
	}
	pause(ctx, time.Second)
	x.restart(n)
}

// damage flips a bit of a killed node's log, where all was synced long ago. It has to refuse to
// start, with file and offset. Its disk is gone for this round.
func (x *nemesis) damage(ctx context.Context, n *node, rng *rand.Rand) {
	pause(ctx, 2*time.Second) // so that there is something in the log
	x.note("damage %s", n.id)
	if err := n.kill(); err != nil {
		x.fail(err)
		return
	}
	n.lost = true
	file, at, err := flip(filepath.Join(n.path, "log"), rng)
	if err != nil {
		x.fail(err)
		return
	}
	before := n.saidBytes()
	err = n.start()
	said := n.said(before)
	if err == nil {
		x.fail(fmt.Errorf("%s starts with a flipped bit at %s:%d", n.id, file, at))
		return
	}
	if !strings.Contains(said, file+" at byte ") {
		x.fail(fmt.Errorf("%s with a flipped bit at %s:%d does not say so: %q, %w", n.id, file, at,
			said, err))
	}
}

// flip flips a bit in the middle third of the biggest file of a log.
func flip(dir string, rng *rand.Rand) (file string, at int, err error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return "", 0, err
	}
	var b []byte
	for _, d := range names {
		path := filepath.Join(dir, d.Name())
		all, err := os.ReadFile(path)
		if err != nil {
			return "", 0, err
		}
		if len(all) > len(b) {
			file, b = path, all
		}
	}
	for len(b) > 0 && b[len(b)-1] == 0 { // not yet written
		b = b[:len(b)-1]
	}
	at = len(b)/3 + rng.IntN(len(b)/3)
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return "", 0, err
	}
	_, err = f.WriteAt([]byte{b[at] ^ 1<<rng.IntN(8)}, int64(at))
	return file, at, errors.Join(err, f.Close())
}
