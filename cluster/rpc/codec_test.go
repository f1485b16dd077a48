package rpc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"juno"
)

var rewrite = flag.Bool("rewrite", false, "write the golden bytes anew")

// sample is one frame of every message.
type sample struct {
	name  string
	frame []byte
	again func([]byte) ([]byte, error)
}

func requestAgain(b []byte) ([]byte, error) {
	h, r, err := ParseRequest(b)
	if err != nil {
		return nil, err
	}
	return AppendRequest(nil, h, r), nil
}

func responseAgain(b []byte) ([]byte, error) {
	h, r, err := ParseResponse(b)
	if err != nil {
		return nil, err
	}
	return AppendResponse(nil, h, r), nil
}

var testCluster = juno.Hash(bytes.Repeat([]byte{7}, 32))

func testKey(n byte) juno.PrivateKey {
	return juno.NewPrivateKey([32]byte{n, 1})
}

func testHash(n byte) juno.Hash { return juno.Hash(bytes.Repeat([]byte{n}, 32)) }

func testPos(i juno.Index) juno.Pos { return juno.Pos{Index: i, Hash: testHash(byte(i))} }

// testCertificate has the form of one; nobody checks it here.
func testCertificate() *juno.QuorumCertificate {
	p := testPos(9)
	claim := juno.Vote{Term: 3, Node: 2, Accepted: &p, Prepared: &p, Committed: testPos(8)}
	return &juno.QuorumCertificate{
		Term: 3, Pos: p, Kind: juno.Commit, Detached: true,
		Votes: []juno.SignedVote{juno.SignVote(testKey(2), testCluster, claim)},
		Head:  juno.EntryHeader{Term: 3, Time: 5, Type: juno.EntryNoop},
	}
}

func testGenesis() *juno.Genesis {
	return &juno.Genesis{
		Created: 1_700_000_000_000, Config: juno.EpochConfig{
			FirstLeader: 1, CheckpointEvery: 100,
			Voters: []juno.Member{{ID: 1, Address: "a:1", Public: testKey(1).Public()}},
		},
		Clients: []juno.ClientKey{{
			Name: "alice", Role: juno.RoleClient,
			Public: testKey(9).Public(),
		}},
	}
}

func testSubmit() *Submit {
	c := juno.Command{Request: 5, Text: "ObserveAccounts"}
	c.Sign(testKey(9), testCluster)
	head, batch := juno.SignBatch(testKey(9), testCluster, 6, []juno.Command{
		{Text: "CreateAccount a"}, {Text: "CreateAccount b"},
	})
	return &Submit{[]Submission{
		{Type: juno.EntryCommand, Payload: c.Payload()},
		{Type: juno.EntryBatchHead, Payload: head.Payload(), Commands: batch},
	}}
}

func testSheet() *juno.AnswerSheet {
	s := &juno.AnswerSheet{
		Node: 2, Term: 3, Client: testKey(9).Public().ID(), Upto: testPos(9),
		Items: []juno.AnswerItem{
			{
				Request: 5, Asked: testHash(1), Index: 7, Time: 1000,
				Result: juno.Result{Status: juno.StatusOK, Value: "alice\tXXX\t1\n"},
			},
			{
				Request: 6, Asked: testHash(2), Index: 9, Time: 1001,
				Result: juno.Result{
					Status: juno.StatusRefused, Code: juno.CodeFunds,
					Message: "alice has 1",
				},
			},
		},
	}
	juno.SignAnswers(testKey(2), testCluster, []*juno.AnswerSheet{s})
	return s
}

func testReading() juno.Reading {
	r := juno.Reading{Node: 2, Term: 3, Asked: testHash(3), At: testPos(9), Answer: testHash(4)}
	r.Sign(testKey(2), testCluster)
	return r
}

func testCells() []juno.Value {
	return []juno.Value{
		{Kind: juno.Integer, Integer: math.MinInt64},
		{Kind: juno.Exact, Text: "12.5"},
		{},
		{Kind: juno.Float, Float: 0.5},
		{Kind: juno.Text, Text: "zoë"},
		{Kind: juno.Blob, Blob: []byte{0, 255}},
	}
}

