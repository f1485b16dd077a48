package state

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"juno"
)

// closed returns a ledger that is not open, with accounts, money and currencies:
//
//	alice-1  of alice  10 USD, 1%3 XXX      bob-1  of bob  nothing      ops-1  of ops  5 USD
//	USD 2 places, GOLD any
func closed(t tester) *ledger {
	t.Helper()
	l := newLedger(t, false)
	l.must(keyOperator, "CreateCurrency USD 2")
	l.must(keyOperator, "CreateCurrency GOLD any")
	l.must(keyAlice, "CreateAccount alice-1")
	l.must(keyAlice, "CreateAccount alice-2")
	l.must(keyBob, "CreateAccount bob-1")
	l.must(keyOperator, "CreateAccount ops-1")
	l.must(keyOperator, "AdjustAccount alice-1 10 USD")
	l.must(keyOperator, "AdjustAccount alice-1 1%3")
	l.must(keyOperator, "AdjustAccount ops-1 5 USD")
	return l
}

// TestRefusals has one row per refusal of a command. Within a verb the rows stand in the order in
// which the reasons are looked at: every row's command would also be refused for the reasons
// below it, as far as one command can.
func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", juno.NameBytesMax+1)
	huge := strings.Repeat("9", 154)
	for _, row := range []struct {
		text    string
		code    juno.Code
		message string // part of it
	}{
		{"", juno.CodeSyntax, "empty command"},
		{"hello", juno.CodeLanguage, "contracts are not executed"},
		{"CommandInputQuery 7", juno.CodeLanguage, "SELECT memo"},
		{"x##CODE(let ((a 1)) a)", juno.CodeLanguage, "programs are not executed yet"},
		{`(#transfer "a" "b" 5 "x")`, juno.CodeLanguage, "programs are not executed yet"},

		{"transfer(->sys:a, 0.001 EUR", juno.CodeSyntax, "want account names"},
		{"transfer(sys:a, 1%1)", juno.CodeSyntax, "at least two accounts"},
		{"transfer(" + long + "->sys:a, -1)", juno.CodeAmount, "not negative"},
		{"transfer(" + long + "->sys:a, 1%0)", juno.CodeLiteral, "denominator zero"},
		{"transfer(" + long + "->sys:a, 0.001 EUR)", juno.CodeSize, "257 bytes, at most 256"},
		{"transfer(a\x01->sys:a, 0.001 EUR)", juno.CodeSyntax, "control character"},
		{"transfer(bob-1->sys:a, 0.001 EUR)", juno.CodeReserved, "account sys:a"},
		{"transfer(bob-1->v:a, 0.001 EUR)", juno.CodeReserved, "account v:a"},
		{"transfer(bob-1->k:a, 0.001 EUR)", juno.CodeReserved, "account k:a"},
		{"transfer(bob-1->nobody, 0.001 EUR)", juno.CodeCurrency, "CreateCurrency EUR 2"},
		{"transfer(bob-1->nobody, 0.001 USD)", juno.CodeScale, "USD has 2 decimal places, 0.001"},
		{"transfer(bob-1->nobody, 1 USD)", juno.CodeAccount, "no account nobody"},
		{"transfer(nobody->bob-1, 1 USD)", juno.CodeAccount, "no account nobody"},
		{"transfer(bob-1->alice-1, 100 USD)", juno.CodeAuth, "bob-1 belongs to bob, alice may not"},
		{
			"transfer(alice-1->bob-1, 12.50 USD)", juno.CodeFunds,
			"alice-1 holds 10 USD and cannot pay 12.5, 2.5 is missing",
		},
		{"transfer(alice-1->alice-2->bob-1, 11 USD)", juno.CodeFunds, "alice-1 holds 10 USD"},
		{"transfer(alice-1->bob-1->alice-2, 1 USD)", juno.CodeAuth, "bob-1 belongs to bob"},
		{"transfer(alice-1->bob-1, 1%2)", juno.CodeFunds, "alice-1 holds 1%3 XXX"},
		{"transfer(alice-1->alice-1, 11 USD)", juno.CodeFunds, "alice-1 holds 10 USD"},

		{`(#transfer "alice-1" "sys:a" (% 1 0) "x"`, juno.CodeLanguage, "programs"},
		{`(#transfer "alice-1" "sys:a" (% 1 0) "x")`, CodeDivide, "(% 1 0)"},
		{`(#transfer "alice-1" "sys:a" (% -1 1) "x")`, juno.CodeAmount, "not negative"},
		{`(#transfer "alice-1" "sys:a" (% 1 1) "x")`, juno.CodeReserved, "account sys:a"},
		{`(#transfer "alice-1" "nobody" (% 1 1) "x")`, juno.CodeAccount, "no account nobody"},
		{`(#transfer "bob-1" "alice-1" (% 1 1) "x")`, juno.CodeAuth, "bob-1 belongs to bob"},
		{`(#transfer "alice-1" "bob-1" (% 1 1) "x")`, juno.CodeFunds, "alice-1 holds 1%3 XXX"},

		{"AdjustAccount", juno.CodeSyntax, "want an account and an amount"},
		{"AdjustAccount sys:a 100.0", juno.CodeSyntax, "as a ratio, 100%1; with"},
		{"AdjustAccount sys:a -12.50", juno.CodeSyntax, "ratio, -25%2; with one as in -12.50 USD"},
		{"AdjustAccount sys:a 1%0 EUR", juno.CodeLiteral, "denominator zero"},
		{"AdjustAccount sys:a 0.001 EUR", juno.CodeReserved, "account sys:a"},
		{"AdjustAccount nobody 0.001 EUR", juno.CodeAuth, "alice is a client; only an operator"},

		{"CreateAccount", juno.CodeSyntax, "want the name of an account"},
		{"CreateAccount " + long, juno.CodeSize, "257 bytes"},
		{"CreateAccount a##CODEb", juno.CodeSyntax, "##CODE is no part of a name"},
		{"CreateAccount sys:issuance", juno.CodeReserved, "account sys:issuance"},
		{"CreateAccount bob-1", juno.CodeExists, "account bob-1 exists"},

		{"CreateCurrency usd 2", juno.CodeSyntax, "capital letters"},
		{"CreateCurrency USD two", juno.CodeSyntax, "number of decimal places"},
		{"CreateCurrency USD 19", juno.CodeRange, "at most 18"},
		{"CreateCurrency USD 2", juno.CodeAuth, "alice is a client"},

		{"ObserveAccount", juno.CodeSyntax, "want the name"},
		{"ObserveAccount nobody", juno.CodeAccount, "no account nobody"},
		{"ObserveAccounts now", juno.CodeSyntax, "takes nothing"},
		{"transfer(alice-1->bob-1, " + huge + "999%1)", juno.CodeNumSize, "more than 512 bits"},
	} {
		l := closed(t)
		l.refused(keyAlice, row.text, row.code, row.message)
	}
}

