package tidy

import (
	"slices"
	"strings"
)

// Arrows reports every import of one file that the tables do not allow.
func Arrows(s *Source) []Fault {
	var faults []Fault
	if _, known := arrows[s.Room]; !known {
		faults = append(faults, Fault{
			File: s.Path, Line: 1,
			What: "package " + s.Room + " has no line in the table of arrows",
			Fix:  "add the line in internal/tidy/tables.go",
		})
	}
	for _, spec := range s.AST.Imports {
		name := importPath(spec)
		room, ours := roomOf(name)
		switch {
		case ours && !mayImport(s, room):
			faults = append(faults, s.fault(spec.Pos(),
				"declare the interface you need in your own room and let cmd/juno wire it",
				"%s may not import %s", s.Room, room))
		case !ours && (thirdParty(name) || hasTenancy(name)):
			if why := refuseModule(s, name); why != "" {
				faults = append(faults, s.fault(spec.Pos(), "move the code into the room that "+
					"owns the module, or do without", "%s", why))
			}
		}
	}
	return faults
}

// roomOf turns an import path of this module into a room.
func roomOf(name string) (room string, ours bool) {
	if name == Module {
		return ".", true
	}
	room, ours = strings.CutPrefix(name, Module+"/")
	return room, ours
}

// mayImport says whether the arrows allow the file to import one of our rooms. A test may reach
// as far as the rooms below it reach, may use the file systems of internal/vfs and what
// internal/ports finds, and, as an external test package, imports the room it tests.
func mayImport(s *Source, room string) bool {
	if arrows[s.Room] == everything || hasArrow(arrows, s.Room, room) {
		return true
	}
	if !s.Test {
		return false
	}
	return room == s.Room || room == "internal/vfs" || room == "internal/ports" ||
		below(s.Room)[room] || hasArrow(testArrows, s.Room, room)
}

// hasArrow says whether a table has an arrow.
func hasArrow(table map[string]string, from, to string) bool {
	return slices.Contains(strings.Fields(table[from]), to)
}

// below returns every room that can be reached from a room.
func below(room string) map[string]bool {
	reached := make(map[string]bool)
	for queue := []string{room}; len(queue) > 0; queue = queue[1:] {
		for _, next := range strings.Fields(arrows[queue[0]]) {
			if !reached[next] {
				reached[next] = true
				queue = append(queue, next)
			}
		}
	}
	return reached
}

// refuseModule says why a file may not import a third-party package, or "".
func refuseModule(s *Source, name string) string {
	if s.Test && !thirdParty(name) {
		return ""
	}
	for _, m := range testModules {
		if s.Test && under(name, m) {
			return ""
		}
	}
	for _, t := range tenancies {
		if t.room != s.Room || !under(name, t.module) {
			continue
		}
		if t.file == "" || s.Test || s.Path == t.file {
			return ""
		}
		return s.Path + " may not import " + name + ", only " + t.file + " may"
	}
	return s.Room + " may not import " + name + ", it has no tenancy there"
}

// thirdParty says whether an import path belongs neither to us nor to the standard library.
func thirdParty(name string) bool {
	host, _, _ := strings.Cut(name, "/")
	return strings.Contains(host, ".")
}

// hasTenancy says whether some room holds a package of the standard library for itself.
func hasTenancy(name string) bool {
	return slices.ContainsFunc(tenancies, func(t tenancy) bool { return under(name, t.module) })
}

// under says whether an import path is a package or lies below it.
func under(name, parent string) bool {
	return name == parent || strings.HasPrefix(name, parent+"/")
}
