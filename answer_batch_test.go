package juno

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sheets returns what node 2 says of the scene's commands to three clients.
func (s *scene) sheets() []*AnswerSheet {
	var all []*AnswerSheet
	for _, indices := range [][]Index{{2, 3}, {5, 6}, {10}} {
		sheet := &AnswerSheet{Node: 2, Term: TermOf(0, 1), Upto: Pos{8, s.hashes[8]}}
		for _, i := range indices {
			e := s.entry(i)
			ask, ok := AskOf(e)
			if !ok {
				s.t.Fatalf("entry %d asks for nothing", i)
			}
			sheet.Client = ask.Key
			sheet.Items = append(sheet.Items, AnswerItem{
				Request: ask.Request, Asked: ask.Hash,
				Index: i, Time: e.Time, Result: Result{Status: StatusOK, Value: fmt.Sprint(i)},
			})
		}
		all = append(all, sheet)
	}
	last := &all[1].Items[1].Result
	*last = Result{Status: StatusRefused, Code: CodeFunds, Message: "alice has 3"}
	SignAnswers(testKey(52), s.cluster, all)
	return all
}

func (s *scene) reading() *Reading {
	r := &Reading{
		Node: 2, Term: TermOf(0, 1), Asked: repeated(3), At: Pos{8, s.hashes[8]},
		Answer: repeated(4),
	}
	r.Sign(testKey(52), s.cluster)
	return r
}

func TestAnswerSheets(t *testing.T) {
	s := newScene(t, 4)
	for i, sheet := range s.sheets() {
		d := NewDecoder(AppendAnswerSheet(nil, sheet))
		got := d.AnswerSheet()
		if err := d.Done(); err != nil {
			t.Fatal(err)
		}
		v, err := s.rings[0].Open(got.Envelope(), 0)
		if err != nil || v.Signer().Subject != "node2" {
			t.Errorf("sheet %d: signed by %q, %v", i, v.Signer().Subject, err)
		}
		for j := range got.Items {
			if !got.Items[j].Agrees(&sheet.Items[j]) {
				t.Errorf("sheet %d: item %d is %+v", i, j, got.Items[j])
			}
		}
	}
}

// TestAnswerSheetForged changes everything that a signature has to cover, and reads it again.
func TestAnswerSheetForged(t *testing.T) {
	s := newScene(t, 4)
	for name, change := range map[string]func(*AnswerSheet){
		"node":    func(a *AnswerSheet) { a.Node = 3 },
		"term":    func(a *AnswerSheet) { a.Term++ },
		"client":  func(a *AnswerSheet) { a.Client[0] ^= 1 },
		"head":    func(a *AnswerSheet) { a.Upto.Index++ },
		"request": func(a *AnswerSheet) { a.Items[0].Request++ },
		"asked":   func(a *AnswerSheet) { a.Items[0].Asked[0] ^= 1 },
		"index":   func(a *AnswerSheet) { a.Items[0].Index++ },
		"time":    func(a *AnswerSheet) { a.Items[0].Time++ },
		"value":   func(a *AnswerSheet) { a.Items[0].Result.Value = "7" },
		"message": func(a *AnswerSheet) { a.Items[1].Result.Message = "alice has 4" },
		"left":    func(a *AnswerSheet) { a.Items = a.Items[:1] },
		"place":   func(a *AnswerSheet) { a.place = 0 },
		"sheets":  func(a *AnswerSheet) { a.sheets = 4 },
		"path":    func(a *AnswerSheet) { a.path = a.path[:1] },
		"longer":  func(a *AnswerSheet) { a.path = append(a.path, Hash{}) },
	} {
		sheet := s.sheets()[1]
		change(sheet)
		d := NewDecoder(AppendAnswerSheet(nil, sheet))
		if got := d.AnswerSheet(); d.Done() == nil {
			if _, err := s.rings[0].Open(got.Envelope(), 0); err == nil {
				t.Errorf("%s: a forged sheet opens", name)
			}
		}
	}
}