// TestOperatorRefusals has the rows that only an operator gets to.
func TestOperatorRefusals(t *testing.T) {
	huge := strings.Repeat("9", 154)
	for _, row := range []struct {
		text    string
		code    juno.Code
		message string
	}{
		{"AdjustAccount nobody 0.001 EUR", juno.CodeCurrency, "no currency EUR"},
		{"AdjustAccount nobody 0.001 USD", juno.CodeScale, "USD has 2 decimal places"},
		{"AdjustAccount nobody -100 USD", juno.CodeAccount, "no account nobody"},
		{
			"AdjustAccount alice-1 -100 USD", juno.CodeFunds,
			"alice-1 holds 10 USD and cannot pay 100, 90 is missing",
		},
		{"AdjustAccount alice-1 1%" + huge, juno.CodeNumSize, "the balance of sys:issuance in XXX"},
		{"CreateCurrency USD 2", juno.CodeExists, "currency USD exists"},
		{"CreateCurrency XXX 2", juno.CodeExists, "currency XXX exists"},
	} {
		l := closed(t)
		if strings.Contains(row.text, huge) {
			l.must(keyOperator, "AdjustAccount alice-1 1%"+strings.Repeat("7", 150))
		}
		l.refused(keyOperator, row.text, row.code, row.message)
	}
}

// refused checks that a command is refused, why, and that only session elements changed.
func (l *ledger) refused(key juno.PrivateKey, text string, code juno.Code, message string) {
	l.t.Helper()
	before := maps.Clone(l.view)
	result := l.do(key, text)
	if result.Status != juno.StatusRefused || result.Code != code ||
		!strings.Contains(result.Message, message) {
		l.t.Errorf("%.80s: got %q %s, want %s …%s…",
			text, result.Code, result.Message, code, message)
	}
	l.unchanged(text, before)
}

