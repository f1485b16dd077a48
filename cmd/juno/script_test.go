package main

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"juno/embedded"
)

// TestMain makes the test binary be juno, too: scripts and tests start it as a process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"juno": main, "juno-payer": payer, "juno-crash": crash,
	})
}

// TestScripts runs the command line as text, see testdata/script and docs/TESTING.md.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("TMPDIR", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": scriptCode, "flip": scriptFlip, "patch": scriptPatch, "cut": scriptCut,
			"copy": scriptCopy, "hold": scriptHold, "json": scriptJSON, "csv": scriptCSV,
			"ports": scriptPorts, "serve": scriptServe, "keyid": scriptKeyID, "lock": scriptLock,
			"addresses": scriptAddresses, "await": scriptAwait,
		},
	})
}

// scriptCode is exec that wants an exit code: code 3 juno verify books.
func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// scriptFlip flips the lowest bit of a byte: flip FILE OFFSET. A negative offset counts from the
// end, "middle" is half of the file.
func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	change(ts, args[0], func(b []byte) []byte {
		at := len(b) / 2
		if args[1] != "middle" {
			var err error
			at, err = strconv.Atoi(args[1])
			ts.Check(err)
		}
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
		return b
	})
}

// scriptPatch writes bytes over a file: patch FILE OFFSET HEX.
func scriptPatch(ts *testscript.TestScript, _ bool, args []string) {
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	value, err := hex.DecodeString(args[2])
	ts.Check(err)
	change(ts, args[0], func(b []byte) []byte {
		copy(b[at:at+len(value)], value)
		return b
	})
}

// scriptCut cuts bytes off the end of a file: cut FILE N.
func scriptCut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	change(ts, args[0], func(b []byte) []byte { return b[:len(b)-n] })
}

func change(ts *testscript.TestScript, file string, do func([]byte) []byte) {
	file = ts.MkAbs(file)
	b, err := os.ReadFile(file)
	ts.Check(err)
	ts.Check(os.WriteFile(file, do(b), 0o600))
}

// scriptCopy copies a ledger without its computed state: copy FROM TO.
func scriptCopy(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(copyLedger(ts.MkAbs(args[0]), ts.MkAbs(args[1])))
}

func copyLedger(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case name == "state":
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, 0o600)
	})
}

// scriptHold keeps a ledger open in this process until the script ends: hold DIR.
func scriptHold(ts *testscript.TestScript, _ bool, args []string) {
	ledger, err := embedded.Open(ts.MkAbs(args[0]), embedded.Options{})
	ts.Check(err)
	ts.Defer(func() { ts.Check(ledger.Close()) })
}

// scriptJSON wants standard output to be N JSON values, and nothing else: json N.
func scriptJSON(ts *testscript.TestScript, _ bool, args []string) {
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	n := 0
	for ; ; n++ {
		var value any
		err := d.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
	}
	if want := args[0]; strconv.Itoa(n) != want {
		ts.Fatalf("%d JSON values, want %s", n, want)
	}
}

// scriptCSV wants a file to be CSV of N rows, its header among them: csv FILE N.
func scriptCSV(ts *testscript.TestScript, _ bool, args []string) {
	rows, err := csv.NewReader(bytes.NewBufferString(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	if want := args[1]; strconv.Itoa(len(rows)) != want {
		ts.Fatalf("%d rows, want %s", len(rows), want)
	}
}
