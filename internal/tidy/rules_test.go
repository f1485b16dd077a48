package tidy

import (
	"fmt"
	"go/importer"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A rule that cannot fail is worth nothing. Every snippet below marks the lines where the rule
// must speak with "// want `part of the message`"; a fault without a mark and a mark without a
// fault both fail.

var wantMark = regexp.MustCompile("want `([^`]+)`")

// expect compares faults with the marks of a text.
func expect(t *testing.T, text string, faults []Fault) {
	t.Helper()
	want := make(map[int]string)
	for i, line := range strings.Split(text, "\n") {
		if m := wantMark.FindStringSubmatch(line); m != nil {
			want[i+1] = m[1]
		}
	}
	for _, f := range faults {
		part, marked := want[f.Line]
		if !marked || !strings.Contains(f.What, part) {
			t.Errorf("got %v, want %q", f, part)
		}
		if f.Fix == "" || f.File == "" {
			t.Errorf("got %v, want a fault with a file and a fix", f)
		}
		delete(want, f.Line)
	}
	for _, line := range slices.Sorted(maps.Keys(want)) {
		t.Errorf("line %d: no fault, want one with %q", line, want[line])
	}
}

func parse(t *testing.T, name, text string) *Source {
	t.Helper()
	s, err := Parse(token.NewFileSet(), name, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestArrowsRule(t *testing.T) {
	for name, text := range map[string]string{
		"wal/wal.go": `package wal
import "juno"
import "juno/internal/vfs"
import "juno/db" // want ` + "`wal may not import db`" + `
import "juno/snapshot" // want ` + "`wal may not import snapshot`" + `
import "os"
`,
		"wal/wal_test.go": `package wal_test
import "juno/wal"
import "pgregory.net/rapid"
import "juno/db" // want ` + "`wal may not import db`" + `
import "github.com/stretchr/testify/require" // want ` + "`it has no tenancy`" + `
`,
		"db/db.go": `package db
import "github.com/dgraph-io/badger/v4/options"
import "go.etcd.io/bbolt" // want ` + "`db may not import go.etcd.io/bbolt`" + `
import "pgregory.net/rapid" // want ` + "`it has no tenancy`" + `
import "crypto/ed25519" // want ` + "`db may not import crypto/ed25519`" + `
`,
		"db/db_test.go": `package db
import "juno/db/sql"
import "juno/internal/vfs"
`,
		"remote/remote_test.go": `package remote
import "juno/server"
import "juno/cluster/sim" // want ` + "`remote may not import cluster/sim`" + `
`,
		"cluster/consensus/raft.go": `package consensus
import "juno/wal" // want ` + "`cluster/consensus may not import wal`" + `
`,
		signatureFile: `package juno
import "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
import "crypto/ed25519"
import "golang.org/x/crypto/blake2b" // want ` + "`it has no tenancy`" + `
import "juno/wal" // want ` + "`. may not import wal`" + `
`,
		"keyring.go": `package juno
import "crypto/ed25519" // want ` + "`only signature.go may`" + `
import "crypto/sha256"
`,
		"keyring_test.go": `package juno
import "crypto/ed25519"
`,
		"attic/attic.go": `package attic // want ` + "`no line in the table`" + `
`,
		"cmd/juno/main.go": `package main
import "juno/cluster/consensus"
import "github.com/dgraph-io/badger/v4" // want ` + "`it has no tenancy`" + `
`,
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, text, Arrows(parse(t, name, text)))
		})
	}
}

// restore puts a table back after a test that changes it.
func restore[T any](t *testing.T, table *T, changed T) {
	t.Helper()
	before := *table
	*table = changed
	t.Cleanup(func() { *table = before })
}