// unchanged checks that the last entry changed nothing but session elements.
func (l *ledger) unchanged(what string, before memory) {
	l.t.Helper()
	if len(l.fx.Ops) > 0 {
		l.t.Errorf("%.80s: %d movements", what, len(l.fx.Ops))
	}
	for _, key := range slices.Sorted(maps.Keys(l.view)) {
		if string(before[key]) != string(l.view[key]) && !KindOf([]byte(key)).Session() {
			l.t.Errorf("%.80s: changed element %q", what, key)
		}
	}
}

func TestClosedLedger(t *testing.T) {
	l := closed(t)
	l.must(keyAlice, "transfer(alice-1->alice-2->bob-1, 2.50 USD)")
	l.must(keyAlice, `rent##CODE(#transfer "alice-1" "bob-1" (% 1 6) "may")`)
	want := Op{
		Source: "alice-1", Target: "bob-1", Currency: "XXX", Amount: amount(t, "1%6"),
		Label: "may", Memo: "rent",
	}
	if len(l.fx.Ops) != 1 || !equalOps(l.fx.Ops[0], want) {
		t.Errorf("movements %+v, want %+v", l.fx.Ops, want)
	}
	l.must(keyOperator, "AdjustAccount alice-1 -5 USD")
	l.must(keyAlice, "transfer(alice-1->alice-1, 2.5 USD)")
	for _, row := range []struct{ account, currency, balance string }{
		{"alice-1", "USD", "2.5"},
		{"alice-1", "XXX", "1%6"},
		{"alice-2", "USD", "0"},
		{"alice-2", "XXX", "none"},
		{"bob-1", "USD", "2.5"},
		{"bob-1", "XXX", "1%6"},
		{IssuanceAccount, "USD", "-10"},
		{IssuanceAccount, "XXX", "-1%3"},
	} {
		if got := l.balance(row.account, row.currency); got != row.balance {
			t.Errorf("%s holds %s %s, want %s", row.account, got, row.currency, row.balance)
		}
	}
	supply, err := Supply(l.view, "USD")
	if got, want := supply.String(), "10"; err != nil || got != want {
		t.Errorf("supply of USD %s, %v, want %s", got, err, want)
	}
	if supply, err = Supply(l.view, "GOLD"); err != nil || supply.Sign() != 0 {
		t.Errorf("supply of GOLD %s, %v, want 0", supply, err)
	}
}

func equalOps(a, b Op) bool {
	same := a.Amount.Equal(b.Amount)
	a.Amount, b.Amount = juno.Amount{}, juno.Amount{}
	return same && a == b
}

func TestOperationKinds(t *testing.T) {
	for _, row := range []struct {
		text, source, target, kind string
	}{
		{"AdjustAccount a 5%1", IssuanceAccount, "a", "issue"},
		{"AdjustAccount a 0%1", IssuanceAccount, "a", "issue"},
		{"AdjustAccount a -5%1", "a", IssuanceAccount, "redeem"},
		{"transfer(a->b, 5%1)", "a", "b", "transfer"},
	} {
		c := juno.Command{Language: juno.DetectLanguage(row.text), Text: row.text}
		ops := Operations(&c, &juno.Result{Status: juno.StatusOK})
		if len(ops) != 1 || ops[0].Source != row.source || ops[0].Target != row.target ||
			ops[0].Kind.String() != row.kind || ops[0].Amount.Sign() < 0 {
			t.Errorf("%s: %+v, want %+v", row.text, ops, row)
		}
		if ops := Operations(&c, &juno.Result{Status: juno.StatusRefused}); ops != nil {
			t.Errorf("%s, refused: %+v, want none", row.text, ops)
		}
	}
}

func TestOpenLedger(t *testing.T) {
	l := newLedger(t, true)
	l.must(keyAlice, "CreateAccount a")
	l.must(keyBob, "transfer(a->b, 3%1)")
	l.must(keyAlice, "AdjustAccount b -10%1")
	l.must(keyBob, "CreateCurrency EUR 2")
	l.must(keyBob, "transfer(a->b, 0.01 EUR)")
	if got, want := l.balance("a", "XXX")+" "+l.balance("b", "XXX"), "-3 -7"; got != want {
		t.Errorf("balances %s, want %s", got, want)
	}
	a, err := ParseAccount(l.view[string(AppendAccountKey(nil, "b"))])
	want := Account{Owner: "bob", Public: true, Created: 2, Opened: l.genesis.Created + 2}
	if err != nil || a != want {
		t.Errorf("account made by a transfer: %+v, %v, want %+v", a, err, want)
	}
	l.refused(keyAlice, `(#transfer "a" "new" (% 1 1) "x")`, juno.CodeAccount, "no account new")
	l.refused(keyAlice, "transfer(a->c, 0.001 EUR)", juno.CodeScale, "finer")
	l.refused(keyAlice, "AdjustAccount new 1%1", juno.CodeAccount, "no account new")
	if got := l.balance("c", "EUR"); got != "none" {
		t.Errorf("a refused transfer left %s EUR with c", got)
	}
}