// TestAnswerPaths signs every small number of sheets: each has its own path to the one root.
func TestAnswerPaths(t *testing.T) {
	ring, err := NewKeyring(repeated(1), []KeyRecord{{
		ID:      testKey(52).Public().ID(),
		Subject: "node2", Role: RoleNode, Public: testKey(52).Public(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 17; n++ {
		sheets := make([]*AnswerSheet, n)
		for i := range sheets {
			sheets[i] = &AnswerSheet{Node: 2, Items: []AnswerItem{{
				Request: RequestID(i + 1), Index: 1, Result: Result{Status: StatusOK},
			}}}
		}
		SignAnswers(testKey(52), repeated(1), sheets)
		for i, s := range sheets {
			if _, err := ring.Open(s.Envelope(), 0); err != nil {
				t.Errorf("sheet %d of %d: %v", i, n, err)
			}
		}
	}
}

// TestAnswerRuns draws items that are often alike, and reads back the same. A run that was cut in
// two, or counts what is not there, is no sheet.
func TestAnswerRuns(t *testing.T) {
	results := []Result{
		{Status: StatusOK},
		{Status: StatusOK, Value: "7"},
		{Status: StatusRefused, Code: CodeFunds, Message: "alice has 3"},
	}
	rapid.Check(t, func(t *rapid.T) {
		sheet := &AnswerSheet{Node: 2}
		a := AnswerItem{Request: 1, Index: 1, Result: results[0]}
		for range rapid.IntRange(1, 40).Draw(t, "items") {
			switch rapid.IntRange(0, 9).Draw(t, "change") {
			case 0:
				a.Result = rapid.SampledFrom(results).Draw(t, "result")
			case 1:
				a.Request += 5
			case 2:
				a.Index++
			case 3:
				a.Time++
			}
			a.Asked[0]++
			sheet.Items = append(sheet.Items, a)
			a.Request++
			a.Index++
		}
		SignAnswers(testKey(52), repeated(1), []*AnswerSheet{sheet})
		d := NewDecoder(AppendAnswerSheet(nil, sheet))
		got := d.AnswerSheet()
		if err := d.Done(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Items, sheet.Items) {
			t.Fatalf("read %+v, want %+v", got.Items, sheet.Items)
		}
	})
	head := (&AnswerSheet{Node: 2, Items: []AnswerItem{
		{Request: 1, Index: 1, Result: results[0]}, {Request: 2, Index: 2, Result: results[0]},
	}}).appendBody(nil)
	head = head[:len(head)-(4+1+3+2*HashBytes)] // without the run
	run := func(request, index, n byte) []byte {
		b := []byte{request, index, 0, n, byte(StatusOK), 0, 0, 0}
		return append(b, make([]byte, int(n)*HashBytes)...)
	}
	for name, runs := range map[string][]byte{
		"one run":     run(1, 1, 2),
		"two runs":    append(run(1, 1, 1), run(2, 3, 1)...),
		"cut":         append(run(1, 1, 1), run(2, 2, 1)...),
		"empty":       append(run(1, 1, 0), run(1, 1, 2)...),
		"more":        run(1, 1, 3),
		"not so many": run(1, 1, 2)[:8+HashBytes],
	} {
		d := NewDecoder(append(slices.Clone(head), runs...))
		d.answerSheetBody()
		if good := name == "one run" || name == "two runs"; (d.Done() == nil) != good {
			t.Errorf("%s: %v", name, d.Done())
		}
	}
}

// TestAskOf wants the hash of what is asked to be equal exactly for replays: however the command
// is signed, and under whichever key.
func TestAskOf(t *testing.T) {
	s := newScene(t, 4)
	entry := func(key byte, c Command) *Entry {
		c.Sign(testKey(int(key)), s.cluster)
		return &Entry{Type: EntryCommand, Payload: c.Payload()}
	}
	_, batched := SignBatch(testKey(2), s.cluster, 8, []Command{{Text: "CreateAccount zoë"}})
	original := &Entry{Type: EntryCommand, Payload: batched[0]}
	first, _ := AskOf(original)
	for _, c := range []struct {
		name string
		e    *Entry
		same bool
	}{
		{"by itself", entry(2, Command{Request: 8, Text: "CreateAccount zoë"}), true},
		{"other key", entry(21, Command{Request: 8, Text: "CreateAccount zoë"}), true},
		{"expires", entry(2, Command{Request: 8, Text: "CreateAccount zoë", Expires: 9}), true},
		{"other text", entry(2, Command{Request: 8, Text: "CreateAccount zoe"}), false},
		{"language", entry(2, Command{Request: 8, Text: "CreateAccount zoë", Language: 1}), false},
	} {
		got, ok := AskOf(c.e)
		if !ok || (got.Hash == first.Hash) != c.same {
			t.Errorf("%s: %v %s, the first is %s", c.name, ok, got.Hash, first.Hash)
		}
		if same := SameRequest(original, c.e); same != c.same {
			t.Errorf("%s: SameRequest is %v", c.name, same)
		}
	}
	if _, ok := AskOf(s.entry(4)); ok {
		t.Error("the head of a batch asks for something")
	}
}

func BenchmarkAnswerSheet(b *testing.B) {
	sheet := &AnswerSheet{Node: 2, Items: make([]AnswerItem, 1000)}
	for i := range sheet.Items {
		sheet.Items[i] = AnswerItem{
			Request: RequestID(i + 1000), Index: Index(i + 1_000_000),
			Time: 1_700_000_000_000, Result: Result{Status: StatusOK},
		}
	}
	SignAnswers(testKey(52), repeated(1), []*AnswerSheet{sheet})
	frame := AppendAnswerSheet(nil, sheet)
	b.Run("sign 1000", func(b *testing.B) {
		for b.Loop() {
			SignAnswers(testKey(52), repeated(1), []*AnswerSheet{sheet})
			frame = AppendAnswerSheet(frame[:0], sheet)
		}
	})
	b.Run("read 1000", func(b *testing.B) {
		for b.Loop() {
			NewDecoder(frame).AnswerSheet().Envelope()
		}
	})
}
