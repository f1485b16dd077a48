package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"juno/internal/ports"
)

// buildJuno builds the program once and returns the folder that it is in.
func buildJuno(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "juno"), ".").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return dir
}

// blocks returns the fenced blocks of a language in the README.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	fence := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	var all []string
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("the README has no block of %s", language)
	}
	return all
}

// step is a command of the session and what it is to print; "? 1" at the end is its exit code.
type step struct {
	command string
	want    []string
	code    int
}

func steps(block string) (all []step) {
	for line := range strings.Lines(block) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "$ "):
			all = append(all, step{command: line[2:]})
		case strings.HasPrefix(line, "? "):
			all[len(all)-1].code, _ = strconv.Atoi(line[2:])
		default:
			last := &all[len(all)-1]
			last.want = append(last.want, line)
		}
	}
	return all
}

// TestReadmeSession types the README's session into one shell. "…" stands for anything within a
// line, and a line of it alone for any lines. The nodes get other ports, which are free.
func TestReadmeSession(t *testing.T) {
	first, err := ports.Free(5)
	if err != nil {
		t.Fatal(err)
	}
	shell := newTypist(t, buildJuno(t))
	for _, block := range blocks(t, "console") {
		for _, s := range steps(otherPorts(t, block, first)) {
			out, code := shell.run(s.command)
			if !matches(s.want, out) || code != s.code {
				t.Fatalf("$ %s\nprinted (exit code %d):\n%s\nthe README says (%d):\n%s", s.command,
					code, out, s.code, strings.Join(s.want, "\n"))
			}
		}
	}
}

// otherPorts puts the addresses from first on in the place of 127.0.0.1:7101 and so on.
func otherPorts(t *testing.T, text, first string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(first)
	if err != nil {
		t.Fatal(err)
	}
	from, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`127\.0\.0\.1:710\d`)
	return address.ReplaceAllStringFunc(text, func(a string) string {
		return net.JoinHostPort(host, strconv.Itoa(from+int(a[len(a)-1]-'1')))
	})
}

// typist is a shell that commands are typed into, one after the other.
type typist struct {
	t      *testing.T
	input  io.Writer
	output *bufio.Reader
}

// newTypist starts a shell in an empty folder, which ends, with its background jobs, with the test.
func newTypist(t *testing.T, bin string) *typist {
	t.Helper()
	cmd := exec.Command("bash")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "NO_COLOR=1", "COLUMNS=200")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writing, writing
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writing.Close()
	t.Cleanup(func() {
		fmt.Fprintln(input, "kill $(jobs -p) 2>/dev/null; wait; exit 0")
		go io.Copy(io.Discard, reading)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the shell ended: %v", err)
		}
		reading.Close()
	})
	return &typist{t, input, bufio.NewReader(reading)}
}

// typed ends what a command has printed; the exit code follows.
const typed = "--- typed "

func (y *typist) run(command string) (out string, code int) {
	y.t.Helper()
	fmt.Fprintf(y.input, "%s\nprintf '\\n%s%%d\\n' $?\n", command, typed)
	var all strings.Builder
	for {
		line, err := y.output.ReadString('\n')
		if err != nil {
			y.t.Fatalf("$ %s: the shell has ended: %v\n%s", command, err, all.String())
		}
		if rest, ok := strings.CutPrefix(line, typed); ok {
			code, err = strconv.Atoi(strings.TrimSpace(rest))
			if err != nil {
				y.t.Fatal(err)
			}
			return all.String(), code
		}
		all.WriteString(line)
	}
}

func matches(want []string, got string) bool {
	var pattern strings.Builder
	pattern.WriteString(`\A\s*`)
	for _, line := range want {
		if line == "…" {
			pattern.WriteString(`(?s:.*?)`)
			continue
		}
		quoted := regexp.QuoteMeta(strings.TrimSpace(line))
		quoted = regexp.MustCompile(` +`).ReplaceAllString(quoted, ` +`) // columns have widths
		pattern.WriteString(strings.ReplaceAll(quoted, "…", ".*") + `\s*`)
	}
	pattern.WriteString(`\z`)
	return regexp.MustCompile(pattern.String()).MatchString(got)
}

// TestReadmeProgram runs the README's Go program and compares what it prints with its comment.
func TestReadmeProgram(t *testing.T) {
	for _, program := range blocks(t, "go") {
		// The program imports an internal package, so it must lie inside of this module.
		dir, err := os.MkdirTemp(".", "readme-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "main.go")
		if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		built := filepath.Join(t.TempDir(), "program")
		build := exec.Command("go", "build", "-o", built, "./"+file)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
		cmd := exec.Command(built)
		cmd.Dir = t.TempDir()
		got, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("run: %v\n%s", err, got)
		}
		_, comment, _ := strings.Cut(program, "// Output:\n")
		var want strings.Builder
		for line := range strings.Lines(comment) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), "// "); ok {
				want.WriteString(text + "\n")
			}
		}
		if string(got) != want.String() {
			t.Errorf("the README's program prints\n%s, want\n%s", got, want.String())
		}
	}
}