func TestBalanceChanges(t *testing.T) {
	l := newLedger(t, true)
	l.must(keyAlice, "transfer(a->b->c->a, 1%1)") // every account is touched twice
	l.must(keyAlice, "transfer(a->a, 1%1)")
	for account, want := range map[string]uint64{"a": 2, "b": 1, "c": 1} { // order: independent
		b, err := ParseBalance(l.view[string(AppendBalanceKey(nil, account, "XXX"))])
		if err != nil || b.Changes != want || b.Amount.Sign() != 0 {
			t.Errorf("%s: %+v, %v, want 0 after %d changes", account, b, err, want)
		}
	}
}

func TestObserve(t *testing.T) {
	l := closed(t)
	for _, row := range []struct{ text, value string }{
		{"ObserveAccount alice-1", "alice-1\tUSD\t10\nalice-1\tXXX\t1%3\n"},
		{"ObserveAccount bob-1 ", "bob-1\tXXX\t0\n"},
		{
			"ObserveAccounts",
			"alice-1\tUSD\t10\nalice-1\tXXX\t1%3\nalice-2\tXXX\t0\nbob-1\tXXX\t0\nops-1\tUSD\t5\n" +
				"sys:issuance\tUSD\t-15\nsys:issuance\tXXX\t-1%3\n",
		},
	} {
		if got := l.do(keyBob, row.text); got.Status != juno.StatusOK || got.Value != row.value {
			t.Errorf("%s: %+v, want %q", row.text, got, row.value)
		}
		l.unchanged(row.text, l.view)
	}
}

func TestObserveIsBounded(t *testing.T) {
	l := newLedger(t, true)
	for i := range observeLinesMax + 10 {
		name := "a" + strings.Repeat("0", 4-len(juno.NewAmount(int64(i)).String())) +
			juno.NewAmount(int64(i)).String()
		l.view[string(AppendAccountKey(nil, name))] = AppendAccount(nil, &Account{Owner: "alice"})
		if i%2 == 0 {
			l.view[string(AppendBalanceKey(nil, name, "USD"))] = AppendBalance(nil,
				Balance{Amount: juno.NewAmount(1), Changes: 1})
		}
	}
	lines := strings.Split(l.do(keyAlice, "ObserveAccounts").Value, "\n")
	if got, want := len(lines), observeLinesMax+2; got != want {
		t.Errorf("%d lines, want %d and a mark", got, want)
	}
	if got, want := lines[len(lines)-2]+lines[len(lines)-1], "…"; got != want {
		t.Errorf("last line %q, want %q", got, want)
	}
	for i, line := range lines[:observeLinesMax] {
		if i > 0 && lines[i-1] >= line {
			t.Fatalf("line %d %q behind %q", i, line, lines[i-1])
		}
	}
}

// TestLongestTexts refuses commands that hold as much as a command can of what a refusal quotes.
// That every result can be read back is checked for all tests, in apply.
func TestLongestTexts(t *testing.T) {
	fill := func(before, part, behind string) string {
		n := (juno.CommandTextBytesMax - len(before) - len(behind)) / len(part)
		return before + strings.Repeat(part, n) + behind
	}
	l := closed(t)
	for _, text := range []string{
		fill("AdjustAccount a ", "9", ""), fill("AdjustAccount a 1%", "9", ""),
		fill("AdjustAccount a 1%", "0", ""), fill("AdjustAccount a 1%1 ", "é", ""),
		fill("AdjustAccount ", "x", " 1%1"), fill("transfer(a->b, ", "9", ".5)"),
		fill("transfer(a->b, -", "9", "%1)"), fill("transfer(a", "->a", ", 1%1)"),
		fill("transfer(", "é", "->b, 1%1)"), fill(`(#transfer "a" "b" (% `, "9", ` 0) "x")`),
		fill("CreateAccount ", "\u202e", ""), fill("CreateAccount ", "\x00", ""),
		fill("CreateCurrency ", "A", " 2"), fill("CreateCurrency USD ", "9", ""),
		fill("ObserveAccount ", "é", ""), fill("", "é", ""), fill("", "(", ""),
	} {
		if r := l.do(keyAlice, text); r.Status != juno.StatusRefused ||
			len(r.Message) > messageBytesMax || !utf8.ValidString(r.Message) {
			t.Errorf("%.40s…: %s, %d bytes: %.100s", text, r.Status, len(r.Message), r.Message)
		}
	}
}

