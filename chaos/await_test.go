//go:build linux

package chaos

import (
	"context"
	"fmt"
	"time"
)

// Real processes have no virtual time: how long a node stays frozen, and when it is back, only a
// clock can tell. All waiting of this package goes through these two functions, so that it is
// bounded, and ends with its context.

// pause waits for a while, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// await looks again and again until done says yes, and fails with what it said last.
func await(ctx context.Context, patience time.Duration, done func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := done()
		if err == nil {
			return nil
		}
		pause(ctx, 50*time.Millisecond)
		if ctx.Err() != nil {
			return fmt.Errorf("after %v: %w", patience, err)
		}
	}
}
