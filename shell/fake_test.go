package shell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"juno"
)

// fakeLedger is a ledger small enough to be read at a glance: three verbs and transfer, and an
// answer for each of a few statements. A SELECT it does not know it answers with its own text,
// which shows what really arrived.
type fakeLedger struct {
	mutex    sync.Mutex
	head     juno.Head
	balances map[string]juno.Amount
	changes  map[juno.Index][][]juno.Value
	readOnly bool
	remote   bool
	verify   []juno.Finding
	block    chan struct{} // closed when a statement begins to hang
	sent     []submission
}

// submission is a call of Submit.
type submission struct {
	texts []string
	mode  juno.Mode
}

func newFakeLedger() *fakeLedger {
	return &fakeLedger{
		balances: make(map[string]juno.Amount),
		changes:  make(map[juno.Index][][]juno.Value),
		block:    make(chan struct{}),
		verify: []juno.Finding{
			{Check: "chain", From: 1, To: 5, Items: 4, OK: true},
			{Check: "signatures", From: 1, To: 5, Items: 4, OK: true},
		},
	}
}

func (f *fakeLedger) Identity() Identity {
	id := Identity{Ledger: "demo", Remote: f.remote}
	if !f.readOnly {
		id.Client, id.Key = "alice", juno.KeyID{0x3f, 0xa0}
	}
	return id
}

func (f *fakeLedger) Head() juno.Head {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.head
}

var fakeVerb = regexp.MustCompile(
	`^(CreateAccount|AdjustAccount|ObserveAccounts?|CommandInputQuery)\b|^transfer\(|^\(|^.*##CODE`)

func (f *fakeLedger) Detect(text string) Detection {
	if strings.HasPrefix(strings.ToUpper(text), "SELECT") || !fakeVerb.MatchString(text) {
		return Detection{}
	}
	d := Detection{Command: true, Language: juno.LanguageAdmin}
	if strings.HasPrefix(text, "(") {
		d.Language = juno.LanguageHopper
		d.Open = strings.Count(text, "(") > strings.Count(text, ")")
	}
	return d
}

// Split knows '…', -- and /* */.
func (f *fakeLedger) Split(text string) []juno.Statement {
	var all []juno.Statement
	first, last := -1, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "--"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				n = len(text) - i
			}
			i += n - 1
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i:], "*/")
			if n < 0 {
				if first < 0 {
					first = i
				}
				return append(all, juno.Statement{Text: text[first:], Offset: first})
			}
			i += n + 1
		case c == ';':
			if first >= 0 {
				all = append(all, juno.Statement{
					Text: text[first:last], Offset: first, Complete: true,
				})
			}
			first = -1
		case c > ' ':
			if first < 0 {
				first = i
			}
			if c == '\'' {
				n := strings.IndexByte(text[i+1:], '\'')
				if n < 0 {
					return append(all, juno.Statement{Text: text[first:], Offset: first})
				}
				i += n + 1
			}
			last = i + 1
		}
	}
	if first >= 0 {
		all = append(all, juno.Statement{Text: text[first:last], Offset: first})
	}
	return all
}

var fakeParameter = regexp.MustCompile(`\?|:([a-z]+)`)

func (f *fakeLedger) Parameters(text string) (names []string, positions int) {
	for _, m := range fakeParameter.FindAllStringSubmatch(text, -1) {
		if m[1] == "" {
			positions++
		} else {
			names = append(names, m[1])
		}
	}
	return names, positions
}

func (f *fakeLedger) Schema() juno.Schema {
	return juno.Schema{
		Tables: []juno.TableInfo{
			{Name: "accounts", Doc: "one row per account and currency", Columns: []juno.ColumnInfo{
				{Name: "name", Kind: juno.Text},
				{Name: "currency", Kind: juno.Text},
				{Name: "balance", Kind: juno.Exact, Doc: "exact, never a float"},
			}},
			{Name: "accounts_history", Doc: "one row per change", Columns: []juno.ColumnInfo{
				{Name: "name", Kind: juno.Text},
				{Name: "delta", Kind: juno.Exact, Doc: "what the change added"},
			}},
			{Name: "log", Doc: "the entries", Columns: []juno.ColumnInfo{
				{Name: "log_index", Kind: juno.Integer},
			}},
		},
		Functions: []juno.FunctionInfo{
			{Name: "balance", Usage: "balance(account [, index])"},
		},
	}
}

func (f *fakeLedger) Accounts(ctx context.Context, prefix string, limit int) ([]string, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	var names []string
	for _, n := range slices.Sorted(maps.Keys(f.balances)) {
		if hasPrefixFold(n, prefix) && len(names) < limit {
			names = append(names, n)
		}
	}
	return names, ctx.Err()
}

