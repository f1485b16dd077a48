package tidy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
)

// TypeCheck checks the non-test files of the rooms that exist. root is the directory of the
// module. Imports are read from the build cache, which the go command fills on the way, so a
// second run is quick. The rooms that do compile are returned beside the error about the others.
func TypeCheck(root string, rooms []string, sources []*Source) ([]Checked, error) {
	files := make(map[string][]*Source)
	for _, s := range sources {
		if !s.Test {
			files[s.Room] = append(files[s.Room], s)
		}
	}
	var checked []Checked
	var patterns []string
	for _, room := range rooms {
		if len(files[room]) > 0 {
			checked = append(checked, Checked{Room: room, Sources: files[room]})
			patterns = append(patterns, "./"+room)
		}
	}
	if len(checked) == 0 {
		return nil, nil
	}
	exports, err := exportData(root, patterns)
	if err != nil {
		return nil, err
	}
	fset := checked[0].Sources[0].Fset
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("tidy: no export data for %s: does it compile?", path)
		}
		return os.Open(exports[path])
	})
	var broken []error
	sound := checked[:0]
	for _, room := range checked {
		if room.Info, err = checkRoom(room, fset, imports); err != nil {
			broken = append(broken, err)
			continue
		}
		sound = append(sound, room)
	}
	return sound, errors.Join(broken...)
}

// checkRoom checks the types of one room.
func checkRoom(room Checked, fset *token.FileSet, imports types.Importer) (*types.Info, error) {
	info := &types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue),
		Defs:  make(map[*ast.Ident]types.Object),
		Uses:  make(map[*ast.Ident]types.Object),
	}
	var trees []*ast.File
	for _, s := range room.Sources {
		trees = append(trees, s.AST)
	}
	config := types.Config{Importer: imports}
	if _, err := config.Check(room.Room, fset, trees, info); err != nil {
		return nil, fmt.Errorf("tidy: check types of %s: %w", room.Room, err)
	}
	return info, nil
}

// exportData asks the go command where the compiled form of every package lies that the
// patterns need.
func exportData(root string, patterns []string) (map[string]string, error) {
	args := []string{"list", "-e", "-export", "-deps", "-json=ImportPath,Export"}
	args = append(args, patterns...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tidy: go list -export: %w: %s", err, stderr.Bytes())
	}
	exports := make(map[string]string)
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct{ ImportPath, Export string }
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return exports, nil
		} else if err != nil {
			return nil, fmt.Errorf("tidy: go list -export: %w", err)
		}
		exports[p.ImportPath] = p.Export
	}
}
