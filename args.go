package juno

import "fmt"

// Limits of the arguments of one query, here and on the network alike: what works on a ledger in
// this process works on one far away.
const (
	// ArgsMax bounds their number; a list that is longer is joined from VALUES or json_each.
	ArgsMax = 1000
	// ArgsBytesMax bounds their names and values together: as much as a query itself may have on
	// the network.
	ArgsBytesMax = 64 << 10
	// ArgNameBytesMax bounds a name.
	ArgNameBytesMax = 64
	// argFixedBytes is what a value counts that is no text and no bytes.
	argFixedBytes = 8
)

// Arg is the value of one parameter of a query. Values never become a part of the SQL text, so no
// value can change what a statement does.
//
// A statement has parameters of one style: ? stands for the next argument; ?1 and $1 for the first;
// :name, @name and $name for the argument of that name, whichever of the three signs is before it.
// A parameter may stand wherever an expression may, also behind AS OF. Every parameter wants an
// argument, and every argument a parameter.
type Arg struct {
	// Name is without the sign: one to ArgNameBytesMax letters, digits and underscores, and no
	// digit first. It is empty for an argument by position.
	Name string
	// Value is of any kind. It is bound as it is: a Text is never read as a number by itself, and
	// only a Float is a floating-point number.
	Value Value
}

// Args returns arguments by position.
func Args(values ...Value) []Arg {
	args := make([]Arg, len(values))
	for i, v := range values {
		args[i].Value = v
	}
	return args
}

// Named returns an argument by name.
func Named(name string, v Value) Arg { return Arg{Name: name, Value: v} }

// CheckArgName reports whether s can be the name of a parameter.
func CheckArgName(s string) error {
	if s == "" || len(s) > ArgNameBytesMax {
		return fmt.Errorf("parameter name %.80q: %d bytes, want 1 to %d", s, len(s),
			ArgNameBytesMax)
	}
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if digit := '0' <= c && c <= '9'; !letter && (!digit || i == 0) {
			return fmt.Errorf("parameter name %.80q: want letters, digits and _, no digit first",
				s)
		}
	}
	return nil
}

// CheckArgs checks arguments by themselves, whatever the statement is: their number and bytes,
// that all have names or none, that no name comes twice, and that every value is one of its kind.
// The error is a *QueryError that names the argument.
func CheckArgs(args []Arg) error {
	if len(args) > ArgsMax {
		return argError("%d arguments, at most %d", len(args), ArgsMax)
	}
	left := ArgsBytesMax
	for i := range args {
		if left -= args[i].bytes(); left < 0 {
			return argError("arguments of more than %d bytes", ArgsBytesMax)
		}
	}
	seen := map[string]bool{}
	for i := range args {
		a := &args[i]
		if (a.Name == "") != (args[0].Name == "") {
			return argError("argument %d %s: arguments go by name or by position, not by both",
				i+1, a.called())
		}
		if a.Name != "" {
			if err := CheckArgName(a.Name); err != nil {
				return argError("%v", err)
			}
			if seen[a.Name] {
				return argError("argument %s is given twice", a.Name)
			}
			seen[a.Name] = true
		}
		if err := a.Value.checkArg(); err != nil {
			return argError("argument %s: %v", a.label(i), err)
		}
	}
	return nil
}

func argError(format string, args ...any) error {
	return &QueryError{Message: fmt.Sprintf(format, args...), Offset: -1}
}

// bytes is what the argument counts against ArgsBytesMax.
func (a *Arg) bytes() int {
	switch a.Value.Kind {
	case Text, Exact:
		return len(a.Name) + len(a.Value.Text)
	case Blob:
		return len(a.Name) + len(a.Value.Blob)
	}
	return len(a.Name) + argFixedBytes
}

func (a *Arg) called() string {
	if a.Name == "" {
		return "has no name"
	}
	return "is called " + a.Name
}

// label names the argument at place i, from 0.
func (a *Arg) label(i int) string {
	if a.Name != "" {
		return a.Name
	}
	return fmt.Sprint(i + 1)
}
