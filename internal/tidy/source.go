package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Fault is one place where a rule is broken.
type Fault struct {
	File string // slash-separated, from the root of the module
	Line int    // from 1; 0 where the fault belongs to the whole file or package
	What string // what is wrong, with the value found
	Fix  string // what to do instead
}

// String prints the fault the way compilers do, so that editors can jump to it.
func (f Fault) String() string {
	return fmt.Sprintf("%s:%d: %s; fix: %s", f.File, f.Line, f.What, f.Fix)
}

// Source is one parsed Go file of the module.
type Source struct {
	Path string // slash-separated, from the root of the module
	Room string // the directory of Path; "." for the root package
	Test bool   // the name ends in _test.go
	Text string // the file as it is on disk
	Fset *token.FileSet
	AST  *ast.File // parsed with comments
}

// Parse reads one Go file. The name decides its room and whether it is a test.
func Parse(fset *token.FileSet, name, text string) (*Source, error) {
	const mode = parser.ParseComments | parser.SkipObjectResolution
	tree, err := parser.ParseFile(fset, name, text, mode)
	if err != nil {
		return nil, fmt.Errorf("tidy: parse %s: %w", name, err)
	}
	return &Source{
		Path: name,
		Room: path.Dir(name),
		Test: strings.HasSuffix(name, "_test.go"),
		Text: text,
		Fset: fset,
		AST:  tree,
	}, nil
}

// line returns the line of a node of the file.
func (s *Source) line(p token.Pos) int { return s.Fset.Position(p).Line }

// fault makes a fault at a node of the file.
func (s *Source) fault(p token.Pos, fix, format string, args ...any) Fault {
	return Fault{File: s.Path, Line: s.line(p), What: fmt.Sprintf(format, args...), Fix: fix}
}

// importPath returns the path that an import names.
func importPath(spec *ast.ImportSpec) string {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		// The parser has checked the literal, so this is a broken invariant.
		panic(fmt.Sprintf("tidy: import path %s: %v", spec.Path.Value, err))
	}
	return name
}

// TextFile is a file that people wrote, of any kind.
type TextFile struct {
	Path string // slash-separated, from the root of the module
	Text string
}

// textFileBytesMax keeps tables of measurements and other large data out of the word rules.
const textFileBytesMax = 1 << 20

// textEndings are the kinds of files that the word rules look at besides Makefile, .ci and
// .devcontainer.
var textEndings = strings.Fields(
	".go .md .sh .txt .txtar .sql .hop .toml .conf .mod .html .css .js .yml")

// ReadModule returns every Go file and every text file of the module below root.
// Directories with a go.mod of their own, hidden directories (.ci, .devcontainer and .github
// excepted), testdata of the fuzzer and build results are left out.
func ReadModule(root string) (sources []*Source, texts []TextFile, err error) {
	fset := token.NewFileSet()
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			if skipDir(file, name) {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !isText(name) {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil || len(text) > textFileBytesMax {
			return err
		}
		texts = append(texts, TextFile{Path: name, Text: string(text)})
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
			return nil
		}
		source, err := Parse(fset, name, string(text))
		sources = append(sources, source)
		return err
	})
	return sources, texts, err
}

// skipDir says whether a directory is not part of the house.
func skipDir(file, name string) bool {
	base := path.Base(name)
	switch {
	case name == ".":
		return false
	case base == "bin", strings.HasSuffix(name, "testdata/fuzz"):
		return true
	case strings.HasPrefix(base, "."):
		return base != ".ci" && base != ".devcontainer" && base != ".github"
	}
	_, err := os.Stat(filepath.Join(file, "go.mod"))
	return err == nil
}

// isText says whether the word rules look at a file.
func isText(name string) bool {
	base := path.Base(name)
	if base == "Makefile" || base == ".gitignore" || strings.HasPrefix(name, ".ci/") ||
		strings.HasPrefix(name, ".devcontainer/") {
		return true
	}
	for _, ending := range textEndings {
		if strings.HasSuffix(base, ending) {
			return true
		}
	}
	return false
}
