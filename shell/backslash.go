package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// argumentKind says what completes the argument of a backslash command.
type argumentKind uint8

const (
	argumentNone argumentKind = iota
	argumentTable
	argumentAccount
	argumentFile
	argumentWord
)

// backslashCommand is one command of the shell itself.
type backslashCommand struct {
	name     string
	usage    string // of the arguments
	help     string // one line
	argument argumentKind
	words    []string // for argumentWord
	least    int      // arguments
	most     int
	// raw says that the one argument is the rest of the line as it was typed.
	raw bool
	run func(s *session, ctx context.Context, args []string) error
}

// backslashes lists them in the order that \? shows. It is filled at start, since help refers to
// the table that it stands in.
var backslashes []*backslashCommand

func init() {
	backslashes = append(backslashes, &backslashCommand{
		name: "?", help: "this help", run: (*session).help,
	})
	backslashes = append(append(backslashes, inspections()...), settings()...)
}

// inspections show something of the ledger.
func inspections() []*backslashCommand {
	return []*backslashCommand{
		{
			name: "d", usage: "[table]", help: "tables, or the columns of one", most: 1,
			argument: argumentTable, run: (*session).describe,
		},
		{
			name: "df", usage: "[prefix]", help: "the functions of SQL", most: 1,
			run: (*session).describeFunctions,
		},
		{
			name: "accounts", usage: "[prefix]", help: "accounts and their balances", most: 1,
			argument: argumentAccount, run: (*session).accounts,
		},
		{
			name: "log", usage: "[n]", help: "the last n entries, 10 if not said", most: 1,
			run: (*session).log,
		},
		{
			name: "tx", usage: "N", help: "everything about entry N", least: 1, most: 1,
			run: (*session).tx,
		},
		{
			name: "receipt", usage: "N", help: "a proof of entry N that anyone can check, JSON",
			least: 1, most: 1, run: (*session).receipt,
		},
		{
			name: "verify", usage: "[from to]", most: 2, run: (*session).verify,
			help: "check everything, or the entries from <= N < to",
		},
		{name: "nodes", help: "the nodes, and how far each is", run: (*session).nodes},
		{name: "status", help: "what an operator wants to know first", run: (*session).status},
		{
			name: "snapshot", usage: "[list]", help: "write a snapshot now, or list what there is",
			most: 1, argument: argumentWord, words: []string{"list"}, run: (*session).snapshot,
		},
	}
}

// settings change or serve the shell itself.
func settings() []*backslashCommand {
	onOff := []string{"on", "off"}
	formats := make([]string, len(Formats))
	for i, f := range Formats {
		formats[i] = string(f)
	}
	return []*backslashCommand{
		{
			name: "timing", usage: "[on|off]", help: "show how long things take", most: 1,
			argument: argumentWord, words: onOff, run: (*session).setTiming,
		},
		{
			name: "quorum", usage: "[on|off]", most: 1, argument: argumentWord, words: onOff,
			help: "believe what enough nodes agree on, or one node", run: (*session).setQuorum,
		},
		{
			name: "format", usage: "[" + strings.Join(formats, "|") + "]", most: 1,
			help: "how answers are printed", argument: argumentWord, words: formats,
			run: (*session).setFormat,
		},
		{
			name: "pager", usage: "[on|off]", help: "show answers in $PAGER", most: 1,
			argument: argumentWord, words: onOff, run: (*session).setPager,
		},
		{
			name: "watch", usage: "[seconds]", most: 1, run: (*session).watch,
			help: "run the last SQL again and again, until Ctrl-C",
		},
		{
			name: "i", usage: "file", help: "run a file", least: 1, most: 1,
			argument: argumentFile, run: (*session).includeFile,
		},
		{
			name: "o", usage: "[file]", most: 1, argument: argumentFile, run: (*session).setOutput,
			help: "answers go to a file, or to the screen again",
		},
		{
			name: "bind", usage: "[name=]value …", raw: true, run: (*session).bind,
			help: "values for ?, ?1 or :name in SQL; texts, or n:int=1",
		},
		{name: "e", help: "change the last SQL in $EDITOR", run: (*session).editLast},
		{
			name: "history", usage: "[n]", help: "what was entered", most: 1,
			run: (*session).showHistory,
		},
		{name: "q", help: "leave (Ctrl-D does too)", run: (*session).quit},
	}
}

