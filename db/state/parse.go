package state

import (
	"strings"

	"juno"
)

// RouteAccountsMax bounds a route, and with it what one command can write. (The prototype has no
// bound; a program may make 10,000 movements, but pays for them.)
const RouteAccountsMax = 256

const (
	routeArrow        = "->"
	primitiveTransfer = "#transfer"
	scaleAnyWord      = "any"
)

// Parse understands the text of a command in the language that it says it is in. What it returns
// is checked for form only: names, codes and amounts that can be, not such that exist.
//
// Differences from the prototype, besides those of TestPrototypeVectors: names and codes are
// checked; a name may stand in double quotes, and must where blanks, commas, parentheses or arrows
// are part of it; blanks around an account name never count; an amount may be followed by a
// currency, and then is a decimal or a plain number too.
func Parse(language juno.Language, text string) (Statement, *Refusal) {
	return parse(language, text, nil)
}

// parse is Parse with memory for the route.
func parse(language juno.Language, text string, accounts []string) (Statement, *Refusal) {
	if strings.Trim(text, juno.Blanks) == "" {
		return Statement{}, refuse(juno.CodeSyntax, "empty command")
	}
	if found := juno.DetectLanguage(text); found != language {
		return Statement{}, refuse(juno.CodeLanguage,
			"the text is in language %d, the command says %d", found, language)
	}
	st := Statement{Accounts: accounts[:0], Currency: DefaultCurrency}
	var r *Refusal
	switch language {
	case juno.LanguageAdmin:
		r = st.parseAdmin(text)
	case juno.LanguageHoplite:
		r = st.parseHoplite(text)
	default:
		r = refuse(juno.CodeLanguage, "no verb of this ledger, and contracts are not executed "+
			"yet: want CreateAccount, AdjustAccount, ObserveAccount, transfer(A->B, 1%%1), …")
	}
	if r == nil {
		r = st.checkNames()
	}
	if r != nil {
		return Statement{}, r
	}
	return st, nil
}

// checkNames refuses names that cannot be.
func (st *Statement) checkNames() *Refusal {
	for _, name := range st.Accounts {
		if len(name) > juno.NameBytesMax {
			return refuse(juno.CodeSize, "account name %.40q… has %d bytes, at most %d",
				name, len(name), juno.NameBytesMax)
		}
		if err := juno.CheckName(name); err != nil {
			return refuse(juno.CodeSyntax, "account: %v", err)
		}
		if strings.Contains(name, juno.CodeMark) {
			return refuse(juno.CodeSyntax, "account name %q: %s is no part of a name",
				name, juno.CodeMark)
		}
	}
	return nil
}

func (st *Statement) parseAdmin(text string) *Refusal {
	s := scanner{rest: text}
	switch verb := s.word(); verb {
	case juno.VerbCreateAccount:
		st.Verb = VerbCreateAccount
		return st.parseOneName(&s)
	case juno.VerbObserve:
		st.Verb = VerbObserve
		return st.parseOneName(&s)
	case juno.VerbObserveAll:
		st.Verb = VerbObserveAll
		if !s.end() {
			return refuse(juno.CodeSyntax, "%s takes nothing behind it, got %.40q", verb, s.rest)
		}
		return nil
	case juno.VerbAdjust:
		st.Verb = VerbAdjust
		return st.parseAdjust(&s)
	case juno.VerbCreateCurrency:
		st.Verb = VerbCreateCurrency
		return st.parseCurrency(&s)
	default:
		return refuse(juno.CodeLanguage, "%s is not executed; the stored data of a command is in "+
			"SQL: SELECT memo FROM transfers WHERE log_index = …", verb)
	}
}

// parseOneName reads a name up to the end of the line, as the prototype does, or in quotes.
func (st *Statement) parseOneName(s *scanner) *Refusal {
	s.skip()
	name := strings.TrimRight(s.rest, juno.Blanks)
	if strings.HasPrefix(name, `"`) {
		quoted, ok := s.quoted()
		if !ok || !s.end() {
			return refuse(juno.CodeSyntax,
				"%s %.80s: want one name; in quotes write \\\" for a quote", st.Verb, name)
		}
		name = quoted
	}
	if name == "" {
		return refuse(juno.CodeSyntax, "%s: want the name of an account behind it", st.Verb)
	}
	st.Accounts = append(st.Accounts, name)
	return nil
}

