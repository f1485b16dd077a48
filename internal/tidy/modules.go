package tidy

import (
	"strings"
)

// Modules reports third-party modules that the code or its tests import and that have no
// heading in docs/DEPENDENCIES.md, whose text is handed in.
func Modules(sources []*Source, dependencies string) []Fault {
	headings := make(map[string]bool)
	for _, line := range strings.Split(dependencies, "\n") {
		if title, ok := strings.CutPrefix(line, "### "); ok {
			headings[strings.Trim(strings.TrimSpace(title), "`")] = true
		}
	}
	var faults []Fault
	seen := make(map[string]bool)
	for _, s := range sources {
		for _, spec := range s.AST.Imports {
			name := importPath(spec)
			if !thirdParty(name) || seen[name] {
				continue
			}
			seen[name] = true
			if !headed(name, headings) {
				faults = append(faults, s.fault(spec.Pos(),
					"add \"### `module/path`\" with why, alternatives, licence and how it is kept",
					"%s has no heading in docs/DEPENDENCIES.md", name))
			}
		}
	}
	return faults
}

// headed says whether a package belongs to a module that has a heading.
func headed(name string, headings map[string]bool) bool {
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '/') {
		if headings[name[:end]] {
			return true
		}
	}
	return false
}