// attic is a house of four rooms.
func attic(t *testing.T) []*Source {
	t.Helper()
	return []*Source{
		parse(t, "attic/a.go", "package attic\nimport \"juno/hall\"\nimport \"x.org/lamp/v2\"\n"),
		parse(t, "attic/a_test.go", "package attic\nimport \"juno/cellar\"\n"),
		parse(t, "attic/b_test.go", "package attic\nimport \"x.org/test\"\n"),
		parse(t, "hall/a.go", "package hall\n"),
		parse(t, "cellar/a_test.go", "package cellar\nimport \"juno/attic\"\n"),
	}
}

func TestStaleArrowsRule(t *testing.T) {
	restore(t, &pure, []string{"hall"})
	restore(t, &testArrows, map[string]string{"attic": "cellar"})
	restore(t, &arrows, map[string]string{"attic": "hall", "hall": "", "cellar": everything})
	if got := StaleArrows(attic(t)); len(got) > 0 {
		t.Errorf("got %v, want no fault", got)
	}
	pure = []string{"hall", "porch"}
	testArrows = map[string]string{"attic": "cellar garage hall", "cellar": "attic"}
	arrows = map[string]string{
		"attic": "hall nowhere cellar", "hall": "", "cellar": "attic", "garage": everything,
	}
	got := fmt.Sprint(StaleArrows(attic(t)))
	for _, part := range []string{
		"the line of garage describes no package",
		"the line of attic names nowhere",
		"no file of attic imports cellar",
		"no file of cellar imports attic",
		"room attic can be reached from itself",
		"room cellar can be reached from itself",
		"no test of attic needs an arrow of its own to garage",
		"no test of attic needs an arrow of its own to hall",
		"no test of cellar needs an arrow of its own to attic",
		"pure rooms names porch",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("got %s, want %q in it", got, part)
		}
	}
}

func TestStaleTenanciesRule(t *testing.T) {
	restore(t, &testModules, []string{"x.org/test"})
	restore(t, &tenancies, []tenancy{
		{room: "attic", module: "x.org/lamp"},
		{room: "attic", module: "x.org/lamp", file: "attic/a.go"},
		{room: "hall", module: "crypto/lamp"},
	})
	if got := StaleTenancies(attic(t)); len(got) > 0 {
		t.Errorf("got %v, want no fault", got)
	}
	testModules = []string{"x.org/lamp"}
	tenancies = []tenancy{
		{room: "hall", module: "x.org/lamp"},
		{room: "attic", module: "x.org/lamp", file: "attic/b.go"},
		{room: "attic", module: "x.org/lam"},
	}
	if got := StaleTenancies(attic(t)); len(got) != 4 {
		t.Errorf("got %v, want four faults", got)
	}
}

func purity(t *testing.T, name, text string) []Fault {
	t.Helper()
	s := parse(t, name, text)
	room := Checked{Room: s.Room, Sources: []*Source{s}}
	info, err := checkRoom(room, s.Fset, importer.Default())
	if err != nil {
		t.Fatal(err)
	}
	room.Info = info
	return Purity(room)
}

func TestPurityRule(t *testing.T) {
	for _, name := range []string{"concurrency", "clock", "imports", "floats", "maps", "printing"} {
		t.Run(name, func(t *testing.T) {
			text := puritySnippets[name]
			expect(t, text, purity(t, "db/state/state.go", text))
		})
	}
	t.Run("a file that is excused", func(t *testing.T) {
		text := "package juno\n\ntype Value struct{ Float float64 }\n"
		if got := purity(t, "value.go", text); len(got) != 0 {
			t.Errorf("got %v, want nothing", got)
		}
		if got := purity(t, "amount.go", text); len(got) != 1 {
			t.Errorf("got %v, want one fault", got)
		}
	})
}

