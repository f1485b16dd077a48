package sql

import (
	"strconv"
	"strings"

	"juno"
)

// A statement and its arguments meet in two steps. A plan depends on the names and the kinds of
// the arguments, as it depends on the kinds of columns; it is made once for each of them. The
// values are bound per execution, and no value ever reaches the text.
//
// Every parameter becomes a slot, ?1 to ?N of the text that SQLite gets. Where a literal would be
// read as an amount or a time when the statement is planned, the value is read so when it is bound,
// with the same errors. One argument that is used in several of these ways has a slot for each.

// conversion says what a value is read as before it is bound.
type conversion uint8

const (
	asIs      conversion = iota
	toExact              // an amount, in its canonical text
	toInstant            // a time, in its canonical text
	conversions
)

// slotsMax is how many slots a statement can have.
const slotsMax = juno.ArgsMax * int(conversions)

// slot is one parameter of the text that SQLite gets.
type slot struct {
	arg    int // which argument, from 0
	to     conversion
	label  string // of the first parameter that uses it, for messages
	offset int    // where that stands
}

// argShape is what a plan depends on of an argument.
type argShape struct {
	name string
	kind juno.ValueKind
}

func shapeOf(args []juno.Arg) []argShape {
	if len(args) == 0 {
		return nil
	}
	shape := make([]argShape, len(args))
	for i, a := range args {
		shape[i] = argShape{a.Name, a.Value.Kind}
	}
	return shape
}

// shapeKey returns a text that is different for different shapes: names have no zero byte.
func shapeKey(shape []argShape) string {
	var b strings.Builder
	for _, a := range shape {
		b.WriteByte(byte(a.kind))
		b.WriteString(a.name)
		b.WriteByte(0)
	}
	return b.String()
}

// argKind returns the kind of an expression that is a parameter with such an argument.
func argKind(k juno.ValueKind) kind {
	switch k {
	case juno.Integer:
		return kindInteger
	case juno.Text:
		return kindText
	case juno.Exact:
		return kindExact
	case juno.Float:
		return kindReal
	case juno.Blob:
		return kind{class: classBlob}
	case juno.Boolean:
		return kindBoolean
	case juno.LogIndex:
		return kindIndex
	case juno.Instant:
		return kindInstant
	}
	return kind{class: classNull}
}

// paramStyle is how a parameter finds its argument.
type paramStyle uint8

const (
	styleNext   paramStyle = iota // ?
	styleNumber                   // ?1 and $1
	styleName                     // :name, @name and $name
)

// parameter is one that was read.
type parameter struct {
	style  paramStyle
	number int // from 1
	name   string
}

// readParam reads the text of a parameter.
func readParam(text string, offset int) (p parameter) {
	rest := text[1:]
	switch {
	case rest == "":
		return parameter{style: styleNext}
	case text[0] == '?' || text[0] == '$' && isDigit(rest[0]):
		n, err := strconv.Atoi(rest)
		if err != nil || n < 1 || n > juno.ArgsMax || strconv.Itoa(n) != rest {
			fail(offset, "", "parameter %.40s: want a number from 1 to %d", text, juno.ArgsMax)
		}
		return parameter{style: styleNumber, number: n}
	}
	if err := juno.CheckArgName(rest); err != nil {
		fail(offset, "?1 and $1 go by position", "%v", err)
	}
	return parameter{style: styleName, name: rest}
}

// resolve finds the argument of every parameter, in the order of the text, and wants all of them
// to have one and every argument to be used.
func resolve(params []*expr, shape []argShape) {
	r := resolver{
		shape: shape, used: make([]bool, len(shape)), count: len(params),
		byName: make(map[string]int, len(shape)),
	}
	for i, a := range shape {
		r.byName[a.name] = i
	}
	for i, e := range params {
		p := readParam(e.text, e.start)
		if i == 0 {
			r.first, r.written, r.style = e, e.text, p.style
			r.check()
		}
		if p.style != r.style {
			fail(e.start, "all of them ?, or all ?1, or all :name",
				"parameters of two styles: %s and %s", r.written, e.text)
		}
		if p.style == styleNext {
			p.number = i + 1
			e.text = "?" + itoa(p.number) // for messages
		}
		e.param = r.find(e, p)
		r.used[e.param] = true
	}
	r.unused()
}

type resolver struct {
	shape  []argShape
	byName map[string]int
	used   []bool
	count  int   // of parameters
	first  *expr // the first one; nil if there is none
	// written is its text, and style its style.
	written string
	style   paramStyle
}

