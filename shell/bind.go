package shell

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"juno"
)

// bindings are the values for parameters of SQL, from --arg and \bind. They stay until they are
// replaced or forgotten, and every statement takes those that it has parameters for.
//
// A value is a text unless its kind is said: what a script was given as a name stays a name, also
// if it reads 007, NULL or 1e3.
type bindings struct {
	positions []juno.Value
	named     map[string]juno.Value
	// unused are names of --arg that no statement has had a parameter for.
	unused map[string]bool
}

// kindsOf are the words for kinds, those of juno.ValueKind and two that people type.
var kindsOf = map[string]juno.ValueKind{
	"int": juno.Integer, "integer": juno.Integer, "text": juno.Text, "amount": juno.Exact,
	"real": juno.Float, "bytes": juno.Blob, "bool": juno.Boolean, "boolean": juno.Boolean,
	"index": juno.LogIndex, "time": juno.Instant, "null": juno.Null,
}

// binding is one value and where it goes.
type binding struct {
	name     string // empty: by position
	position int    // from 1; 0: the next one
	value    juno.Value
}

// parseBinding reads NAME=VALUE, N=VALUE, NAME:KIND=VALUE and so on, cut at the first "=".
func parseBinding(target, text string) (b binding, err error) {
	name, word, said := strings.Cut(target, ":")
	kind := juno.Text
	if said {
		var known bool
		if kind, known = kindsOf[word]; !known {
			return b, fmt.Errorf("%s: no kind %s; there are %s", clip(target), clip(word),
				listed(slices.Sorted(maps.Keys(kindsOf))))
		}
	}
	if b.position, err = strconv.Atoi(name); err == nil {
		if b.position < 1 || b.position > juno.ArgsMax || strconv.Itoa(b.position) != name {
			return b, fmt.Errorf("%s: want a position from 1 to %d", clip(target), juno.ArgsMax)
		}
	} else if b.position, b.name = 0, name; name != "" {
		if err := juno.CheckArgName(name); err != nil {
			return b, err
		}
	}
	if b.value, err = parseValue(kind, text); err != nil {
		return b, fmt.Errorf("%s: %w", clip(target), err)
	}
	return b, nil
}

// parseValue reads the text of a value of a kind.
func parseValue(kind juno.ValueKind, text string) (v juno.Value, err error) {
	switch kind {
	case juno.Null:
		if text != "" {
			err = fmt.Errorf("null has no value, %s", clip(text))
		}
	case juno.Integer:
		if v.Integer, err = strconv.ParseInt(text, 10, 64); err != nil {
			err = fmt.Errorf("%s: want a whole number of at most 64 bits", clip(text))
		}
	case juno.Exact:
		var a juno.Amount
		a, err = juno.ParseAmount(text)
		v.Text = a.String()
	case juno.Float:
		if v.Float, err = strconv.ParseFloat(text, 64); err != nil {
			err = fmt.Errorf("%s: want a number", clip(text))
		}
	case juno.Blob:
		if v.Blob, err = hex.DecodeString(text); err != nil {
			err = fmt.Errorf("%s: want hexadecimal digits", clip(text))
		}
	case juno.Boolean:
		if text != "true" && text != "false" {
			err = fmt.Errorf("%s: want true or false", clip(text))
		}
		v = juno.BooleanValue(text == "true")
	case juno.LogIndex:
		var n uint64
		n, err = parseIndex(text)
		v.Integer = int64(n)
	case juno.Instant:
		var m juno.Millis
		m, err = juno.ParseMillis(text)
		v.Integer = int64(m)
	default:
		v.Text = text
	}
	v.Kind = kind
	if err == nil {
		err = juno.CheckArgs(juno.Args(v))
	}
	return v, err
}

// parseArgs reads what --arg was given.
func (b *bindings) parseArgs(texts []string) error {
	for _, text := range texts {
		target, value, found := strings.Cut(text, "=")
		if !found || target == "" {
			return fmt.Errorf("--arg %s: want name=value, or 1=value for the first ?", clip(text))
		}
		one, err := parseBinding(target, value)
		if err != nil {
			return fmt.Errorf("--arg %w", err)
		}
		if one.name == "" && one.position == 0 {
			return fmt.Errorf("--arg %s: want a name or a number before the kind", clip(text))
		}
		b.set(one)
		if one.name != "" {
			b.unused[one.name] = true
		}
	}
	return b.gap()
}

func newBindings() *bindings {
	return &bindings{named: map[string]juno.Value{}, unused: map[string]bool{}}
}

