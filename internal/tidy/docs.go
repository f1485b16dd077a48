package tidy

import (
	"go/ast"
	"go/token"
	"strings"
)

const documentIt = "say what it means, its units, who owns it and which errors it returns"

// Docs reports exported identifiers without a doc comment. Members of a group of constants or
// variables share the comment of the group. Test files are left out.
func Docs(s *Source) []Fault {
	if s.Test {
		return nil
	}
	var faults []Fault
	missing := func(name *ast.Ident, kind string) {
		faults = append(faults, s.fault(name.Pos(), documentIt,
			"%s %s has no doc comment", kind, name.Name))
	}
	for _, decl := range s.AST.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Name.IsExported() && onExported(decl.Recv) && empty(decl.Doc) {
				missing(decl.Name, "func")
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				docsOfSpec(decl, spec, missing)
			}
		}
	}
	return faults
}

// docsOfSpec looks at one type, or one line of constants or variables.
func docsOfSpec(decl *ast.GenDecl, spec ast.Spec, missing func(*ast.Ident, string)) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if !spec.Name.IsExported() {
			return
		}
		if empty(spec.Doc) && (decl.Lparen.IsValid() || empty(decl.Doc)) {
			missing(spec.Name, "type")
		}
		if methods, ok := spec.Type.(*ast.InterfaceType); ok {
			for _, method := range methods.Methods.List {
				for _, name := range method.Names {
					if name.IsExported() && empty(method.Doc) && empty(method.Comment) {
						missing(name, "method")
					}
				}
			}
		}
	case *ast.ValueSpec:
		if !empty(decl.Doc) || !empty(spec.Doc) || !empty(spec.Comment) {
			return
		}
		kind := "const"
		if decl.Tok == token.VAR {
			kind = "var"
		}
		for _, name := range spec.Names {
			if name.IsExported() {
				missing(name, kind)
			}
		}
	}
}

// packageDocLinesMin is what it takes to say what a room is and what it does not do.
const packageDocLinesMin = 5

// PackageDocs reports packages without a package comment in one of their files. One line is
// enough for a command, whose help says more.
func PackageDocs(sources []*Source) []Fault {
	var rooms []string
	first := make(map[string]*Source)
	documented := make(map[string]bool)
	for _, s := range sources {
		if s.Test {
			continue
		}
		if first[s.Room] == nil {
			first[s.Room] = s
			rooms = append(rooms, s.Room)
		}
		doc, want := s.AST.Doc.Text(), "Package "+s.AST.Name.Name+" "
		if s.AST.Name.Name == "main" {
			want = "Command "
		}
		least := packageDocLinesMin
		if s.AST.Name.Name == "main" {
			least = 1
		}
		if strings.HasPrefix(doc, want) && strings.Count(doc, "\n") >= least {
			documented[s.Room] = true
		}
	}
	var faults []Fault
	for _, room := range rooms {
		if !documented[room] {
			faults = append(faults, first[room].fault(first[room].AST.Package,
				"begin doc.go with \"// Package name …\" (\"// Command …\" for main): what it is, "+
					"its concepts, its format, its guarantees and what it does not do",
				"package %s has no package comment of %d lines or more", room, packageDocLinesMin))
		}
	}
	return faults
}

// onExported says whether a function is no method, or a method of an exported type.
func onExported(recv *ast.FieldList) bool {
	if recv == nil || len(recv.List) == 0 {
		return true
	}
	t := recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.IsExported()
		default:
			return true
		}
	}
}

// empty says whether a comment says nothing; directives such as //go:embed say nothing.
func empty(c *ast.CommentGroup) bool { return strings.TrimSpace(c.Text()) == "" }
