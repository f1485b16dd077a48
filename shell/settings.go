package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// toggle sets a switch to on or off, or turns it where nothing is said.
func (s *session) toggle(what string, value *bool, args []string) error {
	switch {
	case len(args) == 0:
		*value = !*value
	case args[0] == "on":
		*value = true
	case args[0] == "off":
		*value = false
	default:
		return fmt.Errorf("%s %s: want on or off", what, clip(args[0]))
	}
	state := "off"
	if *value {
		state = "on"
	}
	s.remark(what + " is " + state)
	return nil
}

// remark tells a person, but not a script, what a setting is now.
func (s *session) remark(text string) {
	if s.interactive {
		s.note(text)
	}
}

func (s *session) setTiming(_ context.Context, args []string) error {
	return s.toggle("timing", &s.timing, args)
}

func (s *session) setPager(_ context.Context, args []string) error {
	return s.toggle("pager", &s.pager, args)
}

// setQuorum chooses whose word an answer is.
func (s *session) setQuorum(_ context.Context, args []string) error {
	cluster, ok := s.ledger.(Cluster)
	if !ok {
		return errors.New("quorum: this ledger is in this process, nobody else can be asked")
	}
	on := cluster.Quorum()
	if err := s.toggle("quorum", &on, args); err != nil {
		return err
	}
	cluster.SetQuorum(on)
	return nil
}

func (s *session) setFormat(_ context.Context, args []string) error {
	if len(args) > 0 {
		f, err := ParseFormat(args[0])
		if err != nil {
			return err
		}
		s.format = f
	}
	s.remark("format is " + string(s.format))
	return nil
}

// setOutput sends answers to a file, or back to the screen.
func (s *session) setOutput(_ context.Context, args []string) error {
	var next *os.File
	if len(args) > 0 {
		f, err := os.Create(args[0])
		if err != nil {
			return err
		}
		next = f
	}
	old, name := s.file, s.fileName
	s.file, s.fileName = next, strings.Join(args, "")
	if next != nil {
		s.remark("answers go to " + s.fileName)
	} else {
		s.remark("answers go to the screen")
	}
	if old != nil {
		if err := old.Close(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (s *session) includeFile(ctx context.Context, args []string) error {
	return s.include(ctx, args[0])
}

// editLast puts the last SQL into an editor and what comes out of it into the next prompt, where
// Enter runs it.
func (s *session) editLast(context.Context, []string) error {
	if !s.interactive {
		return errors.New(`\e needs a terminal`)
	}
	text := s.lastQuery
	if s.assembler.open() {
		text = s.assembler.pending
	} else if text != "" {
		text += ";"
	}
	edited, err := s.edit(text)
	if err != nil {
		return err
	}
	s.assembler.clear()
	s.preset = edited
	return nil
}

// historyShown is how many entries \history shows where no number is given.
const historyShown = 50

func (s *session) showHistory(_ context.Context, args []string) error {
	n := historyShown
	if len(args) > 0 {
		var err error
		if n, err = strconv.Atoi(args[0]); err != nil || n < 1 {
			return fmt.Errorf("%s: want a number of entries", clip(args[0]))
		}
	}
	out, err := s.output()
	if err != nil {
		return err
	}
	first := max(0, len(s.history.entries)-n)
	for i, e := range s.history.entries[first:] {
		lines := strings.ReplaceAll(cleanLines(e), "\n", "\n       ")
		fmt.Fprintf(out, "%5d  %s\n", first+i+1, lines)
	}
	return errors.Join(out.Flush(), out.close())
}

// Limits of \watch.
const (
	watchDefault = 2 * time.Second
	watchMin     = 100 * time.Millisecond // more often would only load the ledger
	watchMax     = 24 * time.Hour
)

// watch runs the last SQL again and again.
func (s *session) watch(ctx context.Context, args []string) error {
	period := watchDefault
	if len(args) > 0 {
		// time.ParseDuration alone rounds nothing and takes fractions.
		d, err := time.ParseDuration(args[0] + "s")
		if err != nil || d < watchMin || d > watchMax {
			return fmt.Errorf("%s: want seconds, from %s to %s", clip(args[0]), watchMin, watchMax)
		}
		period = d
	}
	if s.lastQuery == "" {
		return errors.New("nothing to watch: run a SELECT first")
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		title := s.now().UTC().Format(time.RFC3339) + " every " + period.String()
		if s.interactive {
			s.write(s.screen.out, s.screen.outStyle.dim(title)+"\n")
		}
		if err := s.ask(ctx, s.lastQuery, s.format, s.arguments(s.lastQuery)...); err != nil {
			return s.watched(ctx, err)
		}
		if s.interactive {
			_, _ = io.WriteString(s.screen.out, "\n")
		}
		select {
		case <-ctx.Done():
			return s.watched(ctx, nil)
		case <-tick.C:
		}
	}
}

// watched ends \watch: at a prompt Ctrl-C is the way to end it, and no failure.
func (s *session) watched(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if s.interactive && errors.Is(context.Cause(ctx), errInterrupted) {
		return nil
	}
	return context.Cause(ctx)
}
