package tidy

import (
	"regexp"
	"strings"
)

var (
	// goLine is the version of Go that go.mod asks for.
	goLine = regexp.MustCompile(`(?m)^go (\d+\.\d+)(?:\.\d+)?$`)
	// goImage is a container image with a version of Go, goProse a version in a sentence.
	goImage = regexp.MustCompile(`\bgolang:(\d+\.\d+)\b`)
	goProse = regexp.MustCompile(`\bGo (1\.\d+)\b`)
)

// Toolchain reports files that name another version of Go than go.mod: images of containers, and
// the README.
func Toolchain(texts []TextFile) []Fault {
	version := ""
	for _, file := range texts {
		if m := goLine.FindStringSubmatch(file.Text); file.Path == "go.mod" && m != nil {
			version = m[1]
		}
	}
	var faults []Fault
	for _, file := range texts {
		pattern := goImage
		switch {
		case file.Path == "README.md":
			pattern = goProse
		case !strings.HasPrefix(file.Path, ".devcontainer/") &&
			!strings.HasPrefix(file.Path, ".github/"):
			continue
		}
		for i, line := range strings.Split(file.Text, "\n") {
			for _, m := range pattern.FindAllStringSubmatch(line, -1) {
				if m[1] != version {
					faults = append(faults, Fault{
						File: file.Path, Line: i + 1,
						What: "names Go " + m[1] + ", go.mod has " + version,
						Fix:  "write the version of go.mod",
					})
				}
			}
		}
	}
	return faults
}