func (st *Statement) parseAdjust(s *scanner) *Refusal {
	s.skip()
	name, ok := "", true
	if strings.HasPrefix(s.rest, `"`) {
		name, ok = s.quoted()
	} else {
		name = s.word()
	}
	if !ok || name == "" {
		return refuse(juno.CodeSyntax,
			"%s: want an account and an amount: AdjustAccount alice 100%%1", st.Verb)
	}
	st.Accounts = append(st.Accounts, name)
	n, ok := s.adjustment()
	if !ok {
		return refuse(juno.CodeSyntax, "AdjustAccount %s %.40s: want an amount: 100%%1, -10%%1 or "+
			"12.50 USD (a name with blanks stands in quotes)",
			name, strings.TrimLeft(s.rest, juno.Blanks))
	}
	return st.parseAmountEnd(s, n, "")
}

// adjustment takes a number with a sign: "n", "-n", "(-n)%d" or "((-n)%d)".
func (s *scanner) adjustment() (n number, ok bool) {
	open := 0
	for open < 2 && s.take("(") {
		open++
	}
	if open == 0 {
		return s.number(true)
	}
	s.skip()
	n.negative = s.take("-")
	n.whole, n.kind = s.digits(), '%'
	if n.whole == "" || !s.take(")") || !s.take("%") {
		return n, false
	}
	s.skip()
	n.rest = s.digits()
	return n, n.rest != "" && (open == 1 || s.take(")"))
}

// parseAmountEnd reads an optional currency behind the number, then closing, then the end.
// Without a currency only the prototype's n%d is an amount.
func (st *Statement) parseAmountEnd(s *scanner, n number, closing string) *Refusal {
	s.skip()
	code := s.currency()
	if code == "" && n.kind != '%' {
		return refuse(juno.CodeSyntax, "amount %s: without a currency write it as a ratio, %s; "+
			"with one as in %s USD", n.text(), n.ratio(), n.text())
	}
	if code != "" {
		st.Currency = code
	}
	if (closing != "" && !s.take(closing)) || !s.end() {
		return refuse(juno.CodeSyntax, "%.40q behind the amount %s: want a currency or none, %q, "+
			"and nothing more", strings.TrimLeft(s.rest, juno.Blanks), n.text(), closing)
	}
	amount, r := n.amount()
	st.Amount = amount
	return r
}

// currency takes the code of a currency if one comes next.
func (s *scanner) currency() string {
	i := 0
	for i < len(s.rest) && i <= CurrencyBytesMax && validCurrency(s.rest[:i+1]) {
		i++
	}
	code := s.rest[:i]
	s.rest = s.rest[i:]
	return code
}

// text prints the number as it was written, but for blanks.
func (n number) text() string {
	text := n.whole
	if n.kind != 0 {
		text += string(n.kind) + n.rest
	}
	if n.negative {
		return "-" + text
	}
	return text
}

func (st *Statement) parseCurrency(s *scanner) *Refusal {
	code, scale := s.word(), s.word()
	if !validCurrency(code) || !s.end() {
		return refuse(juno.CodeSyntax, "CreateCurrency %.40s: want a code of 1 to %d capital "+
			"letters and digits and the number of decimal places, as in CreateCurrency USD 2",
			code, CurrencyBytesMax)
	}
	st.Currency = code
	if scale == scaleAnyWord || scale == "" {
		st.Scale = ScaleAny
		return nil
	}
	for i := range len(scale) {
		if scale[i] < '0' || scale[i] > '9' || (i == 0 && len(scale) > 1 && scale[0] == '0') {
			return refuse(juno.CodeSyntax, "CreateCurrency %s %.40s: want a number of decimal "+
				"places or the word any", code, scale)
		}
	}
	if len(scale) > 2 || smallInt(scale) > juno.MinorScaleMax {
		return refuse(juno.CodeRange, "CreateCurrency %s %.40s: at most %d decimal places",
			code, scale, juno.MinorScaleMax)
	}
	st.Scale = int8(smallInt(scale))
	return nil
}
