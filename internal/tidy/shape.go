package tidy

import (
	"fmt"
	"go/ast"
	"strings"
	"unicode/utf8"
)

// Shape reports files, functions and lines that are too long. Names of excuses that were used
// are added to used, which may be nil.
func Shape(s *Source, used map[string]bool) []Fault {
	var faults []Fault
	lines := strings.Split(strings.TrimSuffix(s.Text, "\n"), "\n")
	most := fileLinesMax
	if s.Test {
		most = testFileLinesMax
	}
	if len(lines) > most {
		faults = append(faults, Fault{
			File: s.Path, Line: len(lines),
			What: fmt.Sprintf("%d lines, at most %d", len(lines), most),
			Fix:  "a file is one noun: split it by message or verb",
		})
	}
	for i, line := range lines {
		// A URL cannot be wrapped, and a shortened one is worse than a long line.
		if n := columns(line); n > columnsMax && !strings.Contains(line, "://") {
			faults = append(faults, Fault{
				File: s.Path, Line: i + 1,
				What: fmt.Sprintf("%d columns, at most %d", n, columnsMax),
				Fix:  "wrap the line (a tab counts as four columns)",
			})
		}
	}
	if s.Test {
		return faults
	}
	for _, decl := range s.AST.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		n := s.line(fn.End()) - s.line(fn.Pos()) + 1
		if n <= funcLinesMax {
			continue
		}
		name := s.Path + " " + fn.Name.Name
		if _, excused := longFuncs[name]; excused {
			if used != nil {
				used[name] = true
			}
			continue
		}
		faults = append(faults, s.fault(fn.Pos(),
			"keep the branches in the parent and move the loops into leaves",
			"func %s has %d lines, at most %d", fn.Name.Name, n, funcLinesMax))
	}
	return faults
}

// columns is the width of a line on a screen.
func columns(line string) int {
	return utf8.RuneCountInString(line) + (tabColumns-1)*strings.Count(line, "\t")
}
