package state

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"juno"
)

// The vectors are what the prototype's own Haskell code answered, see
// https://github.com/buckie/juno. They hold its verbs and the forms of transfer.

// differences are the deliberate ones: what the original did, and what we do instead. The text is
// either the code of a refusal or the changes of balances.
var differences = map[string]string{
	// Blanks around route names are trimmed; to the original they were part of the names.
	"transfer(foo -> bar, 1%1)": "bar:1%1,foo:-1%1",
	// Text behind the form is an error; the original never looked at it.
	"transfer(foo->bar,1%1)junk": "E-SYNTAX",
}

// refusals says with which code we refuse what the original did not do.
var refusals = map[string]juno.Code{
	"CreateAccount foo":        juno.CodeExists,
	"AdjustAccount foo 100.0":  juno.CodeSyntax,  // a decimal needs a currency
	"AdjustAccount nobody 1%1": juno.CodeAccount, //
	"transfer(x,7%2)":          juno.CodeSyntax,
	"transfer(,7%2)":           juno.CodeSyntax,
	"transfer(foo->bar,1%0)":   juno.CodeLiteral, // the original threw an exception
	"transfer(foo->bar,-1%1)":  juno.CodeAmount,  // the original took it for a variable
}

func TestPrototypeVectors(t *testing.T) {
	commands := readLines(t, "testdata/hoplite.txt")
	answers := readLines(t, "testdata/hoplite.haskell.out")
	if len(answers) != 2*len(commands) {
		t.Fatalf("%d lines of answers to %d commands", len(answers), len(commands))
	}
	l := newLedger(t, true)
	model := make(map[string]juno.Amount)
	for i, text := range commands {
		answer := strings.TrimPrefix(answers[2*i+1], "   => ")
		result := l.do(keyAlice, text)
		want, refused := originalChanges(t, answer)
		if d, different := differences[text]; different {
			want, refused = nil, strings.HasPrefix(d, "E-")
			if !refused {
				want = parseChanges(t, d)
			}
		}
		if refused {
			code := refusals[text]
			if d := differences[text]; d != "" {
				code = juno.Code(d)
			}
			if result.Status != juno.StatusRefused || result.Code != code {
				t.Errorf("%s: got %q %s, want it refused with %s; original: %s",
					text, result.Code, result.Message, code, answer)
			}
			continue
		}
		if result.Status != juno.StatusOK {
			t.Errorf("%s: %s %s; original: %s", text, result.Code, result.Message, answer)
			continue
		}
		if got := printChanges(l.changes()); got != printChanges(want) {
			t.Errorf("%s: changes %s, want %s", text, got, printChanges(want))
		}
		l.compareOps(text, answer)
		for name, delta := range want { // order: sums commute
			model[name] = add(t, model[name], delta)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(model)) {
		if got, want := l.balance(name, DefaultCurrency), model[name].String(); got != want {
			t.Errorf("in the end %s holds %s, want %s", name, got, want)
		}
	}
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

var (
	adjusted = regexp.MustCompile(`^ADJ "(.*)" (.*)$`)
	changed  = regexp.MustCompile(`diff\[(.*)\] ops\[(.*)\]`)
)

// originalChanges returns by how much the original changed each account that it touched.
func originalChanges(t *testing.T, answer string) (changes map[string]juno.Amount, refused bool) {
	t.Helper()
	if m := adjusted.FindStringSubmatch(answer); m != nil {
		return parseChanges(t, m[1]+":"+m[2]), false
	}
	if strings.HasPrefix(answer, "CREATED") {
		return nil, false
	}
	m := changed.FindStringSubmatch(answer)
	if m == nil {
		return nil, true
	}
	changes = make(map[string]juno.Amount)
	for _, part := range strings.Split(m[1], ",") {
		name, rest, _ := strings.Cut(part, ":")
		before, after, _ := strings.Cut(rest, "->")
		changes[name] = add(t, amount(t, after), amount(t, before).Neg())
	}
	return changes, false
}

// parseChanges reads "bar:1%1,foo:-1%1".
func parseChanges(t *testing.T, s string) map[string]juno.Amount {
	t.Helper()
	changes := make(map[string]juno.Amount)
	for _, part := range strings.Split(s, ",") {
		name, delta, _ := strings.Cut(part, ":")
		changes[name] = amount(t, delta)
	}
	return changes
}

func printChanges(changes map[string]juno.Amount) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		parts = append(parts, name+":"+changes[name].Ratio())
	}
	return strings.Join(parts, ",")
}

// changes returns by how much the last command changed each account that it touched.
func (l *ledger) changes() map[string]juno.Amount {
	l.t.Helper()
	changes := make(map[string]juno.Amount)
	for _, w := range l.fx.Writes {
		k, err := ParseKey(w.Key)
		if err != nil {
			l.t.Fatal(err)
		}
		if k.Kind != KindBalance || k.Name == IssuanceAccount {
			continue
		}
		before, after := Balance{}, Balance{}
		if w.Before != nil {
			before, err = ParseBalance(w.Before)
		}
		if err == nil {
			after, err = ParseBalance(w.After)
		}
		if err != nil {
			l.t.Fatal(err)
		}
		changes[k.Name] = add(l.t, after.Amount, before.Amount.Neg())
	}
	return changes
}

// compareOps compares the movements with the original's, but for the label that the original puts
// on routes: the words cryptSig and cryptoSig, which say nothing.
func (l *ledger) compareOps(text, answer string) {
	l.t.Helper()
	m := changed.FindStringSubmatch(answer)
	if m == nil || differences[text] != "" {
		return
	}
	var got []string
	for _, op := range l.fx.Ops {
		got = append(got, fmt.Sprintf("%d:%s>%s:%s:%s",
			op.Number, op.Source, op.Target, op.Amount.Ratio(), op.Label))
	}
	want := strings.NewReplacer(":cryptSig", ":", ":cryptoSig", ":").Replace(m[2])
	if got := strings.Join(got, ","); got != want {
		l.t.Errorf("%s: movements %s, want %s", text, got, want)
	}
	memo, _, _ := strings.Cut(strings.TrimPrefix(answer, `OK input="`), `"`)
	if l.fx.Ops[0].Memo != memo {
		l.t.Errorf("%s: memo %q, want %q", text, l.fx.Ops[0].Memo, memo)
	}
}

func amount(t tester, s string) juno.Amount {
	t.Helper()
	a, err := juno.ParseAmount(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func add(t tester, a, b juno.Amount) juno.Amount {
	t.Helper()
	sum, err := a.Add(b)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
