package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
)

// Checked is one pure room with its types, test files left out.
type Checked struct {
	Room    string
	Sources []*Source
	Info    *types.Info
}

// Purity reports everything in a pure room that could give two nodes two different results.
func Purity(room Checked) []Fault {
	var faults []Fault
	for _, s := range room.Sources {
		c := purityCheck{source: s, info: room.Info, floats: make(map[int]bool)}
		c.imports()
		c.reasons = orderReasons(s)
		ast.Inspect(s.AST, c.visit)
		faults = append(faults, c.faults...)
	}
	return faults
}

// purityCheck walks one file.
type purityCheck struct {
	source  *Source
	info    *types.Info
	reasons map[int]bool // lines whose map order is declared harmless, with a reason
	sorted  []ast.Expr   // calls that stand directly inside slices.Sorted and its kin
	floats  map[int]bool // lines that were reported for floating point; once is enough
	faults  []Fault
}

func (c *purityCheck) fault(n ast.Node, fix, format string, args ...any) {
	what := c.source.Room + " is a pure room: " + fmt.Sprintf(format, args...)
	c.faults = append(c.faults, c.source.fault(n.Pos(), fix, "%s", what))
}

// imports refuses packages that cannot be used purely.
func (c *purityCheck) imports() {
	for _, spec := range c.source.AST.Imports {
		name := importPath(spec)
		for parent, fix := range impure {
			if under(name, parent) {
				c.fault(spec, fix, "import of %s", name)
			}
		}
	}
}

func (c *purityCheck) visit(n ast.Node) bool {
	const noGoroutines = "one step at a time: return what has to happen and let the caller do it"
	switch n := n.(type) {
	case *ast.GoStmt:
		c.fault(n, noGoroutines, "go statement")
	case *ast.SelectStmt:
		c.fault(n, noGoroutines, "select statement")
	case *ast.ChanType:
		c.fault(n, noGoroutines, "channel type")
	case *ast.SendStmt:
		c.fault(n, noGoroutines, "send on a channel")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			c.fault(n, noGoroutines, "receive from a channel")
		}
	case *ast.RangeStmt:
		c.mapRange(n)
	case *ast.CallExpr:
		c.call(n)
	case *ast.Ident:
		c.clock(n)
	}
	if e, ok := n.(ast.Expr); ok {
		c.float(e)
	}
	return true
}

// clock refuses the functions of package time that do more than arithmetic, also as values.
func (c *purityCheck) clock(id *ast.Ident) {
	const fix = "time is an input: take a tick, or the entry's own time"
	obj := c.info.Uses[id]
	if obj == nil || obj.Pkg() == nil || obj.Pkg().Path() != "time" {
		return
	}
	switch obj := obj.(type) {
	case *types.Func:
		refused := slices.Contains(clockFuncs, obj.Name())
		if obj.Signature().Recv() != nil { // Time.After compares, and is pure
			refused = obj.Name() == "Local"
		}
		if refused {
			c.fault(id, fix, "time.%s", obj.Name())
		}
	case *types.Var:
		if obj.Name() == "Local" {
			c.fault(id, fix, "time.Local, the zone of the machine")
		}
	}
}

// float refuses every expression or type name of floating point; see floatFiles.
func (c *purityCheck) float(e ast.Expr) {
	if _, excused := floatFiles[c.source.Path]; excused || c.floats[c.source.line(e.Pos())] {
		return
	}
	tv, ok := c.info.Types[e]
	if id, isName := e.(*ast.Ident); !ok && isName && c.info.ObjectOf(id) != nil {
		tv.Type = c.info.ObjectOf(id).Type()
	}
	if tv.Type == nil {
		return
	}
	basic, ok := tv.Type.Underlying().(*types.Basic)
	if ok && basic.Info()&(types.IsFloat|types.IsComplex) != 0 {
		c.floats[c.source.line(e.Pos())] = true
		c.fault(e, "use integers or Amount: machines may round differently",
			"floating point (%s)", basic)
	}
}

// call looks at builtins and functions that print, and at iterators over maps.
func (c *purityCheck) call(call *ast.CallExpr) {
	obj := calledObject(c.info, call)
	if obj == nil {
		return
	}
	pkg := ""
	if obj.Pkg() != nil {
		pkg = obj.Pkg().Path()
	}
	switch {
	case pkg == "fmt" && strings.HasPrefix(obj.Name(), "Print"),
		pkg == "" && (obj.Name() == "print" || obj.Name() == "println"):
		c.fault(call, "return the text; the caller prints",
			"%s writes to standard output", obj.Name())
	case pkg == "slices" && strings.HasPrefix(obj.Name(), "Sorted") && len(call.Args) > 0:
		c.sorted = append(c.sorted, call.Args[0])
	case pkg == "maps" && slices.Contains([]string{"Keys", "Values", "All"}, obj.Name()):
		if !slices.Contains(c.sorted, ast.Expr(call)) {
			c.unordered(call, "maps."+obj.Name())
		}
	}
}

// calledObject returns the function that a call names, or nil for a call of a value.
func calledObject(info *types.Info, call *ast.CallExpr) types.Object {
	fun := ast.Unparen(call.Fun)
	switch index := fun.(type) { // an instantiation, f[T](x)
	case *ast.IndexExpr:
		fun = index.X
	case *ast.IndexListExpr:
		fun = index.X
	}
	switch fun := fun.(type) {
	case *ast.Ident:
		return info.Uses[fun]
	case *ast.SelectorExpr:
		return info.Uses[fun.Sel]
	}
	return nil
}

// mapRange refuses a loop over a map without a word on why its order is harmless.
func (c *purityCheck) mapRange(loop *ast.RangeStmt) {
	t := c.info.TypeOf(loop.X)
	if t == nil {
		return
	}
	if hasMap(t) {
		c.unordered(loop, "range over "+types.TypeString(t, types.RelativeTo(nil)))
	}
}

// hasMap says whether ranging over a value of the type can be ranging over a map.
func hasMap(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Map:
		return true
	case *types.Interface: // the constraint of a type parameter
		for i := range u.NumEmbeddeds() {
			union, ok := u.EmbeddedType(i).(*types.Union)
			if !ok {
				if hasMap(u.EmbeddedType(i)) {
					return true
				}
				continue
			}
			for j := range union.Len() {
				if hasMap(union.Term(j).Type()) {
					return true
				}
			}
		}
	}
	return false
}

func (c *purityCheck) unordered(n ast.Node, what string) {
	line := c.source.line(n.Pos())
	if c.reasons[line] || c.reasons[line-1] {
		return
	}
	c.fault(n, "iterate slices.Sorted(maps.Keys(m)), or say on the line why any order gives "+
		"the same result: \"// order: …\"", "%s, whose order differs between runs", what)
}

// orderReason is the comment that declares an iteration order harmless. It has to say why.
var orderReason = regexp.MustCompile(`^//\s*order:\s*[^\s/]\S*\s+\S`)

// orderReasons returns the lines that carry such a comment.
func orderReasons(s *Source) map[int]bool {
	lines := make(map[int]bool)
	for _, group := range s.AST.Comments {
		for _, comment := range group.List {
			if orderReason.MatchString(comment.Text) {
				lines[s.line(group.End())] = true
				lines[s.line(comment.Pos())] = true
			}
		}
	}
	return lines
}
