package tidy

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Pages are the Markdown files of the module, and what one can refer to in each.
type Pages struct {
	pages map[string]*pageOf
	// exists reports whether a path from the root of the module is a file or a directory.
	exists func(name string) bool
}

// pageOf is what one Markdown file defines.
type pageOf struct {
	anchors  map[string]bool // of headings, as GitHub makes them, and of <a id="…"></a>
	sections map[string]bool // numbers of headings, "3.2"
	lemmas   map[string]bool // numbers of "**Lemma 3.**"
}

var (
	headingLine = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	headingNo   = regexp.MustCompile(`^(\d+(?:\.\d+)*)\.? `)
	anchorTag   = regexp.MustCompile(`<a id="([^"]+)"></a>`)
	lemmaTag    = regexp.MustCompile(`\*\*Lemma (\d+)\.\*\*`)
	linkTarget  = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	codeSpan    = regexp.MustCompile("`[^`]*`")
)

// NewPages indexes the Markdown files among texts. exists says of any path from the root of the
// module whether something is there.
func NewPages(texts []TextFile, exists func(name string) bool) *Pages {
	p := &Pages{pages: make(map[string]*pageOf), exists: exists}
	for _, file := range texts {
		if path.Ext(file.Path) == ".md" {
			p.pages[file.Path] = readPage(file.Text)
		}
	}
	return p
}

// readPage collects what a Markdown file defines.
func readPage(text string) *pageOf {
	page := &pageOf{
		anchors: make(map[string]bool), sections: make(map[string]bool),
		lemmas: make(map[string]bool),
	}
	for _, line := range prose(text) {
		if m := headingLine.FindStringSubmatch(line); m != nil {
			page.addHeading(m[1])
		}
		for _, m := range anchorTag.FindAllStringSubmatch(line, -1) {
			page.anchors[m[1]] = true
		}
		for _, m := range lemmaTag.FindAllStringSubmatch(line, -1) {
			page.lemmas[m[1]] = true
		}
	}
	return page
}

// addHeading adds the anchor and the number of a heading. Of equal headings GitHub numbers the
// second and later ones.
func (p *pageOf) addHeading(title string) {
	slug := anchorOf(title)
	unique := slug
	for i := 1; p.anchors[unique]; i++ {
		unique = slug + "-" + strconv.Itoa(i)
	}
	p.anchors[unique] = true
	if m := headingNo.FindStringSubmatch(title); m != nil {
		p.sections[m[1]] = true
	}
}

// anchorOf returns the anchor that GitHub gives to a heading.
func anchorOf(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// prose returns the lines of a Markdown text, those of fenced code blocks empty.
func prose(text string) []string {
	lines := strings.Split(text, "\n")
	fenced := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence || fenced {
			lines[i] = ""
		}
		if fence {
			fenced = !fenced
		}
	}
	return lines
}

// find returns the page that a name means in a comment: a path from the root of the module, or the
// bare name of a page in docs.
func (p *Pages) find(name string) *pageOf {
	if page := p.pages[name]; page != nil {
		return page
	}
	return p.pages["docs/"+name]
}

// Links reports links of a Markdown file to files or anchors that are not there.
func (p *Pages) Links(file TextFile) []Fault {
	var faults []Fault
	for i, line := range prose(file.Text) {
		line = codeSpan.ReplaceAllString(line, "")
		for _, m := range linkTarget.FindAllStringSubmatch(line, -1) {
			if what := p.brokenLink(file.Path, m[1]); what != "" {
				faults = append(faults, Fault{
					File: file.Path, Line: i + 1, What: what,
					Fix: "correct the link, or write what it should lead to",
				})
			}
		}
	}
	return faults
}

// brokenLink says why a link leads nowhere, or "". Links to other hosts are not followed.
func (p *Pages) brokenLink(from, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	name, anchor, _ := strings.Cut(target, "#")
	full := from
	if name != "" {
		full = path.Join(path.Dir(from), name)
	}
	page := p.pages[full]
	switch {
	case page == nil && !p.exists(full):
		return "link to " + target + ": there is no " + full
	case anchor != "" && (page == nil || !page.anchors[anchor]):
		return "link to " + target + ": " + full + " has no such heading or anchor"
	}
	return ""
}