// check wants the arguments to go the way the parameters go.
func (r *resolver) check() {
	if len(r.shape) == 0 {
		return // and the first one is without a value
	}
	named := r.shape[0].name != ""
	switch {
	case named && r.style != styleName:
		fail(r.first.start, "", "parameter %s goes by position, and the arguments have names",
			r.first.text)
	case !named && r.style == styleName:
		fail(r.first.start, "", "parameter %s goes by name, and the arguments have none",
			r.first.text)
	}
}

func (r *resolver) find(e *expr, p parameter) int {
	if p.style != styleName {
		if p.number > len(r.shape) {
			r.missing(e, "")
		}
		return p.number - 1
	}
	i, given := r.byName[p.name]
	if given {
		return i
	}
	var names []string
	for _, a := range r.shape {
		names = append(names, a.name)
	}
	r.missing(e, nearest(p.name, names))
	return i
}

func (r *resolver) missing(e *expr, hint string) {
	if len(r.shape) == 0 {
		hint = `values go beside the text: Query.Args, \bind in the shell, --arg`
	}
	fail(e.start, hint, "parameter %s has no value (%s given)", e.text,
		plural(len(r.shape), "argument"))
}

// plural returns "no arguments", "1 argument" or "2 arguments".
func plural(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return itoa(n) + " " + noun + "s"
}

func (r *resolver) unused() {
	for i, used := range r.used {
		switch {
		case used:
		case r.first == nil:
			fail(-1, "", "argument %s is not used: the statement has no parameters",
				argLabel(r.shape[i].name, i))
		case r.style == styleName:
			fail(-1, "", "argument %s is not used: the statement has no :%s", r.shape[i].name,
				r.shape[i].name)
		case r.style == styleNext:
			fail(-1, "", "argument %d is not used: the statement has %s", i+1,
				plural(r.count, "parameter"))
		default:
			fail(-1, "", "argument %d is not used: the statement has no ?%d", i+1, i+1)
		}
	}
}

func argLabel(name string, i int) string {
	if name != "" {
		return name
	}
	return itoa(i + 1)
}

// Parameters returns the parameters of a statement: names without their sign, each once, or for
// those that go by position how many arguments they want. It looks at tokens only; what is wrong
// with a statement, Query says. A text with a malformed parameter has none.
func Parameters(text string) (names []string, positions int, err error) {
	defer catch(&err)
	seen := map[string]bool{}
	l := lexer{text: text}
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if t.kind != tokenParam {
			continue
		}
		switch p := readParam(text[t.start:t.end], t.start); {
		case p.style == styleNext:
			positions++
		case p.style == styleNumber:
			positions = max(positions, p.number)
		case !seen[p.name]:
			seen[p.name] = true
			names = append(names, p.name)
		}
	}
	return names, positions, nil
}

// param gives a parameter the kind of its argument.
func (w *rewriter) param(e *expr) kind {
	w.convert(e, asIs)
	return argKind(w.shape[e.param].kind)
}

func isParam(e *expr) bool { return e.unparen().op == opParam }

// refuseParam refuses a parameter where a column is named or numbered: people hope that the value
// names one, and it would quietly be the same in all rows.
func (w *rewriter) refuseParam(e *expr, clause string) {
	if isParam(e) {
		fail(e.start, "", "%s parameter %s: a value names no column", clause, e.unparen().text)
	}
}

// wantInteger refuses a parameter whose argument is no integer, where SQLite would take one that
// only happens to look like it.
func (w *rewriter) wantInteger(e *expr, what string) {
	if isParam(e) && e.kind.class != classInteger {
		fail(e.start, "", "parameter %s: %s wants an integer, not %s", e.unparen().text, what,
			article(e.kind.class))
	}
}

// refuseTime refuses a parameter as a time whose argument says that it is something else.
func (w *rewriter) refuseTime(e *expr) {
	if isParam(e) && e.kind.as != juno.Null {
		fail(e.start, "", "parameter %s: an argument of kind %s is not a time", e.unparen().text,
			e.kind.as)
	}
}

// convert says what a parameter is read as; the last word counts.
func (w *rewriter) convert(e *expr, to conversion) {
	if w.emit {
		w.converts[e] = to
	}
}

// slots puts ?N in the place of every parameter, and returns what is bound to each.
func (w *rewriter) slots(params []*expr) []slot {
	type use struct {
		arg int
		to  conversion
	}
	numbers := map[use]int{}
	var slots []slot
	for _, e := range params {
		u := use{e.param, w.converts[e]}
		if numbers[u] == 0 {
			slots = append(slots, slot{u.arg, u.to, e.text, e.start})
			numbers[u] = len(slots)
		}
		w.edits.replace(e.start, e.end, "?"+itoa(numbers[u]))
	}
	return slots
}
