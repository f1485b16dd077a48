package tidy

import (
	"fmt"
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const tableFile = "internal/tidy/tables.go"

// StaleArrows reports lines of the tables that do not match the tree: of rooms that no file is in,
// to rooms that no line describes, for imports that no file makes; and cycles.
func StaleArrows(sources []*Source) []Fault {
	var faults []Fault
	report := func(fix, format string, args ...any) {
		faults = append(faults, Fault{
			File: tableFile, What: fmt.Sprintf(format, args...), Fix: fix,
		})
	}
	used, usedByTests := importsOf(sources)
	for _, room := range slices.Sorted(maps.Keys(arrows)) {
		if used[room] == nil {
			report("take the line out", "the line of %s describes no package", room)
		}
		if arrows[room] == everything {
			continue
		}
		for _, to := range strings.Fields(arrows[room]) {
			if _, known := arrows[to]; !known {
				report("add the line or correct the name",
					"the line of %s names %s, which has no line", room, to)
			} else if used[room] != nil && !used[room][to] {
				report("take it out, or put it into testArrows if only tests need it",
					"no file of %s imports %s", room, to)
			}
		}
		if below(room)[room] {
			report("arrows point down only: move the interface to its consumer",
				"room %s can be reached from itself", room)
		}
	}
	for _, room := range slices.Sorted(maps.Keys(testArrows)) {
		for _, to := range strings.Fields(testArrows[room]) {
			if !usedByTests[room][to] || below(room)[to] {
				report("take it out", "no test of %s needs an arrow of its own to %s", room, to)
			}
		}
	}
	for _, room := range pure {
		if used[room] == nil {
			report("take it out", "the list of pure rooms names %s, which is no package", room)
		}
	}
	return faults
}

// importsOf returns which of our rooms the files of each room import, tests by themselves. A room
// that has only tests has an entry among the others too.
func importsOf(sources []*Source) (code, tests map[string]map[string]bool) {
	code, tests = make(map[string]map[string]bool), make(map[string]map[string]bool)
	for _, s := range sources {
		for _, table := range []map[string]map[string]bool{code, tests} {
			if table[s.Room] == nil {
				table[s.Room] = make(map[string]bool)
			}
		}
		table := code
		if s.Test {
			table = tests
		}
		for _, spec := range s.AST.Imports {
			if room, ours := roomOf(importPath(spec)); ours {
				table[s.Room][room] = true
			}
		}
	}
	return code, tests
}

// StaleTenancies reports lines of the tables of modules that no file needs any more.
func StaleTenancies(sources []*Source) []Fault {
	var faults []Fault
	report := func(format string, args ...any) {
		faults = append(faults, Fault{
			File: tableFile, What: fmt.Sprintf(format, args...), Fix: "take the line out",
		})
	}
	imported := func(module string, where func(s *Source) bool) bool {
		return slices.ContainsFunc(sources, func(s *Source) bool {
			return where(s) && slices.ContainsFunc(s.AST.Imports, func(spec *ast.ImportSpec) bool {
				return under(importPath(spec), module)
			})
		})
	}
	for _, t := range tenancies {
		if !thirdParty(t.module) {
			continue // a line of a package of the standard library is there to forbid it elsewhere
		}
		if !imported(t.module, func(s *Source) bool {
			return s.Room == t.room && (t.file == "" || s.Test || s.Path == t.file)
		}) {
			report("%s does not import %s", t.room, t.module)
		}
	}
	for _, m := range testModules {
		if !imported(m, func(s *Source) bool { return s.Test }) {
			report("no test imports %s", m)
		}
	}
	return faults
}

// roomRow is a row of the table of rooms in docs/ARCHITECTURE.md: name, what it is, what it knows.
var roomRow = regexp.MustCompile("^\\| (`[^`|]+`|root) \\|[^|]+\\| ([^|]+) \\|$")

// Rooms reports differences between the table of arrows and the table of rooms in
// docs/ARCHITECTURE.md, whose text is handed in: every room has one row there, which says what it
// is and which rooms it knows.
func Rooms(architecture string) []Fault {
	const page = "docs/ARCHITECTURE.md"
	var faults []Fault
	rows := make(map[string]bool)
	for i, line := range prose(architecture) {
		m := roomRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		room := strings.Trim(m[1], "`")
		if room == "root" {
			room = "."
		}
		fault := Fault{File: page, Line: i + 1}
		switch _, known := arrows[room]; {
		case rows[room]:
			fault.What, fault.Fix = "second row of room "+room, "take one of them out"
		case !known:
			fault.What = "row of room " + room + ", which has no line in the table of arrows"
			fault.Fix = "take the row out, or add the line in " + tableFile
		case m[2] != knows(room):
			fault.What = fmt.Sprintf("room %s knows %q, the tables say %q", room, m[2], knows(room))
			fault.Fix = "write in the last column what the tables say, or change the tables"
		}
		rows[room] = true
		if fault.What != "" {
			faults = append(faults, fault)
		}
	}
	for _, room := range slices.Sorted(maps.Keys(arrows)) {
		if !rows[room] {
			faults = append(faults, Fault{
				File: page, What: "room " + room + " has no row in the table of rooms",
				Fix: "add \"| " + quoted(room) + " | what it is | " + knows(room) + " |\"",
			})
		}
	}
	return faults
}

// knows writes the arrows of a room as the last column of docs/ARCHITECTURE.md has them.
func knows(room string) string {
	switch arrows[room] {
	case "":
		return "nothing"
	case everything:
		return "all"
	}
	list := func(rooms string) string {
		names := strings.Fields(rooms)
		for i, name := range names {
			names[i] = quoted(name)
		}
		return strings.Join(names, ", ")
	}
	text := list(arrows[room])
	if tests := testArrows[room]; tests != "" {
		text += "; its tests " + list(tests)
	}
	return text
}

// quoted writes the name of a room as docs/ARCHITECTURE.md does.
func quoted(room string) string {
	if room == "." {
		return "root"
	}
	return "`" + room + "`"
}