func (f *fakeLedger) Submit(
	ctx context.Context, texts []string, mode juno.Mode, progress juno.Progress,
) ([]juno.Outcome, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.readOnly {
		return nil, errors.New("no client key: the ledger was opened for reading only")
	}
	f.sent = append(f.sent, submission{texts, mode})
	out := make([]juno.Outcome, len(texts))
	for i, text := range texts {
		switch {
		case ctx.Err() != nil:
			out[i] = juno.Outcome{Err: ctx.Err()}
		case strings.HasPrefix(text, "CreateAccount lost"):
			out[i] = juno.Outcome{Err: fmt.Errorf("no answer in 10 s: %w", juno.ErrUnknown)}
		default:
			out[i] = f.apply(text)
		}
		if progress != nil {
			progress(i+1, len(texts))
		}
	}
	return out, nil
}

var (
	fakeTransfer = regexp.MustCompile(`^transfer\((\w+)->(\w+), ?([-0-9.%]+)\)$`)
	fakeAdjust   = regexp.MustCompile(`^AdjustAccount (\S+) ([-0-9.%]+)$`)
)

func (f *fakeLedger) apply(text string) juno.Outcome {
	f.head.Index++
	f.head.Time += 1000
	o := juno.Outcome{
		Index: f.head.Index, Time: f.head.Time,
		Result: juno.Result{Status: juno.StatusOK},
	}
	refuse := func(code juno.Code, format string, args ...any) juno.Outcome {
		o.Result = juno.Result{
			Status: juno.StatusRefused, Code: code, Message: fmt.Sprintf(format, args...),
		}
		return o
	}
	if name, ok := strings.CutPrefix(text, "CreateAccount "); ok {
		if _, there := f.balances[name]; there {
			return refuse(juno.CodeExists, "account %s exists already", name)
		}
		f.set(name, juno.Amount{})
		return o
	}
	if text == "ObserveAccounts" {
		for _, n := range slices.Sorted(maps.Keys(f.balances)) {
			o.Result.Value += n + "\tUSD\t" + f.balances[n].String() + "\n"
		}
		return o
	}
	if m := fakeAdjust.FindStringSubmatch(text); m != nil {
		amount, err := juno.ParseAmount(m[2])
		if _, there := f.balances[m[1]]; !there {
			return refuse(juno.CodeAccount, "no account %s", m[1])
		} else if err != nil {
			return refuse(juno.CodeLiteral, "%v", err)
		}
		f.move("*issue", m[1], amount)
		return o
	}
	if m := fakeTransfer.FindStringSubmatch(text); m != nil {
		amount, _ := juno.ParseAmount(m[3])
		if amount.Cmp(f.balances[m[1]]) > 0 {
			return refuse(juno.CodeFunds, "%s has %s, %s needed", m[1], f.balances[m[1]], amount)
		}
		f.move(m[1], m[2], amount)
		return o
	}
	return refuse(juno.CodeSyntax, "no command: %s", text)
}

func (f *fakeLedger) move(from, to string, amount juno.Amount) {
	a, _ := f.balances[from].Sub(amount)
	f.set(from, a)
	b, _ := f.balances[to].Add(amount)
	f.set(to, b)
}

func (f *fakeLedger) set(name string, balance juno.Amount) {
	delta, _ := balance.Sub(f.balances[name])
	change := "changed"
	if _, there := f.balances[name]; !there {
		change = "created"
	}
	f.balances[name] = balance
	i := f.head.Index
	f.changes[i] = append(f.changes[i], []juno.Value{
		textValue(name), textValue("USD"), textValue(change), exactValue(delta),
		exactValue(balance),
	})
}

func (f *fakeLedger) Query(ctx context.Context, q juno.Query) (juno.Rows, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if q.Text == changesText {
		t := table("name", "currency", "change", "delta", "balance")
		t.rows, t.head = f.changes[juno.Index(q.Args[0].Value.Integer)], f.head
		return t, nil
	}
	if i := strings.Index(q.Text, "balanc "); i >= 0 {
		return nil, &juno.QueryError{
			Message: "no such column: balanc", Offset: i, Hint: "did you mean balance?",
		}
	}
	if strings.Contains(q.Text, "FROM accounts") {
		t := table("name", "balance")
		t.head = f.head
		for _, n := range slices.Sorted(maps.Keys(f.balances)) {
			t.add(textValue(n), exactValue(f.balances[n]))
		}
		return t, nil
	}
	if answer := fakeAnswers[q.Text]; answer != nil {
		return answer(), nil
	}
	switch q.Text {
	case "SELECT slow":
		close(f.block)
		<-ctx.Done()
		return nil, ctx.Err()
	case "SELECT endless":
		return &endlessRows{ctx: ctx}, nil
	case "SELECT breaks":
		return &endlessRows{ctx: ctx, most: 2, err: errors.New("the disk said no")}, nil
	}
	t := table("you asked")
	t.add(textValue(q.Text + showArgs(q.Args)))
	t.head = f.head
	return t, nil
}

