package tidy

import (
	"maps"
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
	allowed := arrows[s.Room]
	if allowed == everything || slices.Contains(strings.Fields(allowed), room) {
		return true
	}
	if !s.Test {
		return false
	}
	return room == s.Room || room == "internal/vfs" || room == "internal/ports" ||
		below(s.Room)[room]
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

// Rooms reports rooms without a row in docs/ARCHITECTURE.md, whose text is handed in.
func Rooms(sources []*Source, architecture string) []Fault {
	var faults []Fault
	seen := make(map[string]bool)
	for _, s := range sources {
		row := "| `" + s.Room + "` |"
		if s.Room == "." {
			row = "| root |"
		}
		if !seen[s.Room] && !strings.Contains(architecture, row) {
			faults = append(faults, Fault{
				File: s.Path, Line: 1,
				What: "room " + s.Room + " has no row in docs/ARCHITECTURE.md",
				Fix:  "add \"" + row + " what it is | what it knows |\" to the table of rooms",
			})
		}
		seen[s.Room] = true
	}
	return faults
}

// StaleArrows reports lines of the tables that name a room which no line describes, and cycles.
func StaleArrows() []Fault {
	var faults []Fault
	table := "internal/tidy/tables.go"
	for _, room := range slices.Sorted(maps.Keys(arrows)) {
		if arrows[room] == everything {
			continue
		}
		for _, to := range strings.Fields(arrows[room]) {
			if _, known := arrows[to]; !known {
				faults = append(faults, Fault{
					File: table,
					What: "the line of " + room + " names " + to + ", which has no line",
					Fix:  "add the line or correct the name",
				})
			}
		}
		if below(room)[room] {
			faults = append(faults, Fault{
				File: table, What: "room " + room + " can be reached from itself",
				Fix: "arrows point down only: move the interface to its consumer",
			})
		}
	}
	return faults
}
