package tidy

import "testing"

// library is what the snippets below cite.
var library = []TextFile{
	{Path: specification, Text: `# Rules
## 1. One
### 1.2 Two, too
### 1.2 Two, too
**Lemma 1.** Yes.
<a id="n1"></a>**N1.** A rule.
` + "```\n## 7. Code\n```\n"},
	{Path: "README.md", Text: "# Read me\n"},
}

func libraryPages() *Pages {
	return NewPages(library, func(name string) bool { return name == "docs/plan.svg" })
}

func TestReferencesRule(t *testing.T) {
	for name, text := range map[string]string{
		"wal/wal.go": `package wal

// See docs/SPECIFICATION.md, README.md and SPECIFICATION.md.
// See design.md. want ` + "`which is not there`" + `
// See docs/SPECIFICATION.md §1.2, docs/SPECIFICATION.md, N1, docs/SPECIFICATION.md
// §1 and docs/SPECIFICATION.md#12-two-too-1.
// See docs/SPECIFICATION.md §3. want ` + "`which is not there`" + `
// See docs/SPECIFICATION.md §7. want ` + "`which is not there`" + `
// See docs/SPECIFICATION.md#two. want ` + "`#two, which is not there`" + `
// See docs/SPECIFICATION.md, N2. want ` + "`cites N2 of`" + `
// Lemma 1, Lemma 2. want ` + "`which docs`" + `
// RFC 8032 §7.1, PBFT §2 and "A title", §3 and
// this (§1.2). want ` + "`a section of no document`" + `
var a = "docs/GONE.md" // want ` + "`which is not there`" + `

// Other rooms have names of their own (N2).
var b = "§4"
`,
		"cluster/consensus/a.go": `package consensus

// f does it (N1). It is N9. It goes on (W of N1,
// N1 to N3). want ` + "`cites N3, which`" + `
func f() {
	/* no (E7) want ` + "`cites E7, which`" + ` */
}
`,
		"internal/tidy/a_test.go": "package tidy\n\n// See design.md (N9).\n",
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, text, References(parse(t, name, text), libraryPages()))
		})
	}
}

func TestScenarioRule(t *testing.T) {
	text := "# A story (N1a).\n# Of (Q4). want `cites Q4`\ncluster n=4\n----\nvote (N7)\n" +
		"# By Lemma 3. want `which docs`\n"
	expect(t, text, libraryPages().Scenario(TextFile{Path: "cluster/x.txt", Text: text}))
}

func TestLinksRule(t *testing.T) {
	text := "[a](SPECIFICATION.md) [b](../README.md#read-me) [c](plan.svg) [d](#here)\n" +
		"# Here\n[e](https://example.org/x.md) `[f](g.md)`\n```\n[h](i.md)\n```\n" +
		"[j](k.md) want `there is no docs/k.md`\n" +
		"[l](SPECIFICATION.md#13-three) want `no such heading`\n" +
		"![m](plan.svg#n) want `no such heading`\n" +
		"[n](#there) want `docs/A.md has no such`\n" +
		"[o](SPECIFICATION.md#n1) [p](SPECIFICATION.md#12-two-too-1)\n" +
		"[q](README.md) want `there is no docs/README.md`\n"
	file := TextFile{Path: "docs/A.md", Text: text}
	pages := NewPages(append([]TextFile{file}, library...), libraryPages().exists)
	expect(t, text, pages.Links(file))
}

func TestToolchainRule(t *testing.T) {
	goMod := TextFile{Path: "go.mod", Text: "module x\n\ngo 1.26.0\n"}
	for name, text := range map[string]string{
		"README.md":                       "Go 1.26, Go 1.25 want `go.mod has`\nGo, golang:1.2\n",
		".devcontainer/devcontainer.json": "golang:1.26-x\ngolang:1.24 want `go.mod has 1.26`\n",
		".github/workflows/a.yml":         "golang:1.27 want `1.27, go.mod`\n",
		"docs/A.md":                       "golang:1.1 and Go 1.2\n",
	} {
		expect(t, text, Toolchain([]TextFile{{Path: name, Text: text}, goMod}))
	}
}

func TestDecisionsRule(t *testing.T) {
	record := TextFile{
		Path: "docs/adr/0007-a-b.md", Text: "# 0007: A b\n\nState: accepted. Date: 2026-01-01.\n",
	}
	template := TextFile{Path: "docs/adr/0000-template.md", Text: "# NNNN: Title\n"}
	for index, want := range map[string]int{
		"| [0007](0007-a-b.md) | A b | accepted |\n": 0,
		"| [0007](0007-a-b.md) | A b | proposed |\n": 1,
		"| [0007](0007-a-b.md) | A c | accepted |\n": 1,
		"": 1,
	} {
		page := TextFile{Path: decisionIndex, Text: index}
		if got := Decisions([]TextFile{record, template, page}); len(got) != want {
			t.Errorf("%q: got %v, want %d faults", index, got, want)
		}
	}
	record.Text = "# 0008: A b\n\nState: accepted.\n"
	if got := Decisions([]TextFile{record}); len(got) != 1 || got[0].Line != 1 {
		t.Errorf("number of another record: got %v, want one fault", got)
	}
}
