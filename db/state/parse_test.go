package state

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"juno"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		text string
		want string // canonical text
	}{
		{"CreateAccount alice", "CreateAccount alice"},
		{" CreateAccount  Alice Smith \n", `CreateAccount "Alice Smith"`},
		{`CreateAccount "a \"b\" \\ c"`, `CreateAccount "a \"b\" \\ c"`},
		{"CreateAccount a-", `CreateAccount "a-"`},
		{"CreateAccount Zoë", "CreateAccount Zoë"},
		{"ObserveAccount a,b", `ObserveAccount "a,b"`},
		{"ObserveAccounts ", "ObserveAccounts"},
		{"CreateCurrency USD 2", "CreateCurrency USD 2"},
		{"CreateCurrency X2 18", "CreateCurrency X2 18"},
		{"CreateCurrency GOLD", "CreateCurrency GOLD any"},
		{"CreateCurrency GOLD any", "CreateCurrency GOLD any"},

		{"AdjustAccount a 100%1", "AdjustAccount a 100%1"},
		{"AdjustAccount a -10%1", "AdjustAccount a -10%1"},
		{"AdjustAccount a (-10)%1", "AdjustAccount a -10%1"},
		{"AdjustAccount a ((-10)%1)", "AdjustAccount a -10%1"},
		{"AdjustAccount a ( (-10 ) % 4 ) ", "AdjustAccount a -5%2"},
		{"AdjustAccount a 100 XXX", "AdjustAccount a 100%1"},
		{"AdjustAccount a 100.50 XXX", "AdjustAccount a 201%2"},
		{"AdjustAccount a -12.50 USD", "AdjustAccount a -12.5 USD"},
		{"AdjustAccount a (-10)%4 USD", "AdjustAccount a -2.5 USD"},
		{`AdjustAccount "a b" 1%3 USD`, `AdjustAccount "a b" 1%3 USD`},
		{"AdjustAccount a 007%014", "AdjustAccount a 1%2"},

		{"transfer(a->b, 1%1)", "transfer(a->b, 1%1)"},
		{"transfer(a->b,1 % 2)", "transfer(a->b, 1%2)"},
		{" transfer( a b -> c , 2%4 ) ", `transfer("a b"->c, 1%2)`},
		{"transfer(a->b->c->d,0%1)", "transfer(a->b->c->d, 0%1)"},
		{"transfer(a-b->c--->d, 1%1)", `transfer(a-b->"c--"->d, 1%1)`},
		{`transfer("a,b->c"->"d)", 3 USD)`, `transfer("a,b->c"->"d)", 3 USD)`},
		{"transfer(a->b, 12.50 USD)", "transfer(a->b, 12.5 USD)"},
		{"transfer(a->b, 1%3 USD )", "transfer(a->b, 1%3 USD)"},
		{"transfer(a->b, 12.5USD)", "transfer(a->b, 12.5 USD)"},
		{"rent, May##CODEtransfer(a->b, 1%1)", "rent, May##CODEtransfer(a->b, 1%1)"},
		{
			"transfer(a->b, 123456789012345678901234567890.5 USD)",
			"transfer(a->b, 123456789012345678901234567890.5 USD)",
		},

		{`(#transfer "a" "b" (% 110 100) "baz")`, `(#transfer "a" "b" (% 11 10) "baz")`},
		{
			`memo##CODE ( #transfer "a b""c"( % 1 2 )"" ) `,
			`memo##CODE(#transfer "a b" "c" (% 1 2) "")`,
		},
	} {
		st, r := Parse(juno.DetectLanguage(row.text), row.text)
		if r != nil {
			t.Errorf("%q: %v", row.text, r)
			continue
		}
		if got := st.String(); got != row.want {
			t.Errorf("%q: %q, want %q", row.text, got, row.want)
		}
		again, r := Parse(juno.DetectLanguage(row.want), row.want)
		if r != nil || !equalStatements(&again, &st) {
			t.Errorf("%q: read back %+v, %v, want %+v", row.want, again, r, st)
		}
	}
}