// samples returns one frame of every kind. Everything in them is fixed.
func samples() []sample {
	h := Header{Session: 0x0102030405060708, Number: 300, Timeout: 1500 * time.Millisecond}
	var all []sample
	for _, r := range []Request{
		&Hello{Epochs: 2, Genesis: true},
		testSubmit(),
		&Ask{[]juno.RequestID{5, 400}},
		&Query{Text: "SELECT 1", RowsMax: 10, At: 9, EndOnly: true, Plain: true},
		&Credit{Of: 299, Frames: 4},
		&Cancel{Of: 299},
		&Position{Nonce: testHash(5)},
		&Complete{Prefix: "al", Limit: 20},
		&Receipt{Index: 7},
		&Status{},
		&Admin{Kind: juno.KindMode, Payload: []byte("signed")},
		&Snapshots{},
	} {
		name := strings.TrimPrefix(fmt.Sprintf("%T", r), "*rpc.")
		all = append(all, sample{"request " + name, AppendRequest(nil, h, r), requestAgain})
	}
	head := juno.Head{Pos: testPos(9), Time: 1_700_000_000_001}
	epoch := juno.EpochChange{
		Prev: testHash(1), Certificate: testCertificate(),
		Entry: juno.Entry{Index: 9, Term: 3, Type: juno.EntryConfig, Payload: []byte("change")},
	}
	for _, r := range []Response{
		&Info{
			Node: 2, Term: 3, Head: head, Client: "alice", Next: 5, Genesis: testGenesis(),
			Epoch: 1, Epochs: []juno.EpochChange{epoch},
		},
		&Answers{testSheet()},
		&Verdicts{Upto: 9, Items: []Verdict{{6, 2, CodeBusy, "busy"}}},
		&Rows{
			Columns: []juno.Column{{Name: "a", Kind: juno.Integer}, {Name: "b"}}, Width: 2,
			Cells: testCells(),
		},
		&Rows{Place: 1, Width: 3, Cells: testCells()},
		&End{Frames: 2, Rows: 3, Head: head, Reading: testReading()},
		&End{Head: head, Reading: testReading(), Certificate: testCertificate()},
		&Error{Code: CodeQuery, Text: "no such table", Offset: 14, Hint: "\\d lists them"},
		&Positioned{Reading: testReading(), Certificate: testCertificate()},
		&Names{[]string{"alice", "zoë"}},
		&Chunk{Place: 1, Last: true, Data: []byte("{}")},
		&Facts{[]juno.Fact{juno.IntegerFact("commit index", 9)}},
		&Done{},
		&SnapshotList{[]juno.SnapshotInfo{
			{Index: 9, StateHash: testHash(6), Bytes: 4096, Signers: 3},
		}},
	} {
		name := strings.TrimPrefix(fmt.Sprintf("%T", r), "*rpc.")
		all = append(all, sample{"response " + name, AppendResponse(nil, h, r), responseAgain})
	}
	return append(all, laterSamples(h)...)
}

// laterSamples are frames that came to the protocol after those of samples.
func laterSamples(h Header) []sample {
	var columns []juno.Column
	for k := juno.Null; k.Valid(); k++ {
		columns = append(columns, juno.Column{Name: k.String(), Kind: k})
	}
	rows := &Rows{Columns: columns, Width: len(columns)}
	request := func(q *Query) []byte { return AppendRequest(nil, h, q) }
	return []sample{
		{"request Query without arguments", request(&Query{Text: "SELECT 1", At: 9}), requestAgain},
		{
			"request Query by position",
			request(&Query{Text: "SELECT ?1", RowsMax: 10, Args: testArgs()}), requestAgain,
		},
		{
			"request Query by name",
			request(&Query{Text: "SELECT :a, :b", EndOnly: true, Args: []juno.Arg{
				juno.Named("a", juno.TextValue("'; --")), juno.Named("b", juno.Value{}),
			}}), requestAgain,
		},
		{"response Rows of all kinds", AppendResponse(nil, h, rows), responseAgain},
	}
}

// testArgs has a value of every kind.
func testArgs() []juno.Arg {
	return juno.Args(juno.Value{}, juno.IntegerValue(math.MinInt64), juno.TextValue("zoë"),
		juno.AmountValue(juno.NewAmount(12)), juno.FloatValue(0.5), juno.BytesValue([]byte{0, 255}),
		juno.BooleanValue(true), juno.IndexValue(9), juno.TimeValue(1_700_000_000_000))
}

