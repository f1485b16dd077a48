package tidy

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var root = filepath.Join("..", "..")

// house reads the whole module once for all tests.
var house = sync.OnceValues(func() (module, error) {
	sources, texts, err := ReadModule(root)
	return module{sources, texts}, err
})

type module struct {
	sources []*Source
	texts   []TextFile
}

func readHouse(t *testing.T) module {
	t.Helper()
	m, err := house()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func report(t *testing.T, faults []Fault) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}

func TestHouseIsRead(t *testing.T) {
	m := readHouse(t)
	var rooms []string
	for _, s := range m.sources {
		rooms = append(rooms, s.Room)
	}
	for _, room := range []string{".", "internal/tidy"} {
		if !slices.Contains(rooms, room) {
			t.Errorf("no file of room %s was read: the rules look at the wrong directory", room)
		}
	}
	for _, s := range m.sources {
		if strings.HasPrefix(s.Path, "bench/") {
			t.Errorf("%s was read; bench is a module of its own", s.Path)
		}
	}
}

func TestArrows(t *testing.T) {
	sources := readHouse(t).sources
	report(t, StaleArrows(sources))
	report(t, StaleTenancies(sources))
	for _, s := range sources {
		report(t, Arrows(s))
	}
}

func TestPurity(t *testing.T) {
	rooms, err := TypeCheck(root, pure, readHouse(t).sources)
	if err != nil {
		t.Error(err)
	}
	for _, room := range rooms {
		report(t, Purity(room))
	}
}

// The benchmark's module has its own imports, but the same hand.
func TestBench(t *testing.T) {
	sources, texts, err := ReadModule(filepath.Join(root, "bench"))
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 {
		t.Error("no file of bench was read")
	}
	faults := PackageDocs(sources)
	pages := housePages(t)
	for _, s := range sources {
		faults = append(faults, References(s, pages)...)
		faults = append(faults, Shape(s, nil)...)
		faults = append(faults, Docs(s)...)
	}
	for _, file := range texts {
		faults = append(faults, Words(file)...)
	}
	for i := range faults {
		faults[i].File = "bench/" + faults[i].File
	}
	report(t, faults)
}

func TestShape(t *testing.T) {
	used := make(map[string]bool)
	for _, s := range readHouse(t).sources {
		report(t, Shape(s, used))
	}
	for _, name := range slices.Sorted(maps.Keys(longFuncs)) {
		if !used[name] {
			t.Errorf("longFuncs excuses %q, which is short or gone; fix: take it out", name)
		}
	}
}

func TestDocs(t *testing.T) {
	m := readHouse(t)
	report(t, PackageDocs(m.sources))
	for _, s := range m.sources {
		report(t, Docs(s))
	}
}

func TestWords(t *testing.T) {
	for _, file := range readHouse(t).texts {
		report(t, Words(file))
	}
}

func TestModules(t *testing.T) {
	report(t, Modules(readHouse(t).sources, page(t, "DEPENDENCIES.md")))
}

func TestRooms(t *testing.T) {
	report(t, Rooms(page(t, "ARCHITECTURE.md")))
}

// page reads one page of the documents.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// housePages indexes the documents.
func housePages(t *testing.T) *Pages {
	t.Helper()
	return NewPages(readHouse(t).texts, func(name string) bool {
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
		return err == nil
	})
}

func TestReferences(t *testing.T) {
	m, pages := readHouse(t), housePages(t)
	for _, s := range m.sources {
		report(t, References(s, pages))
	}
	for _, file := range m.texts {
		if strings.HasSuffix(file.Path, ".md") {
			report(t, pages.Links(file))
		}
		if strings.HasPrefix(file.Path, "cluster/consensus/testdata/") {
			report(t, pages.Scenario(file))
		}
	}
}

func TestToolchain(t *testing.T) { report(t, Toolchain(readHouse(t).texts)) }

func TestDecisions(t *testing.T) { report(t, Decisions(readHouse(t).texts)) }