func equalStatements(a, b *Statement) bool {
	return a.Verb == b.Verb && slices.Equal(a.Accounts, b.Accounts) && a.Currency == b.Currency &&
		a.Amount.Equal(b.Amount) && a.Scale == b.Scale && a.Label == b.Label && a.Memo == b.Memo
}

func TestParseRefuses(t *testing.T) {
	for _, row := range []struct {
		text string
		code juno.Code
	}{
		{`CreateAccount ""`, juno.CodeSyntax},
		{`CreateAccount "a`, juno.CodeSyntax},
		{`CreateAccount "a" b`, juno.CodeSyntax},
		{`CreateAccount "a\n"`, juno.CodeSyntax},
		{`CreateAccount "a\`, juno.CodeSyntax},
		{"CreateAccount a\nCreateAccount b", juno.CodeSyntax},
		{"CreateAccount \xff", juno.CodeSyntax},
		{"AdjustAccount a", juno.CodeSyntax},
		{"AdjustAccount a b 1%1", juno.CodeSyntax},
		{"AdjustAccount a 100", juno.CodeSyntax},
		{"AdjustAccount a +100%1", juno.CodeSyntax},
		{"AdjustAccount a --100%1", juno.CodeSyntax},
		{"AdjustAccount a (-100%1)", juno.CodeSyntax},
		{"AdjustAccount a (-100)", juno.CodeSyntax},
		{"AdjustAccount a ((-100)%1", juno.CodeSyntax},
		{"AdjustAccount a 1%1 usd", juno.CodeSyntax},
		{"AdjustAccount a 1%1 USD 2", juno.CodeSyntax},
		{"AdjustAccount a 1e5 USD", juno.CodeSyntax},
		{"AdjustAccount a 1,000 USD", juno.CodeSyntax},
		{"AdjustAccount a .5 USD", juno.CodeSyntax},
		{"AdjustAccount a 5. USD", juno.CodeSyntax},
		{"AdjustAccount a 1.5%2 USD", juno.CodeSyntax},
		{"AdjustAccount a 1%-2 USD", juno.CodeSyntax},
		{"AdjustAccount a 1%00 USD", juno.CodeLiteral},
		{"AdjustAccount a 1% ", juno.CodeSyntax},
		{"CreateCurrency", juno.CodeSyntax},
		{"CreateCurrency USD -1", juno.CodeSyntax},
		{"CreateCurrency USD 02", juno.CodeSyntax},
		{"CreateCurrency USD 2 2", juno.CodeSyntax},
		{"CreateCurrency USD 999999999999999999999", juno.CodeRange},
		{"CreateCurrency " + strings.Repeat("A", 33), juno.CodeSyntax},
		{"transfer(a->b, 1%1", juno.CodeSyntax},
		{"transfer(a->b 1%1)", juno.CodeSyntax},
		{"transfer(a->b, 1)", juno.CodeSyntax},
		{"transfer(a->b, 1.0)", juno.CodeSyntax},
		{"transfer(a->b, 1%1 " + strings.Repeat("A", 33) + ")", juno.CodeSyntax},
		{"transfer(a->b, USD 1)", juno.CodeSyntax},
		{"transfer(a->b, 1%1) transfer(a->b, 1%1)", juno.CodeSyntax},
		{"transfer(a->, 1%1)", juno.CodeSyntax},
		{"transfer(a->->b, 1%1)", juno.CodeSyntax},
		{"transfer(a(x)->b, 1%1)", juno.CodeSyntax},
		{`transfer("a->b, 1%1)`, juno.CodeSyntax},
		{`transfer("a"b->c, 1%1)`, juno.CodeSyntax},
		{"transfer(" + strings.Repeat("a->", RouteAccountsMax) + "b, 1%1)", juno.CodeSize},
		{"a##CODEb##CODEtransfer(a->b, 1%1)", juno.CodeLanguage},
		{`(#transfer "a" "b" (% 1 1) "c") x`, juno.CodeSyntax},
		{`(#transfer "a" "b" (% 0x1 1) "c")`, juno.CodeLanguage},
		{`(#transfer "" "b" (% 1 1) "c")`, juno.CodeSyntax},
		{`(#+ 1 2)`, juno.CodeLanguage},
		{`(module x always)`, juno.CodeLanguage},
	} {
		if st, r := Parse(juno.DetectLanguage(row.text), row.text); r == nil || r.Code != row.code {
			t.Errorf("%.80q: %+v, %v, want %s", row.text, st, r, row.code)
		}
	}
	for _, language := range []juno.Language{1, 2, 3, 255} {
		if _, r := Parse(language, "CreateAccount a"); r == nil || r.Code != juno.CodeLanguage {
			t.Errorf("admin command in language %d: %v, want %s", language, r, juno.CodeLanguage)
		}
	}
}

// genName draws a name that can be, often one that needs quotes.
func genName(t *rapid.T) string {
	runes := []rune("ab-> ,()\"\\%éZ0:")
	return rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom(runes), 1, 12).Draw(t, "runes"))
	}).Draw(t, "name")
}

