package tidy

import (
	"path"
	"regexp"
	"strings"
)

// decisionIndex lists the decision records, all but the template.
const decisionIndex = "docs/adr/README.md"

var (
	decisionFile  = regexp.MustCompile(`^docs/adr/(\d{4})-[^/]+\.md$`)
	decisionTitle = regexp.MustCompile(`(?m)^# (\d{4}): (.+)$`)
	decisionState = regexp.MustCompile(`(?m)^State: ([^.\n]+)\.`)
)

// Decisions reports decision records that the index lacks, or has with another title or state.
func Decisions(texts []TextFile) []Fault {
	index := ""
	for _, file := range texts {
		if file.Path == decisionIndex {
			index = file.Text
		}
	}
	var faults []Fault
	for _, file := range texts {
		number := decisionFile.FindStringSubmatch(file.Path)
		if number == nil || number[1] == "0000" {
			continue
		}
		fault := Fault{File: file.Path, Line: 1}
		title := decisionTitle.FindStringSubmatch(file.Text)
		state := decisionState.FindStringSubmatch(file.Text)
		if title == nil || state == nil || title[1] != number[1] {
			fault.What = "does not begin with \"# " + number[1] + ": title\" and \"State: …\""
			fault.Fix = "begin it like docs/adr/0000-template.md"
			faults = append(faults, fault)
			continue
		}
		row := "| [" + number[1] + "](" + path.Base(file.Path) + ") | " + title[2] + " | " +
			state[1] + " |"
		if !strings.Contains(index, row+"\n") {
			fault.What = decisionIndex + " has no such row of it"
			fault.Fix = "write there " + row
			faults = append(faults, fault)
		}
	}
	return faults
}