func (b *bindings) set(one binding) {
	switch {
	case one.name != "":
		b.named[one.name] = one.value
		delete(b.unused, one.name)
		return
	case one.position == 0:
		one.position = len(b.positions) + 1
	}
	for len(b.positions) < one.position {
		b.positions = append(b.positions, noValue)
	}
	b.positions[one.position-1] = one.value
}

// noValue stands where a position has none: no argument has this kind.
var noValue = juno.Value{Kind: ^juno.ValueKind(0)}

// gap finds a position without a value before one that has one.
func (b *bindings) gap() error {
	for i := range b.positions {
		if b.positions[i].Kind == noValue.Kind {
			return fmt.Errorf("position %d has no value, and position %d has", i+1,
				len(b.positions))
		}
	}
	return nil
}

// forParameters returns the arguments of a statement: all that go by position if any of its
// parameters do, so that none is left over unseen, and of the others those that it names.
func (b *bindings) forParameters(names []string, positions int) []juno.Arg {
	var args []juno.Arg
	if positions > 0 {
		args = juno.Args(b.positions...)
	}
	for _, name := range names {
		if v, ok := b.named[name]; ok {
			delete(b.unused, name)
			args = append(args, juno.Named(name, v))
		}
	}
	return args
}

// arguments returns those of a statement.
func (s *session) arguments(text string) []juno.Arg {
	return s.bindings.forParameters(s.ledger.Parameters(text))
}

// bind is \bind. Nothing of a line with a mistake in it is bound.
func (s *session) bind(_ context.Context, args []string) error {
	rest := strings.Join(args, "")
	if rest == "" {
		s.bindings = newBindings()
		s.remark("nothing is bound")
		return nil
	}
	all, err := parseBindings(rest)
	if err != nil {
		return err
	}
	next := newBindings()
	maps.Copy(next.named, s.bindings.named)
	maps.Copy(next.unused, s.bindings.unused)
	inOrder := func(b binding) bool { return b.name == "" && b.position == 0 }
	if !slices.ContainsFunc(all, inOrder) {
		next.positions = slices.Clone(s.bindings.positions)
	}
	for _, one := range all {
		next.set(one)
	}
	if err := next.gap(); err != nil {
		return err
	}
	s.bindings = next
	s.remark("bound " + next.String())
	return nil
}

// String lists what is bound, without the values.
func (b *bindings) String() string {
	words := slices.Sorted(maps.Keys(b.named))
	for i := range words {
		words[i] = ":" + words[i]
	}
	for i := range b.positions {
		words = append(words, "?"+strconv.Itoa(i+1))
	}
	return strings.Join(words, ", ")
}

// parseBindings reads the line of \bind: values, and values with a name, a position or a kind
// before them, separated by blanks. Quotes, doubled to stand for themselves, keep a value
// together, and keep what looks like a name in it from being one.
func parseBindings(text string) ([]binding, error) {
	var all []binding
	for {
		if text = strings.TrimLeft(text, " \t"); text == "" || text == ";" {
			return all, nil
		}
		target, rest := cutTarget(text)
		value, rest, err := cutValue(rest)
		if err != nil {
			return nil, err
		}
		one, err := parseBinding(target, value)
		if err != nil {
			return nil, err
		}
		all, text = append(all, one), rest
	}
}

// cutTarget cuts what stands before an equals sign, if it can be a name, a position or a kind.
func cutTarget(text string) (target, rest string) {
	for i := range len(text) {
		switch c := text[i]; {
		case c == '=':
			return text[:i], text[i+1:]
		case c != ':' && !isNameByte(c):
			return "", text
		}
	}
	return "", text
}

// cutValue cuts a value. A semicolon at the end of the line is taken for a habit.
func cutValue(text string) (value, rest string, err error) {
	if text == "" || text[0] != '\'' && text[0] != '"' {
		if end := strings.IndexAny(text, " \t"); end >= 0 {
			return text[:end], text[end:], nil
		}
		return strings.TrimSuffix(text, ";"), "", nil
	}
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != quote:
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == quote:
			b.WriteByte(quote)
			i++
		case i+1 < len(text) && strings.IndexByte(" \t;", text[i+1]) < 0:
			return "", "", fmt.Errorf("%s: a blank belongs behind the quote", clip(text))
		default:
			return b.String(), text[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("the quote in %s is not closed", clip(text))
}

// warnUnused tells of an --arg that nothing asked for: it may be misspelled.
func (s *session) warnUnused() {
	for _, name := range slices.Sorted(maps.Keys(s.bindings.unused)) {
		s.note("--arg " + name + ": no statement had a parameter :" + name)
	}
}