func genAmount(t *rapid.T) juno.Amount {
	a, err := juno.NewRatio(rapid.Int64().Draw(t, "num"), rapid.Int64Min(1).Draw(t, "den"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestStatementsPrintAndParse checks that the canonical text of any statement is read as it.
func TestStatementsPrintAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := Statement{
			Verb:     Verb(rapid.IntRange(0, int(VerbPrimitive)).Draw(t, "verb")),
			Currency: DefaultCurrency,
		}
		names := 1
		switch st.Verb {
		case VerbTransfer, VerbPrimitive:
			names = 2
			st.Amount = genAmount(t).Abs()
			st.Memo = rapid.SampledFrom([]string{"", "memo", " a (b\n"}).Draw(t, "memo")
			if st.Verb == VerbPrimitive {
				st.Label = genName(t)
				break
			}
			names = rapid.IntRange(2, 5).Draw(t, "names")
			st.Currency = rapid.SampledFrom([]string{"XXX", "USD"}).Draw(t, "currency")
		case VerbAdjust:
			st.Amount = genAmount(t)
			st.Currency = rapid.SampledFrom([]string{"XXX", "USD"}).Draw(t, "currency")
		case VerbCreateCurrency:
			names, st.Currency = 0, "EUR"
			st.Scale = int8(rapid.IntRange(-1, 18).Draw(t, "scale"))
		case VerbObserveAll:
			names = 0
		}
		for range names {
			st.Accounts = append(st.Accounts, genName(t))
		}
		text := st.String()
		back, r := Parse(juno.DetectLanguage(text), text)
		if r != nil || !equalStatements(&back, &st) {
			t.Fatalf("%q: read back %+v, %v, want %+v", text, back, r, st)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"CreateAccount a", "AdjustAccount a ((-10)%1)", "ObserveAccounts",
		"CreateCurrency USD 2", "transfer(a->b->c, 12.50 USD)", "memo##CODEtransfer(a->b,1 % 2)",
		`(#transfer "a" "b" (% 110 100) "baz")`, `CreateAccount "a \"b\""`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		st, r := Parse(juno.DetectLanguage(text), text)
		if r != nil {
			if r.Code == "" || r.Message == "" {
				t.Errorf("%q: refused without a word: %+v", text, r)
			}
			return
		}
		canonical := st.String()
		again, r := Parse(juno.DetectLanguage(canonical), canonical)
		if r != nil || !equalStatements(&st, &again) {
			t.Errorf("%q, canonically %q: read back %+v, %v, want %+v",
				text, canonical, again, r, st)
		}
	})
}