// TestGolden holds every frame to the bytes it had when it was released. A difference is a new
// version of the protocol, never a new golden file.
func TestGolden(t *testing.T) {
	var b strings.Builder
	b.WriteString("# One frame of every message: its name, its length, its bytes.\n")
	for _, s := range samples() {
		fmt.Fprintf(&b, "\n%s: %d bytes\n", s.name, len(s.frame))
		for chunk := range slices.Chunk(s.frame, 40) {
			fmt.Fprintf(&b, "\t%s\n", hex.EncodeToString(chunk))
		}
	}
	file := filepath.Join("testdata", "frames.txt")
	if *rewrite {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n\n")
	for i, w := range strings.Split(string(want), "\n\n") {
		if i >= len(got) || got[i] != w {
			t.Errorf("sample %d, want\n%s", i, w)
		}
	}
	if len(b.String()) != len(want) {
		t.Errorf("%d bytes of samples, want %d", b.Len(), len(want))
	}
}

// TestStrict wants every parser to refuse all frames but those that the formatter would write:
// every truncation, every extension, every flipped bit.
func TestStrict(t *testing.T) {
	for _, s := range samples() {
		again, err := s.again(s.frame)
		if err != nil || !bytes.Equal(again, s.frame) {
			t.Fatalf("%s: %x is written again as %x, %v", s.name, s.frame, again, err)
		}
		for n := range s.frame {
			if _, err := s.again(s.frame[:n]); !errors.Is(err, juno.ErrMalformed) {
				t.Errorf("%s: of the first %d bytes: %v", s.name, n, err)
			}
		}
		for c := range 256 {
			if _, err := s.again(append(bytes.Clone(s.frame), byte(c))); err == nil {
				t.Errorf("%s: a byte %02x too many is taken", s.name, c)
			}
		}
		for bit := range 8 * len(s.frame) {
			b := bytes.Clone(s.frame)
			b[bit/8] ^= 1 << (bit % 8)
			if again, err := s.again(b); err == nil && !bytes.Equal(again, b) {
				t.Errorf("%s: bit %d: %x is read as %x", s.name, bit, b, again)
			}
		}
	}
}

func fuzz(f *testing.F, prefix string) {
	var again func([]byte) ([]byte, error)
	for _, s := range samples() {
		if strings.HasPrefix(s.name, prefix) {
			f.Add(s.frame)
			again = s.again
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		got, err := again(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was changed")
		}
		switch {
		case err == nil && !bytes.Equal(got, b):
			t.Fatalf("%x is read as %x", b, got)
		case err != nil && !errors.Is(err, juno.ErrMalformed):
			t.Fatalf("error %v is not ErrMalformed", err)
		}
	})
}

func FuzzRequest(f *testing.F)  { fuzz(f, "request") }
func FuzzResponse(f *testing.F) { fuzz(f, "response") }

// TestRowsHash wants the hash to depend on everything but the frames.
func TestRowsHash(t *testing.T) {
	columns := []juno.Column{{Name: "a"}, {Name: "b"}}
	one, two := testCells()[:2], testCells()[2:4]
	sum := func(columns []juno.Column, rows ...[]juno.Value) juno.Hash {
		h := NewRowsHash(columns)
		for _, r := range rows {
			h.Add(r)
		}
		return h.Sum()
	}
	seen := map[juno.Hash]string{}
	for name, h := range map[string]juno.Hash{
		"none":    sum(columns),
		"one":     sum(columns, one),
		"two":     sum(columns, one, two),
		"order":   sum(columns, two, one),
		"columns": sum(columns[:1], one),
		"name":    sum([]juno.Column{{Name: "a"}, {Name: "c"}}, one),
	} {
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[h] = name
	}
}

func TestErrorOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		code Code
		is   error
	}{
		{fmt.Errorf("%w: 4096 wait", juno.ErrBusy), CodeBusy, juno.ErrBusy},
		{fmt.Errorf("key 1: %w", juno.ErrBadSignature), CodeRefused, juno.ErrRefused},
		{os.ErrNotExist, CodeFailed, nil},
		{fmt.Errorf("wait: %w", os.ErrDeadlineExceeded), CodeFailed, nil},
	} {
		e := ErrorOf(c.err)
		if e.Code != c.code || e.Text != c.err.Error() || (c.is != nil && !errors.Is(e, c.is)) {
			t.Errorf("%v: code %d, %q", c.err, e.Code, e.Text)
		}
	}
	refused := &juno.QueryError{Message: "no such table", Offset: 14, Hint: "list them"}
	var again *juno.QueryError
	if !errors.As(ErrorOf(refused).AsQuery(), &again) || *again != *refused {
		t.Errorf("the refusal of a statement comes back as %v", again)
	}
}
