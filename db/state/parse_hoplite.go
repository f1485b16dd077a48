package state

import (
	"strings"

	"juno"
)

// parseHoplite reads the two forms of Hoplite that are executed: transfer(…), and the one
// #transfer whose arguments are all literals. Every other program is refused, not guessed at.
func (st *Statement) parseHoplite(text string) *Refusal {
	program := text
	if !strings.HasPrefix(strings.TrimLeft(text, juno.Blanks), juno.VerbTransfer) {
		if data, rest, found := strings.Cut(text, juno.CodeMark); found {
			st.Memo, program = data, rest
		}
	}
	s := scanner{rest: program}
	if s.take(juno.VerbTransfer) {
		st.Verb = VerbTransfer
		return st.parseRoute(&s)
	}
	st.Verb = VerbPrimitive
	return st.parsePrimitive(&s)
}

// parseRoute reads what stands behind "transfer(".
func (st *Statement) parseRoute(s *scanner) *Refusal {
	for {
		name, ok := s.routeName()
		if !ok {
			return refuse(juno.CodeSyntax, "transfer(…%.40s: want account names, as in "+
				"transfer(alice->bob, 1%%1); one with blanks at its ends, commas, parentheses or "+
				"quotes stands in quotes", s.rest)
		}
		if len(st.Accounts) == RouteAccountsMax {
			return refuse(juno.CodeSize, "route of more than %d accounts", RouteAccountsMax)
		}
		st.Accounts = append(st.Accounts, name)
		if !s.take(routeArrow) {
			break
		}
	}
	if len(st.Accounts) < 2 {
		return refuse(juno.CodeSyntax, "transfer(%.80s…: want at least two accounts: a->b",
			st.Accounts[0])
	}
	if !s.take(",") {
		return refuse(juno.CodeSyntax, "%.40q behind the route: want a comma and an amount", s.rest)
	}
	n, ok := s.number(true)
	if !ok {
		return refuse(juno.CodeSyntax, "%.40q: want an amount: 1%%1 or 12.50 USD", s.rest)
	}
	if n.negative {
		return refuse(juno.CodeAmount, "transfer of %s: amounts are not negative", n.text())
	}
	return st.parseAmountEnd(s, n, ")")
}

// routeName takes an account name up to an arrow or a comma; blanks around it do not count.
func (s *scanner) routeName() (string, bool) {
	s.skip()
	if strings.HasPrefix(s.rest, `"`) {
		return s.quoted()
	}
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"' || c == '(' || c == ')':
			return "", false
		case c == ',' || (c == '-' && strings.HasPrefix(s.rest[i:], routeArrow)):
			name := strings.TrimRight(s.rest[:i], juno.Blanks)
			s.rest = s.rest[i:]
			return name, name != ""
		}
	}
	return "", false
}

// parsePrimitive reads (#transfer "a" "b" (% n d) "label").
func (st *Statement) parsePrimitive(s *scanner) *Refusal {
	source, target, n, ok := "", "", number{kind: '%'}, s.take("(") && s.take(primitiveTransfer)
	if ok {
		source, ok = s.quoted()
	}
	if ok {
		target, ok = s.quoted()
	}
	if ok = ok && s.take("(") && s.take("%"); ok {
		s.skip()
		n.negative, n.whole = s.take("-"), s.digits()
		s.skip()
		n.rest = s.digits()
		ok = n.whole != "" && n.rest != "" && s.take(")")
	}
	if ok {
		st.Label, ok = s.quoted()
	}
	if !ok || !s.take(")") {
		return refuse(juno.CodeLanguage, "programs are not executed yet, only "+
			`(#transfer "a" "b" (%% n d) "label") and transfer(a->b, n%%d); near %.40q`, s.rest)
	}
	if !s.end() {
		return refuse(juno.CodeSyntax, "%.40q behind the form: want nothing more", s.rest)
	}
	st.Accounts = append(st.Accounts, source, target)
	amount, r := n.amount()
	switch {
	case r != nil && r.Code == juno.CodeLiteral:
		return refuse(CodeDivide, "(%% %s %s): division by zero", n.whole, n.rest)
	case r == nil && amount.Sign() < 0:
		return refuse(juno.CodeAmount, "transfer of %s: amounts are not negative", n.text())
	}
	st.Amount = amount
	return r
}