func TestShapeRule(t *testing.T) {
	body := strings.Repeat("\tprintln()\n", funcLinesMax-2)
	fine := "package wal\n\nfunc f() {\n" + body + "}\n"
	long := "package wal\n\nfunc f() { // want `func f has 71 lines, at most 70`\n" +
		"\tprintln()\n" + body + "}\n"
	wide := "package wal\n\n// " + strings.Repeat("é", columnsMax-3) + "\n" +
		"//\t" + strings.Repeat("x", columnsMax) + " want `columns, at most 100`\n" +
		"// https://" + strings.Repeat("x", columnsMax) + "\n"
	lines := func(n int) string { return "package wal\n" + strings.Repeat("\n", n-1) }
	for _, test := range []struct{ name, file, text string }{
		{"a function as long as allowed", "wal/a.go", fine},
		{"a function one line too long", "wal/a.go", long},
		{"a long function of a test", "wal/a_test.go", strings.ReplaceAll(long, "want ", "")},
		{"columns", "wal/a.go", wide},
		{"a file as long as allowed", "wal/a.go", lines(fileLinesMax)},
		{"a test as long as allowed", "wal/a_test.go", lines(testFileLinesMax)},
	} {
		t.Run(test.name, func(t *testing.T) {
			expect(t, test.text, Shape(parse(t, test.file, test.text), nil))
		})
	}
	files := map[string]int{"wal/a.go": fileLinesMax, "wal/a_test.go": testFileLinesMax}
	for file, most := range files {
		got := Shape(parse(t, file, lines(most+1)), nil)
		if len(got) != 1 || got[0].Line != most+1 {
			t.Errorf("%s of %d lines: got %v, want one fault", file, most+1, got)
		}
	}
	longFuncs["wal/a.go f"] = "a test"
	defer delete(longFuncs, "wal/a.go f")
	used := make(map[string]bool)
	if got := Shape(parse(t, "wal/a.go", long), used); len(got) != 0 || !used["wal/a.go f"] {
		t.Errorf("got %v and used %v, want no fault and the excuse used", got, used)
	}
}

func TestDocsRule(t *testing.T) {
	text := docsSnippet
	expect(t, text, Docs(parse(t, "wal/wal.go", text)))
	if got := Docs(parse(t, "wal/wal_test.go", text)); len(got) != 0 {
		t.Errorf("test file: got %v, want nothing", got)
	}
}

func TestPackageDocsRule(t *testing.T) {
	more := strings.Repeat("\n// And more.", packageDocLinesMin-1) + "\n"
	for _, test := range []struct {
		name  string
		files map[string]string
		want  int
	}{
		{"one file says it", map[string]string{
			"wal/a.go": "package wal", "wal/doc.go": "// Package wal keeps." + more + "package wal",
		}, 0},
		{"it says one line", map[string]string{
			"wal/a.go": "// Package wal keeps the log.\npackage wal",
		}, 1},
		{"nobody says it", map[string]string{
			"wal/a.go": "package wal", "wal/b.go": "package wal",
		}, 1},
		{"it names another", map[string]string{
			"wal/a.go": "// Package log is it." + more + "package wal",
		}, 1},
		{"only a test says it", map[string]string{
			"wal/a.go":      "package wal",
			"wal/a_test.go": "// Package wal keeps." + more + "package wal",
		}, 1},
		{"a command", map[string]string{
			"cmd/juno/main.go": "// Command juno is all.\npackage main",
		}, 0},
		{"a mute command", map[string]string{"cmd/juno/main.go": "// Juno.\npackage main"}, 1},
		{"two rooms", map[string]string{"wal/a.go": "package wal", "db/b.go": "package db"}, 2},
	} {
		var sources []*Source
		for _, name := range slices.Sorted(maps.Keys(test.files)) {
			sources = append(sources, parse(t, name, test.files[name]))
		}
		if got := PackageDocs(sources); len(got) != test.want {
			t.Errorf("%s: got %v, want %d faults", test.name, got, test.want)
		}
	}
}

