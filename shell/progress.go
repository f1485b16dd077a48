package shell

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// When a progress bar is drawn.
const (
	// progressDelay is how long something may take before a bar tells about it.
	progressDelay = time.Second
	// progressPeriod is the time between two pictures; more often only costs.
	progressPeriod = 100 * time.Millisecond
	// progressColumns is the width of the bar alone.
	progressColumns = 24
)

// ProgressBar shows on a terminal how far a task is: a bar where the end is known, otherwise the
// time since the start. Nothing is drawn in the first second.
type ProgressBar struct {
	label       string
	w           io.Writer
	width       func() int
	started     time.Time
	done, total atomic.Int64
	quit, gone  chan struct{}
}

// NewProgressBar starts a bar on w, which is drawn if w is a terminal. Stop must be called.
func NewProgressBar(w io.Writer, label string) *ProgressBar {
	file, ok := terminal(w)
	if !ok {
		return newProgressBar(nil, nil, label)
	}
	return newProgressBar(w, (&screen{errsFile: file}).columns, label)
}

// newProgressBar starts the clock. w is nil where there is no terminal; then nothing is drawn.
func newProgressBar(w io.Writer, width func() int, label string) *ProgressBar {
	p := &ProgressBar{
		label: label, w: w, width: width, started: time.Now(),
		quit: make(chan struct{}), gone: make(chan struct{}),
	}
	if w == nil {
		close(p.gone)
		return p
	}
	go p.run()
	return p
}

// noBar is the bar of what takes no time.
func noBar() *ProgressBar { return newProgressBar(nil, nil, "") }

// Report is told how much is done; total is 0 where it is not known. It returns at once, and may be
// called from any goroutine.
func (p *ProgressBar) Report(done, total int) {
	p.done.Store(int64(done))
	p.total.Store(int64(total))
}

// Stop takes the bar off the screen. It may be called twice, by one goroutine.
func (p *ProgressBar) Stop() {
	select {
	case <-p.quit:
	default:
		close(p.quit)
	}
	<-p.gone
}

func (p *ProgressBar) run() {
	defer close(p.gone)
	delay := time.NewTimer(progressDelay)
	defer delay.Stop()
	select {
	case <-p.quit:
		return
	case <-delay.C:
	}
	tick := time.NewTicker(progressPeriod)
	defer tick.Stop()
	for {
		line := cut(p.picture(time.Since(p.started)), p.width()-1)
		_, _ = io.WriteString(p.w, "\r"+line+"\x1b[K")
		select {
		case <-p.quit:
			_, _ = io.WriteString(p.w, "\r\x1b[K")
			return
		case <-tick.C:
		}
	}
}

// picture returns the line as it is after some time.
func (p *ProgressBar) picture(elapsed time.Duration) string {
	done, total := p.done.Load(), p.total.Load()
	seconds := int64(elapsed / time.Second)
	if total <= 0 {
		line := fmt.Sprintf("%s: %d s", p.label, seconds)
		if done > 0 {
			line += ", " + grouped(done)
		}
		return line + "  (Ctrl-C cancels)"
	}
	done = min(done, total)
	full := int(progressColumns * done / total)
	bar := strings.Repeat("#", full) + strings.Repeat("-", progressColumns-full)
	line := fmt.Sprintf("%s [%s] %3d %%  %s of %s",
		p.label, bar, 100*done/total, grouped(done), grouped(total))
	if perSecond := rate(done, elapsed); perSecond > 0 {
		line += fmt.Sprintf("  %s/s  %d s left", grouped(perSecond), (total-done)/perSecond)
	}
	return line
}

// rate returns how many per second; 0 where that is not known.
func rate(n int64, elapsed time.Duration) int64 {
	us := elapsed.Microseconds()
	if us <= 0 {
		return 0
	}
	return n * 1_000_000 / us
}

// grouped prints a number with commas, "1,000,000".
func grouped[N ~int | ~int64 | ~uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// count prints a number with its noun, "1 row", "2 rows".
func count[N ~int | ~int64 | ~uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// took prints a duration as people say it: "0.4 ms", "12 ms", "3.2 s".
func took(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
