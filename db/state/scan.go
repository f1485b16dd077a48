package state

import (
	"errors"
	"strings"

	"juno"
)

// scanner reads a command from left to right. Its methods report success; a refusal is made by
// the caller, who knows what the words were to mean.
type scanner struct{ rest string }

// skip passes over blanks.
func (s *scanner) skip() {
	for s.rest != "" {
		switch s.rest[0] {
		case ' ', '\t', '\r', '\n':
			s.rest = s.rest[1:]
		default:
			return
		}
	}
}

// take passes over token if it comes next, behind blanks or not.
func (s *scanner) take(token string) bool {
	s.skip()
	rest, ok := strings.CutPrefix(s.rest, token)
	if ok {
		s.rest = rest
	}
	return ok
}

// end reports whether only blanks are left.
func (s *scanner) end() bool {
	s.skip()
	return s.rest == ""
}

// word takes what comes next up to a blank; it may be empty.
func (s *scanner) word() string {
	s.skip()
	end := strings.IndexAny(s.rest, juno.Blanks)
	if end < 0 {
		end = len(s.rest)
	}
	w := s.rest[:end]
	s.rest = s.rest[end:]
	return w
}

// digits takes the decimal digits that come next; there may be none.
func (s *scanner) digits() string {
	i := 0
	for i < len(s.rest) && s.rest[i] >= '0' && s.rest[i] <= '9' {
		i++
	}
	d := s.rest[:i]
	s.rest = s.rest[i:]
	return d
}

// quoted takes a text in double quotes, where \" and \\ stand for " and \.
func (s *scanner) quoted() (string, bool) {
	if !s.take(`"`) {
		return "", false
	}
	for i := 0; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '"':
			text := s.rest[:i]
			s.rest = s.rest[i+1:]
			return text, true
		case '\\':
			return s.escaped()
		}
	}
	return "", false
}

// escaped is quoted for texts with a backslash, which are rare.
func (s *scanner) escaped() (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; c {
		case '"':
			s.rest = s.rest[i+1:]
			return b.String(), true
		case '\\':
			i++
			if i == len(s.rest) || (s.rest[i] != '"' && s.rest[i] != '\\') {
				return "", false
			}
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// number is an amount as it was written.
type number struct {
	negative bool
	whole    string
	rest     string // behind the separator
	kind     byte   // separator: '%', '.' or 0 for none
}

// number takes "n", "n.m" or "n%d", with blanks around the '%' as the prototype has it, and a
// sign if signed says so.
func (s *scanner) number(signed bool) (n number, ok bool) {
	s.skip()
	if signed && s.take("-") {
		n.negative = true
	}
	if n.whole = s.digits(); n.whole == "" {
		return n, false
	}
	if rest, ok := strings.CutPrefix(s.rest, "."); ok {
		s.rest, n.kind = rest, '.'
		n.rest = s.digits()
		return n, n.rest != ""
	}
	behind := s.rest
	if !s.take("%") {
		s.rest = behind
		return n, true
	}
	s.skip()
	n.kind, n.rest = '%', s.digits()
	return n, n.rest != ""
}

// digitsFast is how many digits always fit an int64.
const digitsFast = 18

// amount returns the number in lowest terms.
func (n number) amount() (juno.Amount, *Refusal) {
	if n.kind == '%' && strings.Trim(n.rest, "0") == "" {
		return juno.Amount{}, refuse(juno.CodeLiteral,
			"%s%%%s has denominator zero", n.whole, n.rest)
	}
	if len(n.whole)+len(n.rest) <= digitsFast {
		return n.small(), nil
	}
	text := n.whole
	if n.kind != 0 {
		text += string(n.kind) + n.rest
	}
	a, err := juno.ParseAmount(text)
	switch {
	case errors.Is(err, juno.ErrAmountRange):
		return a, refuse(juno.CodeNumSize, "%.40s…: more than %d bits", text, juno.AmountBitsMax)
	case err != nil:
		return a, refuse(juno.CodeLiteral, "%v", err)
	case n.negative:
		return a.Neg(), nil
	}
	return a, nil
}

// ratio is the number as it has to be written where no currency follows it: 12.50 is 25%2.
func (n number) ratio() string {
	a, r := n.amount()
	if r != nil {
		return "n%d"
	}
	return a.Ratio()
}

// small is amount for numbers of few digits, which is nearly all of them.
func (n number) small() juno.Amount {
	num, den := smallInt(n.whole), int64(1)
	switch n.kind {
	case '%':
		den = smallInt(n.rest)
	case '.':
		for range len(n.rest) {
			num, den = num*10, den*10
		}
		num += smallInt(n.rest)
	}
	if n.negative {
		num = -num
	}
	if den == 1 {
		return juno.NewAmount(num)
	}
	a, err := juno.NewRatio(num, den)
	if err != nil {
		panic("a literal with denominator zero came this far: " + n.whole + "%" + n.rest)
	}
	return a
}

// smallInt reads at most digitsFast digits.
func smallInt(digits string) (n int64) {
	for i := range len(digits) {
		n = n*10 + int64(digits[i]-'0')
	}
	return n
}
