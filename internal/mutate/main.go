// Command mutate runs the go command on a module whose rules can be broken on purpose.
//
//	go run ./internal/mutate test -run TestMutants ./cluster/consensus ./cluster/sim
//
// A test must show that each rule of the protocol is needed: that something fails if the rule is
// broken. The production source does not say how to break it. Every testdata/mutants.edits of the
// module does, and mutate hands the edited files to the go command as an overlay (go help build),
// together with the build tag mutant. Nothing is written into the module.
//
// # Format of the edits
//
//	file NAME   the following edits are of this file, beside the directory testdata
//	-LINE       the lines that are replaced, which must stand in the file exactly once
//	+LINE       the lines that take their place
//
// An empty line ends an edit. A line that begins with # is a comment.
//
// # What it does not do
//
// It does not choose a mutant: the edits ask for one at run time, so that all of them take a single
// compilation.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const editsName = "mutants.edits"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/mutate test|vet|build [arguments of go]")
		os.Exit(2)
	}
	err := run(".", os.Args[1], os.Args[2:])
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		os.Exit(failed.ExitCode()) // the go command has said why
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
}

// run runs a verb of the go command on the edited module in a directory.
func run(root, verb string, args []string) error {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := writeOverlay(root, dir)
	if err != nil {
		return err
	}
	all := append([]string{verb, "-overlay", overlay, "-tags", "mutant"}, args...)
	cmd := exec.Command("go", all...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = root, os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// writeOverlay writes the edited files into dir, and returns the name of the file that tells the
// go command of them.
func writeOverlay(root, dir string) (string, error) {
	replace := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() != "." && d.Name() != ".." && d.Name()[0] == '.':
			return filepath.SkipDir
		case d.IsDir() || d.Name() != editsName:
			return nil
		}
		edited, err := editFiles(path)
		for name, text := range edited {
			to := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
			replace[name] = to
			if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}

// editFiles returns the edited text of every file that a list of edits names, by absolute path.
func editFiles(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	room, err := filepath.Abs(filepath.Join(filepath.Dir(path), ".."))
	if err != nil {
		return nil, err
	}
	edits, err := parse(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	edited := make(map[string]string)
	for _, e := range edits {
		name := filepath.Join(room, e.file)
		text, ok := edited[name]
		if !ok {
			b, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, e.line, err)
			}
			text = "\n" + string(b)
		}
		if n := count(text, "\n"+e.before); n != 1 {
			return nil, fmt.Errorf("%s:%d: %s holds the lines to be replaced %d times, want "+
				"once; if the rule has moved, the edit must follow it:\n%s", path, e.line, e.file,
				n, e.before)
		}
		edited[name] = strings.Replace(text, "\n"+e.before, "\n"+e.after, 1)
	}
	for name, text := range edited {
		edited[name] = text[1:]
	}
	return edited, nil
}

// count returns how often part is in text. Occurrences may share their first or last byte.
func count(text, part string) (n int) {
	for i := strings.Index(text, part); i >= 0; i = strings.Index(text, part) {
		text = text[i+1:]
		n++
	}
	return n
}

// edit is one replacement of whole lines.
type edit struct {
	file          string
	line          int // where it begins in the list
	before, after string
}

// parse reads a list of edits. An error begins with the line that it is about.
func parse(text string) ([]edit, error) {
	var all []edit
	file, open := "", false
	for i, line := range strings.Split(text, "\n") {
		name, isFile := strings.CutPrefix(line, "file ")
		switch {
		case isFile:
			file, open = name, false
		case line == "" || line[0] == '#':
			open = false
		case file == "" || (line[0] != '-' && line[0] != '+') || (line[0] == '+' && !open):
			return nil, fmt.Errorf("%d: %q does not belong here", i+1, line)
		case line[0] == '-':
			if !open {
				all, open = append(all, edit{file: file, line: i + 1}), true
			}
			all[len(all)-1].before += line[1:] + "\n"
		default:
			all[len(all)-1].after += line[1:] + "\n"
		}
	}
	return all, nil
}