// TestEntriesThatNoPrefixLetsPass are refused all the same, deterministically.
func TestEntriesThatNoPrefixLetsPass(t *testing.T) {
	l := closed(t)
	alice := keyAlice.Public().ID()
	used := l.requests[alice]
	command := func(c juno.Command) []byte {
		c.Batched, c.Language = true, juno.LanguageAdmin
		c.Text = "CreateAccount new"
		return c.Payload()
	}
	for _, row := range []struct {
		name    string
		typ     juno.EntryType
		payload []byte
		code    juno.Code
	}{
		{"no command", juno.EntryCommand, []byte{1, 2, 3}, juno.CodeSyntax},
		{"no batch", juno.EntryBatchHead, []byte{1, 2, 3}, juno.CodeSyntax},
		{"no change of keys", juno.EntryKeyOp, []byte{1, 2, 3}, juno.CodeSyntax},
		{"no membership", juno.EntryConfig, []byte{1, 2, 3}, juno.CodeSyntax},
		{"no mode", juno.EntryMode, []byte{1, 2, 3}, juno.CodeSyntax},
		{"no type", 99, nil, juno.CodeLanguage},
		{
			"unknown key", juno.EntryCommand,
			command(juno.Command{Key: keyFresh.Public().ID(), Request: 1}), juno.CodeKey,
		},
		{
			"used request", juno.EntryCommand,
			command(juno.Command{Key: alice, Request: used}), CodeUsed,
		},
		{
			"expired", juno.EntryCommand,
			command(juno.Command{Key: alice, Request: used + 1, Expires: 3}), juno.CodeExpired,
		},
	} {
		before := maps.Clone(l.view)
		if got := l.apply(row.typ, row.payload); got.Code != row.code {
			t.Errorf("%s: %+v, want %s", row.name, got, row.code)
		}
		l.unchanged(row.name, before)
	}
	in := command(juno.Command{Key: alice, Request: used + 2, Expires: l.last + 1})
	if got := l.apply(juno.EntryCommand, in); got.Status != juno.StatusOK {
		t.Errorf("expires with this very entry: %+v", got)
	}
	c := juno.Command{
		Key: alice, Request: 100, Language: juno.LanguageHoplite,
		Text: "CreateAccount new", Batched: true,
	}
	if got := l.apply(juno.EntryCommand, c.Payload()); got.Code != juno.CodeLanguage {
		t.Errorf("admin text as Hoplite: %+v, want %s", got, juno.CodeLanguage)
	}
}

// broken is a view that cannot be read.
type broken struct{ err error }

func (b broken) Get([]byte) ([]byte, error)                      { return nil, b.err }
func (b broken) Scan([]byte, func(key, value []byte) bool) error { return b.err }

func TestApplyStopsAtBadViews(t *testing.T) {
	l := closed(t)
	e := &juno.Entry{Index: l.last + 1, Type: juno.EntryNoop}
	cause := errors.New("disk on fire")
	if _, err := l.machine.Apply(broken{cause}, e, &l.fx); !errors.Is(err, cause) {
		t.Errorf("broken view: %v, want %v", err, cause)
	}
	if _, err := l.machine.Apply(memory{}, e, &l.fx); !errors.Is(err, juno.ErrMalformed) {
		t.Errorf("empty view: %v, want %v", err, juno.ErrMalformed)
	}
	for _, index := range []juno.Index{l.last, l.last + 2} {
		e.Index = index
		if _, err := l.machine.Apply(l.view, e, &l.fx); err == nil {
			t.Errorf("entry %d applied to the state of entry %d", index, l.last)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.view)) {
		view := maps.Clone(l.view)
		view[key] = []byte{255}
		c := juno.Command{
			Key: keyOperator.Public().ID(), Request: 100, Batched: true,
			Language: juno.LanguageAdmin, Text: "AdjustAccount alice-1 1 USD",
		}
		e := &juno.Entry{Index: l.last + 1, Type: juno.EntryCommand, Payload: c.Payload()}
		if _, err := l.machine.Apply(view, e, &l.fx); err != nil &&
			!errors.Is(err, juno.ErrMalformed) {
			t.Errorf("element %q damaged: %v, want %v", key, err, juno.ErrMalformed)
		}
	}
}