func (s *session) quit(context.Context, []string) error { return errQuit }

func findBackslash(name string) *backslashCommand {
	for _, b := range backslashes {
		if b.name == name {
			return b
		}
	}
	return nil
}

// backslash runs a backslash command.
func (s *session) backslash(ctx context.Context, u unit) error {
	if name, rest, _ := strings.Cut(u.text, " "); name != "" {
		if b := findBackslash(strings.TrimSuffix(name, ";")); b != nil && b.raw {
			return b.run(s, ctx, []string{strings.TrimSpace(rest)})
		}
	}
	fields, err := splitArguments(u.text)
	if err != nil {
		return err
	}
	if len(fields) == 0 {
		return errors.New(`\ alone is no command; \? shows what there is`)
	}
	b := findBackslash(fields[0])
	if b == nil {
		return fmt.Errorf(`no command \%s; %s`, fields[0], suggestion(fields[0]))
	}
	args := fields[1:]
	if len(args) < b.least || len(args) > b.most {
		return fmt.Errorf(`usage: \%s`, strings.TrimSpace(b.name+" "+b.usage))
	}
	return b.run(s, ctx, args)
}

// suggestion names the commands that begin as what was typed does.
func suggestion(name string) string {
	var near []string
	for _, b := range backslashes {
		if hasPrefixFold(b.name, name) || (hasPrefixFold(name, b.name) && len(b.name) > 1) {
			near = append(near, `\`+b.name)
		}
	}
	if len(near) == 0 {
		return `\? shows what there is`
	}
	return "perhaps " + listed(near)
}

// splitArguments cuts at blanks; '…' and "…" keep blanks together. A semicolon at the end is
// taken for a habit.
func splitArguments(text string) ([]string, error) {
	text = strings.TrimRight(strings.TrimSuffix(strings.TrimSpace(text), ";"), " ")
	var args []string
	for text = strings.TrimLeft(text, " \t"); text != ""; text = strings.TrimLeft(text, " \t") {
		var arg string
		if quote := text[0]; quote == '\'' || quote == '"' {
			end := strings.IndexByte(text[1:], quote)
			if end < 0 {
				return nil, fmt.Errorf("the quote in %s is not closed", clip(text))
			}
			arg, text = text[1:1+end], text[2+end:]
		} else if end := strings.IndexAny(text, " \t"); end >= 0 {
			arg, text = text[:end], text[end:]
		} else {
			arg, text = text, ""
		}
		args = append(args, arg)
	}
	return args, nil
}

// help prints what can be typed.
func (s *session) help(context.Context, []string) error {
	out, err := s.output()
	if err != nil {
		return err
	}
	st := out.look.style
	fmt.Fprintf(out, "%s\n%s\n", st.bold("Ledger commands, one per line"), helpVerbs)
	fmt.Fprintf(out, "%s\n%s\n", st.bold("SQL, over as many lines as it takes, to a semicolon"),
		helpSQL)
	fmt.Fprintf(out, "%s\n", st.bold("Shell"))
	for _, b := range backslashes {
		head := `\` + strings.TrimSpace(b.name+" "+b.usage)
		if len(head) > helpColumns {
			fmt.Fprintf(out, "  %s\n  %-*s  %s\n", head, helpColumns, "", b.help)
			continue
		}
		fmt.Fprintf(out, "  %-*s  %s\n", helpColumns, head, b.help)
	}
	return errors.Join(out.Flush(), out.close())
}

// helpColumns is where the explanations begin.
const helpColumns = 28

const (
	helpVerbs = `  CreateAccount A               a new account
  AdjustAccount A 100%1         credit an account, or debit it: -100%1
  ObserveAccount A              its balance; ObserveAccounts shows all
  transfer(A->B->C, 1%1)        move money along a route
  data##CODEprogram             run a program and keep data beside it
  batch test:8000               8000 one-dollar transfers, signed batch by batch
  many test:8000                the same, each signed by itself
`
	helpSQL = `  SELECT name, balance FROM accounts;
  SELECT balance FROM accounts AS OF 1200 WHERE name = 'A';
  SELECT * FROM accounts AS OF TIMESTAMP '2026-03-31 23:59:59';
  SELECT * FROM accounts_history WHERE name = 'A' ORDER BY log_index;
  SELECT balance FROM accounts AS OF :at WHERE name = :who;   after \bind who=A at:index=1200
  SELECT * FROM verify_all();
`
)
