package shell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"juno"
)

// command sends one ledger command and prints what became of it.
func (s *session) command(ctx context.Context, u unit) error {
	started := s.now()
	bar := s.bar("waiting for the ledger")
	outcomes, err := s.ledger.Submit(ctx, []string{u.text}, juno.Single, nil)
	bar.Stop()
	if err != nil {
		return err
	}
	if len(outcomes) != 1 {
		panic(fmt.Sprintf("shell: 1 command, %d outcomes", len(outcomes)))
	}
	o := outcomes[0]
	if err := s.tell(&o, s.now().Sub(started)); err != nil {
		return err
	}
	switch {
	case errors.Is(o.Err, juno.ErrUnknown):
		return fmt.Errorf("%w; "+
			"SELECT * FROM commands ORDER BY log_index DESC shows whether it came", o.Err)
	case o.Err != nil:
		return o.Err
	case o.Result.Status != juno.StatusOK:
		return errFailed
	case s.interactive && s.format.forPeople():
		return s.changes(ctx, o.Index)
	}
	return nil
}

// tell prints the outcome of one command: a sentence for people, a row for programs.
func (s *session) tell(o *juno.Outcome, elapsed time.Duration) error {
	if !s.format.forPeople() {
		return s.answer(outcomeRow(o))
	}
	if o.Err != nil {
		return nil // do prints it
	}
	out, err := s.output()
	if err != nil {
		return err
	}
	st := out.look.style
	fmt.Fprintf(out, "%s\n", s.sentence(o, st, elapsed))
	observed := observation(o.Result.Value)
	if v := strings.TrimRight(o.Result.Value, "\n"); v != "" && observed == nil {
		fmt.Fprintf(out, "%s\n", cleanLines(v))
	}
	if err := errors.Join(out.Flush(), out.close()); err != nil || observed == nil {
		return err
	}
	return s.plain("", observed, FormatTable)
}

// observation is the answer of ObserveAccount and ObserveAccounts as a table, nil if a value is
// something else: lines of account, tab, currency, tab, balance.
func observation(value string) *fixedRows {
	t := table("account", "currency", "balance")
	for line := range strings.Lines(value) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != len(t.columns) {
			return nil
		}
		balance, err := juno.ParseAmount(fields[2])
		if err != nil {
			return nil
		}
		t.add(textValue(fields[0]), textValue(fields[1]), exactValue(balance))
	}
	if len(t.rows) == 0 {
		return nil
	}
	return t
}

// sentence is "ok, entry 12 at …" or "refused, entry 13 at …: E-FUNDS …".
func (s *session) sentence(o *juno.Outcome, st style, elapsed time.Duration) string {
	word := st.good("ok")
	if o.Result.Status != juno.StatusOK {
		word = st.bad(o.Result.Status.String())
	}
	rest := fmt.Sprintf(", entry %d at %s", o.Index, o.Time)
	if s.timing {
		rest += ", " + took(elapsed)
	}
	if o.Replayed {
		rest += ", replayed: nothing ran now, this is the result of the first time"
	}
	line := word + st.dim(rest)
	if o.Result.Status != juno.StatusOK {
		line += ": " + refusal(&o.Result)
	}
	return line
}

// refusal is the code and the message of a refused command, the code once.
func refusal(r *juno.Result) string {
	code, message := clean(string(r.Code)), cleanLines(r.Message)
	switch {
	case message == "":
		return code
	case strings.HasPrefix(message, code):
		return message
	}
	return code + " " + message
}

// outcomeRow is an outcome for programs.
func outcomeRow(o *juno.Outcome) *fixedRows {
	t := table("status", "log_index", "error_code", "value", "message", "committed_at", "replayed")
	status, message := o.Result.Status.String(), o.Result.Message
	switch {
	case errors.Is(o.Err, juno.ErrUnknown):
		status, message = "unknown", o.Err.Error()
	case o.Err != nil:
		status, message = "failed", o.Err.Error()
	}
	replayed, at := int64(0), juno.Value{}
	if o.Replayed {
		replayed = 1
	}
	if o.Index > 0 {
		at = textValue(o.Time.String())
	}
	t.add(textValue(status), indexOrNull(o.Index), textOrNull(string(o.Result.Code)),
		textOrNull(o.Result.Value), textOrNull(message), at, integerValue(replayed))
	return t
}

// changes prints the accounts that an entry touched, before and after: the prototype's previous
// and new ledger.
func (s *session) changes(ctx context.Context, index juno.Index) error {
	rows, err := s.ledger.Query(ctx, juno.Query{Text: fmt.Sprintf("SELECT name, currency, change, "+
		"delta, balance FROM accounts_history WHERE log_index = %d", index)})
	if err != nil {
		return err
	}
	defer rows.Close()
	type account struct{ name, currency string }
	type change struct{ before, after juno.Value }
	changed := make(map[account]change)
	for {
		v, more := rows.Next()
		if !more {
			break
		}
		a := account{v[0].Text, v[1].Text}
		c, seen := changed[a]
		if c.after = v[4]; !seen && v[2].Text != changeCreated {
			if c.before, err = before(v[3], v[4]); err != nil {
				return fmt.Errorf("entry %d, account %s: %w", index, a.name, err)
			}
		}
		changed[a] = c
	}
	if rows.Err() != nil || len(changed) == 0 {
		return rows.Err()
	}
	t := table("account", "currency", "before", "after")
	order := slices.SortedFunc(maps.Keys(changed), func(a, b account) int {
		return strings.Compare(a.name+"\x00"+a.currency, b.name+"\x00"+b.currency)
	})
	for _, a := range order {
		c := changed[a]
		t.add(textValue(a.name), textValue(a.currency), c.before, c.after)
	}
	return s.plain("", t, FormatTable)
}

// changeCreated is what accounts_history calls the change that made an account: there is no
// balance before it.
const changeCreated = "created"

// before returns the balance before a change.
func before(delta, balance juno.Value) (juno.Value, error) {
	d, err1 := juno.ParseAmount(delta.Text)
	after, err2 := juno.ParseAmount(balance.Text)
	if err := errors.Join(err1, err2); err != nil {
		return juno.Value{}, err
	}
	b, err := after.Sub(d)
	return exactValue(b), err
}

// plain prints rows below a title, without a footer.
func (s *session) plain(title string, t *fixedRows, f Format) error {
	out, err := s.output()
	if err != nil {
		return err
	}
	s.separate(out)
	if title != "" {
		fmt.Fprintf(out, "%s\n", out.look.style.bold(title))
	}
	p := newPrinter(f, out, out.look)
	if v, ok := p.(*verticalPrinter); ok && len(t.rows) == 1 {
		v.single = true
	}
	err = s.rows(t, p, out, noBar(), &shown{})
	return errors.Join(err, out.Flush(), out.close())
}
