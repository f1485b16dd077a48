package shell

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer is a buffer for two goroutines.
type lockedBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer // not embedded: its other methods would write without the lock
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

// TestProgress: nothing in the first second, then a bar, and at the end an empty line.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b lockedBuffer
		p := newProgressBar(&b, func() int { return 120 }, "verify")
		p.Report(250, 1000)
		<-time.After(progressDelay - time.Millisecond)
		synctest.Wait()
		if got := b.String(); got != "" {
			t.Errorf("%q before a second was over", got)
		}
		<-time.After(2 * time.Millisecond)
		synctest.Wait()
		want := "\rverify [######------------------]  25 %  250 of 1,000  250/s  3 s left\x1b[K"
		if got := b.String(); got != want {
			t.Errorf("after a second %q, want %q", got, want)
		}
		p.Stop()
		p.Stop()
		if got := b.String(); !strings.HasSuffix(got, "\r\x1b[K") {
			t.Errorf("at the end %q, want an empty line", got)
		}
	})
}

// TestProgressOfNothing: what takes less than a second leaves no trace.
func TestProgressOfNothing(t *testing.T) {
	var b bytes.Buffer
	newProgressBar(&b, func() int { return 80 }, "verify").Stop()
	if b.Len() > 0 {
		t.Errorf("printed %q", b.String())
	}
}

func TestProgressPictures(t *testing.T) {
	p := newProgressBar(nil, nil, "verify")
	for _, c := range []struct {
		done, total int
		elapsed     time.Duration
		want        string
	}{
		{0, 0, 2 * time.Second, "verify: 2 s  (Ctrl-C cancels)"},
		{12345, 0, 2 * time.Second, "verify: 2 s, 12,345  (Ctrl-C cancels)"},
		{0, 10, 2 * time.Second, "verify [------------------------]   0 %  0 of 10"},
		{
			250_000, 1_000_000, 2 * time.Second,
			"verify [######------------------]  25 %  250,000 of 1,000,000  125,000/s  6 s left",
		},
		{7, 5, 2 * time.Second, "verify [########################] 100 %  5 of 5  2/s  0 s left"},
	} {
		p.Report(c.done, c.total)
		if got := p.picture(c.elapsed); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.done, c.total, got, c.want)
		}
	}
}
