package tidy

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
)

// specification is the page that defines the names of the protocol's rules.
const specification = "docs/SPECIFICATION.md"

// ruleRooms are the rooms whose comments cite rules of the protocol by their names alone.
var ruleRooms = strings.Fields("cluster cluster/consensus cluster/sim")

var (
	// citation is a Markdown file, and the section, anchor or rule that is cited of it.
	citation = regexp.MustCompile(
		`([\w./-]*\w\.md)\b(?:#([\w-]+)|\s+§\s?(\d+(?:\.\d+)*)|,\s+([A-Z]\d+)\b)?`)
	ruleName  = regexp.MustCompile(`\b[A-Z]\d{1,2}[a-d]?\b`)
	lemmaName = regexp.MustCompile(`\bLemma (\d+)\b`)
	inParens  = regexp.MustCompile(`\([^()]*\)`)
	// A section belongs to the document that is named before it: a page, a standard, a protocol
	// or system by a name with two capitals (PBFT, HotStuff), a quoted title.
	sectionSign    = regexp.MustCompile(`§\s?\d`)
	documentBefore = regexp.MustCompile(`(?:\.md|RFC \d+|ECMA-\d+|[A-Z]\w*[A-Z]\w*|",)\s+$`)
)

// References reports what comments and strings of a Go file cite and what is not there: Markdown
// files, sections and anchors in them, lemmas, and in the rooms of the protocol its rules.
func References(s *Source, pages *Pages) []Fault {
	if s.Room == "internal/tidy" && s.Test {
		return nil // the snippets of the rules cite what is not there
	}
	var faults []Fault
	for _, group := range s.AST.Comments {
		text, line := commentText(group), s.line(group.Pos())
		faults = append(faults, pages.citations(s.Path, text, line)...)
		faults = append(faults, sections(s.Path, text, line)...)
		for _, room := range ruleRooms {
			if s.Room == room {
				faults = append(faults, pages.rules(s.Path, text, line)...)
			}
		}
	}
	ast.Inspect(s.AST, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			faults = append(faults, pages.citations(s.Path, lit.Value, s.line(lit.Pos()))...)
		}
		return true
	})
	return faults
}

// Scenario reports rules and lemmas that the comments of a scenario cite and that nothing defines.
func (p *Pages) Scenario(file TextFile) []Fault {
	var faults []Fault
	for i, line := range strings.Split(file.Text, "\n") {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		faults = append(faults, p.citations(file.Path, line, i+1)...)
		faults = append(faults, p.rules(file.Path, line, i+1)...)
	}
	return faults
}

// commentText returns a group of comments without its markers, line by line.
func commentText(group *ast.CommentGroup) string {
	var lines []string
	for _, c := range group.List {
		for _, line := range strings.Split(c.Text, "\n") {
			lines = append(lines, strings.TrimPrefix(line, "//"))
		}
	}
	return strings.Join(lines, "\n")
}

// citations reports Markdown files that a text cites and that are not there, nor what it cites of
// them, and lemmas that the specification does not have. line is that of the beginning of text.
func (p *Pages) citations(file, text string, line int) []Fault {
	var faults []Fault
	report := func(at int, what string) {
		faults = append(faults, Fault{
			File: file, Line: line + strings.Count(text[:at], "\n"), What: what,
			Fix: "cite a file of the repository and a section that it has, or say it in words",
		})
	}
	for _, m := range citation.FindAllStringSubmatchIndex(text, -1) {
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		name, anchor, section, rule := group(1), group(2), group(3), group(4)
		page := p.find(name)
		switch {
		case page == nil:
			report(m[0], "cites "+name+", which is not there")
		case anchor != "" && !page.anchors[anchor]:
			report(m[0], "cites "+name+"#"+anchor+", which is not there")
		case section != "" && !page.sections[section]:
			report(m[0], "cites "+name+" §"+section+", which is not there")
		case rule != "" && !page.anchors[strings.ToLower(rule)]:
			report(m[0], "cites "+rule+" of "+name+", which does not define it")
		}
	}
	for _, m := range lemmaName.FindAllStringSubmatchIndex(text, -1) {
		page, number := p.pages[specification], text[m[2]:m[3]]
		if page == nil || !page.lemmas[number] {
			report(m[0], "cites Lemma "+number+", which "+specification+" does not have")
		}
	}
	return faults
}

// sections reports sections that a comment cites of no document.
func sections(file, text string, line int) []Fault {
	var faults []Fault
	for _, m := range sectionSign.FindAllStringIndex(text, -1) {
		if !documentBefore.MatchString(text[:m[0]]) {
			faults = append(faults, Fault{
				File: file, Line: line + strings.Count(text[:m[0]], "\n"),
				What: "cites a section of no document",
				Fix:  "name the document right before it, as in RFC 8032 §7.1",
			})
		}
	}
	return faults
}

// rules reports rules that a text cites in parentheses and that the specification does not define.
// A letter behind the number names a part of the rule.
func (p *Pages) rules(file, text string, line int) []Fault {
	var faults []Fault
	page := p.pages[specification]
	for _, parens := range inParens.FindAllStringIndex(text, -1) {
		inside := text[parens[0]:parens[1]]
		for _, at := range ruleName.FindAllStringIndex(inside, -1) {
			name := inside[at[0]:at[1]]
			id := strings.ToLower(strings.TrimRight(name, "abcd"))
			if page != nil && page.anchors[id] {
				continue
			}
			faults = append(faults, Fault{
				File: file, Line: line + strings.Count(text[:parens[0]+at[0]], "\n"),
				What: "cites " + name + ", which " + specification + " does not define",
				Fix:  "define it there, <a id=\"" + id + "\"></a>, or cite the rule that is meant",
			})
		}
	}
	return faults
}