func TestWordsRule(t *testing.T) {
	for _, test := range []struct {
		file, line string
		want       bool
	}{
		{"wal/a.go", "// TO" + "DO: later", true},
		{"docs/A.md", "FIX" + "ME", true},
		{"docs/A.md", "XX" + "X: later", true},
		{"docs/A.md", "the currency XX" + "X", false},
		{"docs/A.md", "os.MkdirTemp juno-XX" + "XX and METHODO" + "LOGY", false},
		{"wal/a.go", "context.TO" + "DO()", true},
		{"wal/a.go", "errors.New(\"Not " + "implemented\")", true},
		{"wal/a.go", "// a st" + "ub", true},
		{"wal/a.go", "// stubborn", false},
		{"docs/A.md", "the st" + "ub resolver", false},
		{"wal/a_test.go", "\ttime." + "Sleep(1)", true},
		{"wal/a.go", "\ttime." + "Sleep(1)", false},
		{"Makefile", "cd /wo" + "rk/main", true},
		{"docs/A.md", "see /ho" + "me/me/x", true},
		{"docs/A.md", "the net" + "work/home page and http://x/wo" + "rk/x", false},
		{"wal/a_test.go", "os.Open(\"/t" + "mp/x\")", true},
		{"README.md", "juno init /t" + "mp/x", false},
		{"db/a_test.go", "../../sha" + "red/x", true},
		{"Makefile", "GOPROXY=https://pro" + "xy.golang.org", true},
	} {
		got := Words(TextFile{Path: test.file, Text: "fine\n" + test.line + "\n"})
		if (len(got) == 1) != test.want || test.want && got[0].Line != 2 {
			t.Errorf("%s %q: got %v, want a fault: %v", test.file, test.line, got, test.want)
		}
	}
}

func TestModulesRule(t *testing.T) {
	text := "package db\nimport \"os\"\nimport \"juno\"\n" +
		"import \"github.com/dgraph-io/badger/v4/y\"\n"
	sources := []*Source{parse(t, "db/db.go", text)}
	for _, test := range []struct {
		page string
		want int
	}{
		{"### `github.com/dgraph-io/badger/v4`\n", 0},
		{"### github.com/dgraph-io/badger/v4\n", 0},
		{"text about `github.com/dgraph-io/badger/v4`\n", 1},
		{"### `github.com/dgraph-io/badger/v3`\n", 1},
		{"", 1},
	} {
		if got := Modules(sources, test.page); len(got) != test.want {
			t.Errorf("%q: got %v, want %d faults", test.page, got, test.want)
		}
	}
}

func TestRoomsRule(t *testing.T) {
	restore(t, &testArrows, map[string]string{"db": "wal"})
	restore(t, &arrows, map[string]string{".": "", "db": ". db/sql", "wal": everything})
	const fine = "| room | what it is | knows |\n|---|---|---|\n| root | Words. | nothing |\n" +
		"| `db` | Tables. | root, `db/sql`; its tests `wal` |\n| `wal` | The log. | all |\n"
	expect(t, fine, Rooms(fine))
	text := strings.Replace(fine, "Tables. | root, ", "want `knows` | ", 1) +
		"| `wal` | want `second row of room wal` | all |\n" +
		"| `attic` | want `row of room attic` | root |\n"
	expect(t, text, Rooms(text))
	for _, room := range []string{"root", "`db`", "`wal`"} {
		text := strings.Replace(fine, "| "+room+" |", "|  |", 1)
		if got := Rooms(text); len(got) != 1 || !strings.Contains(got[0].What, "has no row") {
			t.Errorf("without %s: got %v, want one fault", room, got)
		}
	}
}

func TestReadModuleLeavesOut(t *testing.T) {
	for name, want := range map[string]bool{
		"wal/a.go": true, "Makefile": true, ".ci/run": true, "docs/A.md": true, "a.png": false,
		"wal/testdata/a.txt": true, "LICENSE": false,
	} {
		if got := isText(name); got != want {
			t.Errorf("isText(%q): got %v, want %v", name, got, want)
		}
	}
}