// showArgs tells what is bound, " <- 1, :name 'text'".
func showArgs(args []juno.Arg) string {
	var b strings.Builder
	for i, a := range args {
		b.WriteString([]string{" <- ", ", "}[min(i, 1)])
		if a.Name != "" {
			b.WriteString(":" + a.Name + " ")
		}
		switch v := a.Value; v.Kind {
		case juno.Text:
			fmt.Fprintf(&b, "'%s'", v.Text)
		case juno.Exact, juno.Float, juno.Blob, juno.Null:
			fmt.Fprintf(&b, "%s %s", v.Kind, cellText(v))
		default:
			fmt.Fprintf(&b, "%s %d", v.Kind, v.Integer)
		}
	}
	return b.String()
}

// fakeAnswers are what some statements give.
var fakeAnswers = map[string]func() juno.Rows{
	"SELECT kinds": func() juno.Rows {
		t := table("null", "integer", "exact", "float", "text", "blob", "text")
		t.add(juno.Value{}, integerValue(-42), juno.Value{Kind: juno.Exact, Text: "1%3"},
			juno.Value{Kind: juno.Float, Float: 0.5}, textValue("NULL"),
			juno.Value{Kind: juno.Blob, Blob: []byte{0, 0xff}}, textValue(""))
		t.add(textValue("x"), integerValue(7), juno.Value{Kind: juno.Exact, Text: "-1000000.25"},
			juno.Value{Kind: juno.Float, Float: 1e30}, juno.Value{},
			juno.Value{Kind: juno.Blob}, textValue("a,b \"c\"\nd"))
		return t
	},
	"SELECT evil": func() juno.Rows {
		t := table("name", "balance")
		t.add(textValue("\x1b]52;c;ZXZpbA==\a"), integerValue(1))
		t.add(textValue("bob\r\x1b[2Kmallory"), integerValue(2))
		t.add(textValue("ali\u202eecneg"), integerValue(3))
		t.add(textValue("\u009b31mred\xff"), integerValue(4))
		t.add(textValue("=cmd|'/c calc'!A1"), integerValue(5))
		return t
	},
	"SELECT wide": func() juno.Rows {
		t := table("name", "note", "balance")
		long := "日本語の長い説明、切られるはずです、とても長い"
		t.add(textValue("山田太郎"), textValue(long), integerValue(1))
		t.add(textValue("e\u0301mile 🚀"), textValue("short"), integerValue(123456789))
		return t
	},
	"SELECT broad": func() juno.Rows {
		t := table("log_index", "payload_hash", "hash", "prev_hash", "committed_at")
		h := strings.Repeat("0123456789abcdef", 4)
		t.add(integerValue(4711), textValue(h), textValue(h), textValue(h),
			textValue("2026-03-31T23:59:59.000Z"))
		return t
	},
	"SELECT nothing": func() juno.Rows { return table("name", "balance") },
}

// endlessRows is an answer that ends only with its context, or with an error after most rows.
type endlessRows struct {
	ctx  context.Context
	n    int64
	most int64
	err  error
}

func (r *endlessRows) Columns() []juno.Column { return []juno.Column{{Name: "n"}} }

func (r *endlessRows) Next() ([]juno.Value, bool) {
	if r.ctx.Err() != nil || (r.most > 0 && r.n == r.most) {
		return nil, false
	}
	r.n++
	return []juno.Value{integerValue(r.n)}, true
}

func (r *endlessRows) Err() error      { return errors.Join(r.err, r.ctx.Err()) }
func (r *endlessRows) Head() juno.Head { return juno.Head{} }
func (r *endlessRows) Close() error    { return nil }

func (f *fakeLedger) Receipt(_ context.Context, index juno.Index) ([]byte, error) {
	if index > f.Head().Index {
		return nil, fmt.Errorf("no entry %d", index)
	}
	return fmt.Appendf(nil, `{"log_index": %d}`, index), nil
}

func (f *fakeLedger) Verify(
	ctx context.Context, _, _ juno.Index, p juno.Progress) ([]juno.Finding, error,
) {
	p(1, 2)
	return f.verify, ctx.Err()
}

func (f *fakeLedger) Snapshot(ctx context.Context, p juno.Progress) (juno.SnapshotInfo, error) {
	p(1, 1)
	return juno.SnapshotInfo{
		Index: f.Head().Index, StateHash: juno.Hash{0xab}, Bytes: 12345,
		Path: "snapshots/4.snapshot",
	}, ctx.Err()
}

func (f *fakeLedger) Status(ctx context.Context) ([]juno.Fact, error) {
	return []juno.Fact{
		juno.TextFact("ledger", "demo"),
		juno.IntegerFact("last entry", int64(f.Head().Index)),
		{Name: "certified by"},
	}, ctx.Err()
}
