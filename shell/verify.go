package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"juno"
)

// verify is \verify: it runs all checks and ends with a verdict of one line.
func (s *session) verify(ctx context.Context, args []string) error {
	var from, to uint64
	if len(args) > 0 {
		if len(args) != 2 {
			return errors.New(`usage: \verify [from to]; the entries from <= N < to are checked`)
		}
		var err1, err2 error
		from, err1 = parseIndex(args[0])
		to, err2 = parseIndex(args[1])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if from >= to {
			return fmt.Errorf("nothing lies in %d <= N < %d", from, to)
		}
	}
	started := s.now()
	bar := s.bar("verify")
	checks, err := s.ledger.Verify(ctx, juno.Index(from), juno.Index(to), bar.Report)
	bar.Stop()
	if err != nil {
		return err
	}
	if err := s.tellChecks(checks); err != nil {
		return err
	}
	return s.verdict(checks, s.now().Sub(started))
}

// tellChecks prints one row per check. People get the columns that only a fault fills where there
// is one, and find its detail in the verdict; programs always get all.
func (s *session) tellChecks(checks []juno.Finding) error {
	if !s.format.forPeople() {
		return s.answer(checkRows(checks))
	}
	names := []string{"check", "from", "to", "items", "ok"}
	fault := slices.ContainsFunc(checks, func(c juno.Finding) bool { return !c.OK })
	if fault {
		names = append(names, "first bad", "expected", "found")
	}
	t := table(names...)
	for _, c := range checks {
		ok := textValue("yes")
		if !c.OK {
			ok = textValue("NO")
		}
		row := []juno.Value{
			textValue(c.Check), integerValue(c.From), integerValue(c.To), integerValue(c.Items), ok,
		}
		switch {
		case fault && c.OK:
			row = append(row, textValue(""), textValue(""), textValue(""))
		case fault && c.FirstBad == 0:
			row = append(row, textValue(""), textValue(c.Expected), textValue(c.Actual))
		case fault:
			row = append(row, integerValue(c.FirstBad), textValue(c.Expected), textValue(c.Actual))
		}
		t.add(row...)
	}
	return s.plain("", t, FormatTable)
}

// checkRows are checks as the table-valued functions of SQL give them.
func checkRows(checks []juno.Finding) *fixedRows {
	t := table("check", "from_index", "to_index", "items", "ok", "first_bad_index", "expected",
		"actual", "detail")
	for _, c := range checks {
		ok := 0
		if c.OK {
			ok = 1
		}
		t.add(textValue(c.Check), integerValue(c.From), integerValue(c.To), integerValue(c.Items),
			integerValue(ok), indexOrNull(c.FirstBad), textOrNull(c.Expected), textOrNull(c.Actual),
			textOrNull(c.Detail))
	}
	return t
}

// verdict says in one line what the checks mean, and returns errFault if one found a fault.
func (s *session) verdict(checks []juno.Finding, elapsed time.Duration) error {
	var items uint64
	worst := -1
	for i, c := range checks {
		items += c.Items
		if !c.OK && (worst < 0 || (c.FirstBad > 0 && c.FirstBad < checks[worst].FirstBad)) {
			worst = i
		}
	}
	style := s.screen.errStyle
	if worst < 0 {
		s.say(style.good("verified:"), fmt.Sprintf("%s, %s, %s",
			count(len(checks), "check", "checks"), count(items, "item", "items"), took(elapsed)))
		return nil
	}
	c := checks[worst]
	text := c.Check
	if c.FirstBad > 0 {
		text += fmt.Sprintf(", first bad entry %d", c.FirstBad)
	}
	if c.Expected != "" || c.Actual != "" {
		text += fmt.Sprintf(": expected %s, found %s", c.Expected, c.Actual)
	}
	if c.Detail != "" {
		text += "; " + c.Detail
	}
	s.say(style.bad("VERIFICATION FAILED:"), text)
	return errFault
}
