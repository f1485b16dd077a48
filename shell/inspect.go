package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"juno"
)

// describe is \d.
func (s *session) describe(_ context.Context, args []string) error {
	schema := s.ledger.Schema()
	if len(args) == 0 {
		t := table("table", "description")
		for _, entry := range schema.Tables {
			t.add(textValue(entry.Name), textValue(entry.Doc))
		}
		return s.answer(t)
	}
	for _, entry := range schema.Tables {
		if !strings.EqualFold(entry.Name, args[0]) {
			continue
		}
		t := table("column", "type", "description")
		for _, c := range entry.Columns {
			t.add(textValue(c.Name), textValue(c.Kind.String()), textValue(c.Doc))
		}
		return s.answer(t)
	}
	return fmt.Errorf(`no table %s; \d lists the tables`, clip(args[0]))
}

// describeFunctions is \df.
func (s *session) describeFunctions(_ context.Context, args []string) error {
	t := table("function")
	for _, f := range s.ledger.Schema().Functions {
		if len(args) == 0 || hasPrefixFold(f.Name, args[0]) {
			t.add(textValue(f.Usage))
		}
	}
	return s.answer(t)
}

// quote returns a text as a literal of SQL.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// accounts is \accounts.
func (s *session) accounts(ctx context.Context, args []string) error {
	where := ""
	if len(args) > 0 {
		// U+10FFFF is no character and behind all others, so this is "begins with", by index.
		where = " WHERE name >= " + quote(args[0]) + " AND name < " + quote(args[0]+"\U0010FFFF")
	}
	return s.ask(ctx, "SELECT name, currency, balance, status, updated_index, updated_at "+
		"FROM accounts"+where+" ORDER BY name, currency", s.format)
}

// logShown is how many entries \log shows where no number is given.
const logShown = 10

func (s *session) log(ctx context.Context, args []string) error {
	n := uint64(logShown)
	if len(args) > 0 {
		var err error
		if n, err = parseIndex(args[0]); err != nil {
			return err
		}
	}
	return s.ask(ctx, fmt.Sprintf("SELECT log_index, kind, leader, term, bytes, hash, "+
		"committed_at FROM log ORDER BY log_index DESC LIMIT %d", n), s.format)
}

// parseIndex reads a positive whole number, with or without commas.
func parseIndex(arg string) (uint64, error) {
	n, err := strconv.ParseUint(strings.ReplaceAll(arg, ",", ""), 10, 63)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s: want a whole number from 1", clip(arg))
	}
	return n, nil
}

// tx is \tx: the entry, the command in it, and what it moved. A part without rows is left out for
// people; programs get every part, as they count them.
func (s *session) tx(ctx context.Context, args []string) error {
	n, err := parseIndex(args[0])
	if err != nil {
		return err
	}
	if head := s.ledger.Head(); juno.Index(n) > head.Index {
		return fmt.Errorf("there is no entry %d yet; the last is %d", n, head.Index)
	}
	single := s.format
	if single == FormatTable {
		single = FormatVertical
	}
	for _, part := range []struct {
		title, columns, table, order string
		format                       Format
	}{
		{
			"entry",
			"log_index, kind, term, leader, bytes, payload_hash, hash, prev_hash, committed_at",
			"log", "", single,
		},
		{
			"command", "client, key_id, request_id, kind, body, status, error_code, result, cost",
			"commands", "", single,
		},
		{
			"transfers", "op, source, target, currency, amount, memo",
			"transfers", " ORDER BY op", s.format,
		},
		{"accounts", "name, currency, change, delta, balance", "accounts_history", "", s.format},
	} {
		text := fmt.Sprintf("SELECT %s FROM %s WHERE log_index = %d%s",
			part.columns, part.table, n, part.order)
		if err := s.part(ctx, part.title, text, part.format); err != nil {
			return &failedStatement{text, err}
		}
	}
	return nil
}

// partRowsMax bounds what one entry can have done; a program has at most 10,000 steps.
const partRowsMax = 10_000

// part prints an answer below a title, or for people nothing if it has no rows.
func (s *session) part(ctx context.Context, title, text string, f Format) error {
	rows, err := s.ledger.Query(ctx, juno.Query{Text: text})
	if err != nil {
		return err
	}
	defer rows.Close()
	held := &fixedRows{columns: rows.Columns(), head: rows.Head()}
	for {
		values, more := rows.Next()
		if !more || len(held.rows) == partRowsMax {
			break
		}
		held.add(slices.Clone(values)...)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if !f.forPeople() {
		return s.show(held, f, noBar(), s.now())
	}
	if len(held.rows) == 0 {
		return nil
	}
	return s.plain(title, held, f)
}

// receipt is \receipt.
func (s *session) receipt(ctx context.Context, args []string) error {
	n, err := parseIndex(args[0])
	if err != nil {
		return err
	}
	document, err := s.ledger.Receipt(ctx, juno.Index(n))
	if err != nil {
		return err
	}
	out, err := s.output()
	if err != nil {
		return err
	}
	text := string(document)
	if out.look.terminal {
		text = cleanLines(text) // elsewhere the bytes stay as they are: a program checks them
	}
	_, _ = out.WriteString(text)
	if len(document) > 0 && document[len(document)-1] != '\n' {
		_ = out.WriteByte('\n')
	}
	return errors.Join(out.Flush(), out.close())
}

// nodes is \nodes.
func (s *session) nodes(ctx context.Context, _ []string) error {
	return s.ask(ctx, "SELECT node, role, voting, term, commit_index, applied_index, lag, "+
		"last_seen, address FROM nodes ORDER BY node", s.format)
}

// status is \status.
func (s *session) status(ctx context.Context, _ []string) error {
	facts, err := s.ledger.Status(ctx)
	if err != nil {
		return err
	}
	if !s.format.forPeople() {
		// For a program: one row, so that it finds a fact by its name.
		t := table()
		var row []juno.Value
		for _, f := range facts {
			t.columns = append(t.columns, juno.Column{Name: f.Name, Kind: f.Value.Kind})
			row = append(row, f.Value)
		}
		t.add(row...)
		return s.answer(t)
	}
	out, err := s.output()
	if err != nil {
		return err
	}
	width := 0
	for _, f := range facts {
		width = max(width, textWidth(clean(f.Name)))
	}
	for _, f := range facts {
		name := clean(f.Name)
		fmt.Fprintf(out, "%s  %s\n", pad(out.look.style.bold(name), textWidth(name), width),
			cellText(f.Value))
	}
	return errors.Join(out.Flush(), out.close())
}

// snapshot is \snapshot.
func (s *session) snapshot(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if args[0] != "list" {
			return errors.New(`usage: \snapshot [list]`)
		}
		return s.ask(ctx, "SELECT snapshot_index, created_at, bytes, signers, state_hash, path "+
			"FROM snapshots ORDER BY snapshot_index", s.format)
	}
	started := s.now()
	bar := s.bar("snapshot")
	info, err := s.ledger.Snapshot(ctx, bar.Report)
	bar.Stop()
	if err != nil {
		return err
	}
	if !s.format.forPeople() {
		t := table("snapshot_index", "state_hash", "bytes", "path")
		t.add(indexOrNull(info.Index), textValue(info.StateHash.String()), integerValue(info.Bytes),
			textOrNull(info.Path))
		return s.answer(t)
	}
	out, err := s.output()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, snapshot at entry %d, state %s, %s bytes, %s\n%s\n",
		out.look.style.good("ok"), info.Index, info.StateHash.Short(), grouped(info.Bytes),
		took(s.now().Sub(started)), clean(info.Path))
	return errors.Join(out.Flush(), out.close())
}
