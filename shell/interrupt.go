package shell

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errTerminated says that the process was told to end, or lost its terminal.
var errTerminated = errors.New("terminated")

// ownSignals returns a context that ends with ctx, at SIGTERM and at SIGHUP, but not at SIGINT: a
// program whose context ends at Ctrl-C, as most do, must not lose its shell to the first one.
func ownSignals(ctx context.Context) (own context.Context, stop func()) {
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, func() {
		if !endedByInterrupt(ctx) {
			cancel(context.Cause(ctx))
		}
	})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		select {
		case <-signals:
			cancel(errTerminated)
		case <-own.Done():
		}
	}()
	return own, func() {
		unlink()
		signal.Stop(signals)
		cancel(nil)
	}
}

// endedByInterrupt says whether signal.NotifyContext ended a context at SIGINT. Its cause is an
// error of a type of its own, "describing the signal"; TestTerminal would notice other words.
func endedByInterrupt(ctx context.Context) bool {
	return context.Cause(ctx).Error() == os.Interrupt.String()+" signal received"
}

// interrupts turns Ctrl-C into the end of what runs at that moment.
type interrupts struct {
	signals chan os.Signal
}

func newInterrupts() *interrupts {
	i := &interrupts{signals: make(chan os.Signal, 1)}
	signal.Notify(i.signals, os.Interrupt)
	return i
}

func (i *interrupts) close() { signal.Stop(i.signals) }

// guard returns a context that Ctrl-C ends, with errInterrupted as its cause. stop must be called
// when the task is done; it may be called twice.
func (i *interrupts) guard(ctx context.Context) (guarded context.Context, stop func()) {
	select {
	case <-i.signals: // meant for something that is over
	default:
	}
	guarded, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-i.signals:
			cancel(errInterrupted)
		case <-guarded.Done():
		}
	}()
	return guarded, func() { cancel(nil) }
}
