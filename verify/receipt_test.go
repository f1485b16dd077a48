package verify

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"juno"
)

var rewrite = flag.Bool("rewrite", false, "write the golden texts anew")

func compactJSON(text []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// signerOf returns the key that signed an entry of the scene.
func (s *scene) signerOf(i juno.Index) juno.PublicKey {
	switch i {
	case 2, 3:
		return testKey(1).Public()
	case 4, 5, 6:
		return testKey(2).Public()
	case 10:
		return testKey(21).Public()
	}
	return juno.PublicKey{}
}

// epochEnd proves the membership change at 8.
func (s *scene) epochEnd() juno.EpochChange {
	return juno.EpochChange{
		Prev: s.hashes[7], Entry: *s.entry(8), Certificate: s.detached(juno.Commit, 8, 8),
	}
}

// receipt proves the entry at index by a certificate at another.
func (s *scene) receipt(index, certified juno.Index) *juno.Receipt {
	s.t.Helper()
	var epochs []juno.EpochChange
	if s.entry(certified).Term.Epoch() == 1 {
		epochs = []juno.EpochChange{s.epochEnd()}
	}
	r, err := juno.NewReceipt(s.genesis, epochs, s, *s.entry(index), s.certificate(juno.Commit,
		certified),
		s.signerOf(index))
	if err != nil {
		s.t.Fatal(err)
	}
	if index == 5 || index == 6 {
		head, err := juno.ParseBatchHead(s.entry(4).Payload)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := r.AddBatch(head, [][]byte{s.entry(5).Payload, s.entry(6).Payload}); err != nil {
			s.t.Fatal(err)
		}
	}
	return r
}

// answered adds a result and that many answers.
func (s *scene) answered(r *juno.Receipt, answers int) *juno.Receipt {
	r.Result = &juno.Result{Status: juno.StatusOK, Value: "12.5"}
	for i := range answers {
		r.Answers = append(r.Answers, s.answer(juno.NodeID(i+1), r.Entry.Index, *r.Result))
	}
	return r
}

func TestReceipts(t *testing.T) {
	s := newScene(t, 4)
	for index := juno.Index(1); index <= 10; index++ {
		for certified := index; certified <= 10; certified++ {
			r := s.receipt(index, certified)
			report, err := Receipt(r, s.cluster)
			if err != nil {
				t.Errorf("entry %d by a certificate at %d: %v", index, certified, err)
				continue
			}
			epoch := s.entry(certified).Term.Epoch()
			if report.Pos != s.pos(index) || report.Certified != s.pos(certified) ||
				report.Epoch != epoch || report.Voters != 4+int(epoch) || report.Faulty != 1 ||
				len(report.Attested) != s.configs[epoch].Quorum() || !report.Pinned ||
				report.Signer != s.signerOf(index) || report.Type != s.entry(index).Type {
				t.Errorf("entry %d by a certificate at %d: %+v", index, certified, report)
			}
			text, err := juno.FormatReceipt(r)
			if err != nil {
				t.Fatal(err)
			}
			again, err := juno.ParseReceipt(text)
			if err != nil {
				t.Fatalf("entry %d by a certificate at %d: %v", index, certified, err)
			}
			if other, err := juno.FormatReceipt(again); err != nil || !bytes.Equal(other, text) {
				t.Errorf("entry %d by a certificate at %d is written again as\n%s", index,
					certified, other)
			}
			if _, err := Receipt(again, s.cluster); err != nil {
				t.Errorf("entry %d by a certificate at %d, read back: %v", index, certified, err)
			}
		}
	}
}

// TestReceiptReport holds what people read, and the text of a receipt, to what they were.
func TestReceiptReport(t *testing.T) {
	s := newScene(t, 4)
	one := newScene(t, 1)
	for name, c := range map[string]struct {
		r      *juno.Receipt
		pinned juno.ClusterID
	}{
		"batched":      {s.answered(s.receipt(5, 6), 2), s.cluster},
		"later epoch":  {s.answered(s.receipt(10, 10), 1), juno.ClusterID{}},
		"across":       {s.receipt(2, 9), s.cluster},
		"membership":   {s.receipt(8, 8), s.cluster},
		"single voter": {one.answered(one.receipt(2, 2), 1), one.cluster},
	} {
		report, err := Receipt(c.r, c.pinned)
		if err != nil {
			t.Fatal(err)
		}
		text, err := juno.FormatReceipt(c.r)
		if err != nil {
			t.Fatal(err)
		}
		got := report.String() + "\n" + string(text)
		file := filepath.Join("testdata", "receipt-"+strings.ReplaceAll(name, " ", "-")+".txt")
		if *rewrite {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestReceiptResult(t *testing.T) {
	s := newScene(t, 4)
	for answers := range 5 {
		r := s.answered(s.receipt(2, 3), answers)
		report, err := Receipt(r, s.cluster)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := report.ResultProven(), answers >= 2; got != want {
			t.Errorf("%d answers: proven %t, want %t", answers, got, want)
		}
	}
	report, err := Receipt(s.receipt(2, 2), s.cluster)
	if err != nil || report.ResultProven() || report.Result != nil {
		t.Errorf("a result that nobody claims: %+v, %v", report, err)
	}
}

// TestReceiptAnsweredLater has the voters of a later epoch say what an old entry gave: those of its
// own epoch may be gone.
func TestReceiptAnsweredLater(t *testing.T) {
	s := newScene(t, 4)
	r := s.receipt(2, 3)
	r.Epochs = append(r.Epochs, s.epochEnd())
	r.Result = &juno.Result{Status: juno.StatusOK, Value: "12.5"}
	r.Answers = []juno.Answer{s.answer(100, 2, *r.Result)}
	report, err := Receipt(r, s.cluster)
	if err != nil || report.ResultProven() || report.Epoch != 0 || report.AnswerEpoch != 1 {
		t.Errorf("one answer of epoch 1: %+v, %v", report, err)
	}
	r.Answers = append(r.Answers, s.answer(1, 2, *r.Result))
	if report, err = Receipt(r, s.cluster); err != nil || !report.ResultProven() {
		t.Errorf("two answers of epoch 1: %+v, %v", report, err)
	}
	if want := "voters of epoch 1 who signed that: 2, it takes 2: node100, node1"; err == nil &&
		!strings.Contains(report.String(), want) {
		t.Errorf("report without %q:\n%s", want, report)
	}
	r.Epochs = nil
	if _, err := Receipt(r, s.cluster); err == nil {
		t.Error("an answer of a voter whom no epoch in the receipt knows")
	}
}

// TestReceiptsRefused changes one thing each of valid receipts.
func TestReceiptsRefused(t *testing.T) {
	s := newScene(t, 4)
	other := newScene(t, 5)
	batched := func() *juno.Receipt { return s.answered(s.receipt(5, 6), 2) }
	linked := func() *juno.Receipt { return s.answered(s.receipt(2, 6), 2) }
	across := func() *juno.Receipt { return s.receipt(10, 10) }
	for name, c := range map[string]struct {
		from   func() *juno.Receipt
		change func(*juno.Receipt)
	}{
		"no genesis":      {linked, func(r *juno.Receipt) { r.Genesis = nil }},
		"bad genesis":     {linked, func(r *juno.Receipt) { r.Genesis = &juno.Genesis{} }},
		"another genesis": {linked, func(r *juno.Receipt) { r.Genesis = other.genesis }},
		"no certificate":  {linked, func(r *juno.Receipt) { r.Certificate = nil }},
		"not detached": {
			linked,
			func(r *juno.Receipt) { r.Certificate = s.certificate(juno.Commit, 6) },
		},
		"only prepared": {linked, func(r *juno.Receipt) {
			r.Certificate = s.detached(juno.Prepare, 6, 6)
		}},
		"of another cluster": {linked, func(r *juno.Receipt) {
			r.Certificate = other.detached(juno.Commit, 6, 6)
		}},
		"too few votes": {linked, func(r *juno.Receipt) {
			r.Certificate.Votes = r.Certificate.Votes[:2]
		}},
		"payload":       {linked, func(r *juno.Receipt) { r.Entry.Payload[20] ^= 1 }},
		"time":          {linked, func(r *juno.Receipt) { r.Entry.Time++ }},
		"term":          {linked, func(r *juno.Receipt) { r.Entry.Term++ }},
		"index":         {linked, func(r *juno.Receipt) { r.Entry.Index++ }},
		"index 0":       {linked, func(r *juno.Receipt) { r.Entry.Index = 0 }},
		"previous hash": {linked, func(r *juno.Receipt) { r.Prev[0] ^= 1 }},
		"link changed":  {linked, func(r *juno.Receipt) { r.Headers[1].Time++ }},
		"link missing":  {linked, func(r *juno.Receipt) { r.Headers = r.Headers[1:] }},
		"link too many": {linked, func(r *juno.Receipt) {
			r.Headers = append(r.Headers, r.Headers[0])
		}},
		"links swapped": {linked, func(r *juno.Receipt) { slices.Reverse(r.Headers) }},
		"link at the place": {
			batchAtPlace(s),
			func(r *juno.Receipt) { r.Headers = []juno.EntryHeader{{}} },
		},
		"entry after certificate": {linked, func(r *juno.Receipt) {
			r.Certificate, r.Headers = s.detached(juno.Commit, 1, 1), nil
		}},
		"other signer":     {linked, func(r *juno.Receipt) { r.Signer = testKey(2).Public() }},
		"no signer":        {linked, func(r *juno.Receipt) { r.Signer = juno.PublicKey{} }},
		"no batch":         {batched, func(r *juno.Receipt) { r.Batch = nil }},
		"batch: root":      {batched, func(r *juno.Receipt) { r.Batch.Head.Root[0] ^= 1 }},
		"batch: signature": {batched, func(r *juno.Receipt) { r.Batch.Head.Signature[0] ^= 1 }},
		"batch: key":       {batched, func(r *juno.Receipt) { r.Batch.Head.Key[0] ^= 1 }},
		"batch: first":     {batched, func(r *juno.Receipt) { r.Batch.Head.FirstRequest-- }},
		"batch: count":     {batched, func(r *juno.Receipt) { r.Batch.Head.Count = 1 }},
		"batch: count 0":   {batched, func(r *juno.Receipt) { r.Batch.Head.Count = 0 }},
		"batch: path":      {batched, func(r *juno.Receipt) { r.Batch.Path[0][0] ^= 1 }},
		"batch: no path":   {batched, func(r *juno.Receipt) { r.Batch.Path = nil }},
		"batch: long path": {batched, func(r *juno.Receipt) {
			r.Batch.Path = append(r.Batch.Path, juno.Hash{})
		}},
		"batch for nothing": {linked, func(r *juno.Receipt) { r.Batch = batched().Batch }},
		"result":            {linked, func(r *juno.Receipt) { r.Result.Value = "13" }},
		"result: status": {
			linked,
			func(r *juno.Receipt) { r.Result.Status = juno.StatusRefused },
		},
		"no result":         {linked, func(r *juno.Receipt) { r.Result = nil }},
		"answer: signature": {linked, func(r *juno.Receipt) { r.Answers[0].Signature[0] ^= 1 }},
		"answer: twice":     {linked, func(r *juno.Receipt) { r.Answers[1] = r.Answers[0] }},
		"answer: other node": {linked, func(r *juno.Receipt) {
			r.Answers[0].Sign(nodeKey(3), s.cluster)
		}},
		"answer: observer": {linked, func(r *juno.Receipt) {
			r.Answers[0].Node = 200
			r.Answers[0].Sign(testKey(49), s.cluster)
		}},
		"answer: other command": {linked, func(r *juno.Receipt) {
			r.Answers[0].Command[0] ^= 1
			r.Answers[0].Sign(nodeKey(1), s.cluster)
		}},
		"answer: other place": {linked, func(r *juno.Receipt) {
			r.Answers[0].Pos.Index++
			r.Answers[0].Sign(nodeKey(1), s.cluster)
		}},
		"answer: other client": {linked, func(r *juno.Receipt) {
			r.Answers[0].Client = "bob"
			r.Answers[0].Sign(nodeKey(1), s.cluster)
		}},
		"answer: other result": {linked, func(r *juno.Receipt) {
			r.Answers[0].Result.Value = "13"
			r.Answers[0].Sign(nodeKey(1), s.cluster)
		}},
		"result of a term start": {
			func() *juno.Receipt { return s.receipt(1, 1) },
			func(r *juno.Receipt) {
				r.Result = &juno.Result{Status: juno.StatusOK}
			},
		},
		"signer of a term start": {
			func() *juno.Receipt { return s.receipt(1, 1) },
			func(r *juno.Receipt) {
				r.Signer = testKey(1).Public()
			},
		},
		"first entry elsewhere": {
			func() *juno.Receipt { return s.receipt(1, 1) },
			func(r *juno.Receipt) {
				r.Prev = juno.Hash{1}
			},
		},
		"epoch missing": {across, func(r *juno.Receipt) { r.Epochs = nil }},
		"epoch twice": {across, func(r *juno.Receipt) {
			r.Epochs = append(r.Epochs, s.epochEnd())
		}},
		"epoch: certificate": {across, func(r *juno.Receipt) { r.Epochs[0].Certificate = nil }},
		"epoch: votes": {across, func(r *juno.Receipt) {
			r.Epochs[0].Certificate.Votes[0].Signature[0] ^= 1
		}},
		"epoch: entry":         {across, func(r *juno.Receipt) { r.Epochs[0].Entry.Time++ }},
		"epoch: previous hash": {across, func(r *juno.Receipt) { r.Epochs[0].Prev[0] ^= 1 }},
		"epoch: other entry": {across, func(r *juno.Receipt) {
			r.Epochs[0] = juno.EpochChange{
				Prev: s.hashes[6], Entry: *s.entry(7), Certificate: s.detached(juno.Commit, 7, 7),
			}
		}},
	} {
		r := cloneReceipt(t, c.from())
		if _, err := Receipt(r, s.cluster); err != nil {
			t.Fatalf("%s: refused before it was changed: %v", name, err)
		}
		c.change(r)
		if report, err := Receipt(r, s.cluster); err == nil {
			t.Errorf("%s: accepted, as\n%s", name, report)
		}
	}
	if _, err := Receipt(linked(), other.cluster); err == nil {
		t.Error("a receipt of another cluster than the pinned one: accepted")
	}
}

// cloneReceipt makes a receipt that shares no memory with the scene.
func cloneReceipt(t *testing.T, r *juno.Receipt) *juno.Receipt {
	t.Helper()
	text, err := juno.FormatReceipt(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := juno.ParseReceipt(text)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func batchAtPlace(s *scene) func() *juno.Receipt {
	return func() *juno.Receipt { return s.receipt(5, 5) }
}

// TestReceiptForgedGenesis: a receipt that is true in a cluster of the forger's own.
func TestReceiptForgedGenesis(t *testing.T) {
	s := newScene(t, 4)
	report, err := Receipt(s.receipt(2, 2), juno.ClusterID{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Pinned || !strings.Contains(report.String(), "not proven: that this is the cluster") {
		t.Errorf("nobody named the cluster, and yet:\n%s", report)
	}
}

// TestReceiptStrict wants every other spelling of a receipt to be refused.
func TestReceiptStrict(t *testing.T) {
	s := newScene(t, 4)
	text, err := juno.FormatReceipt(s.answered(s.receipt(5, 6), 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, spaced := range []string{string(compactJSON(text)), "\n\t" + string(text) + "  \n"} {
		if _, err := juno.ParseReceipt([]byte(spaced)); err != nil {
			t.Errorf("other space: %v", err)
		}
	}
	replace := func(old, new string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("the receipt has no %s", old)
			}
			return strings.Replace(s, old, new, 1)
		}
	}
	for name, change := range map[string]func(string) string{
		"a field more":       replace(`"format"`, `"note": "", "format"`),
		"a field twice":      replace(`"signer"`, `"signer": "", "signer"`),
		"another version":    replace("juno receipt 1", "juno receipt 2"),
		"a field in capital": replace(`"signer"`, `"Signer"`),
		"another text":       replace("CreateAccount", "DeleteAccount"),
		"another index":      replace(`"index": 5`, `"index": 6`),
		"a number as 5.0":    replace(`"index": 5`, `"index": 5.0`),
		"another time":       replace("2023", "2024"),
		"another node":       replace("node1", "node4"),
		"escaped text":       replace("CreateAccount", `\u0043reateAccount`),
		"a null":             replace(`"epochs": []`, `"epochs": null`),
		"another status":     replace(`"ok"`, `"fine"`),
		"capital digits":     func(s string) string { return strings.Replace(s, "ab", "AB", 1) },
		"a second value":     func(s string) string { return s + "{}" },
		"an array":           func(s string) string { return "[" + s + "]" },
		"nothing":            func(string) string { return "" },
		"too long": func(s string) string {
			return s + strings.Repeat(" ", juno.ReceiptBytesMax)
		},
	} {
		if _, err := juno.ParseReceipt([]byte(change(string(text)))); err == nil {
			t.Errorf("%s: accepted", name)
		} else if !strings.HasPrefix(err.Error(), "receipt: ") || len(err.Error()) > 500 {
			t.Errorf("%s: error %q", name, err)
		}
	}
	var order map[string]any
	if err := json.Unmarshal(text, &order); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := juno.ParseReceipt(sorted); err == nil {
		t.Error("fields in another order: accepted")
	}
}

// TestReceiptEveryByte changes every byte of a receipt: it must be refused, or say the same.
func TestReceiptEveryByte(t *testing.T) {
	s := newScene(t, 4)
	text, err := juno.FormatReceipt(s.answered(s.receipt(5, 6), 2))
	if err != nil {
		t.Fatal(err)
	}
	want, err := Receipt(s.answered(s.receipt(5, 6), 2), s.cluster)
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 17
	}
	for i := 0; i < len(text); i += step {
		changed := bytes.Clone(text)
		if changed[i] ^= 1; changed[i] < ' ' {
			continue
		}
		r, err := juno.ParseReceipt(changed)
		if err != nil {
			continue
		}
		report, err := Receipt(r, s.cluster)
		if err == nil && fmt.Sprint(report) != fmt.Sprint(want) {
			t.Errorf("byte %d, %q: proves something else:\n%s", i, changed[max(0, i-20):i+20],
				report)
		} else if err == nil {
			t.Logf("byte %d, %q: proves the same", i, changed[max(0, i-20):i+20])
		}
	}
}

func TestNewReceiptRefuses(t *testing.T) {
	s := newScene(t, 4)
	short := newScene(t, 4)
	short.entries, short.hashes = short.entries[:4], short.hashes[:5]
	for name, c := range map[string]struct {
		log       juno.History
		index, at juno.Index
	}{
		"a certificate before the entry":     {s, 5, 4},
		"a log that does not hold the links": {short, 2, 6},
	} {
		if _, err := juno.NewReceipt(s.genesis, nil, c.log, *s.entry(c.index),
			s.certificate(juno.Commit, c.at), juno.PublicKey{}); err == nil {
			t.Errorf("%s: a receipt is made", name)
		}
	}
	r := s.receipt(2, 2)
	head, payloads := juno.SignBatch(testKey(2), s.cluster, 100,
		[]juno.Command{{Text: "transfer(a->b, 1%1)"}, {Text: "transfer(a->b, 2%1)"}})
	if err := r.AddBatch(head, payloads); err == nil {
		t.Error("a single command is put into a batch")
	}
	r = s.receipt(5, 5)
	if err := r.AddBatch(head, payloads); err == nil {
		t.Error("a command is put into a batch that it is not of")
	}
}

func FuzzReceipt(f *testing.F) {
	s := newScene(f, 4)
	for _, r := range []*juno.Receipt{
		s.answered(s.receipt(5, 6), 2), s.receipt(10, 10),
		s.receipt(1, 4),
	} {
		text, err := juno.FormatReceipt(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(compactJSON(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := juno.ParseReceipt(text)
		if err != nil {
			return
		}
		again, err := juno.FormatReceipt(r)
		if err != nil || !bytes.Equal(compactJSON(again), compactJSON(text)) {
			t.Fatalf("%s is written again as %s, %v", text, again, err)
		}
		report, err := Receipt(r, s.cluster)
		if err == nil && s.hashes[report.Pos.Index] != report.Pos.Hash {
			t.Fatalf("%s is proven, and not in the log", report.Pos)
		}
	})
}

// certify returns a certificate of a quorum of an epoch for anything, on no matter which chain.
func (s *scene) certify(
	cfg *juno.EpochConfig, prev juno.Hash, e *juno.Entry,
) *juno.QuorumCertificate {
	pos := juno.Pos{Index: e.Index, Hash: e.ChainHash(prev)}
	c := &juno.QuorumCertificate{
		Term: e.Term, Pos: pos, Kind: juno.Commit, Detached: true, PrevHash: prev,
		Head: e.Header(),
	}
	for _, m := range cfg.Voters[:cfg.Quorum()] {
		vote := juno.Vote{Term: e.Term, Node: m.ID, Accepted: &pos, Prepared: &pos}
		c.Votes = append(c.Votes, juno.SignVote(nodeKey(m.ID), s.cluster, vote))
	}
	return c
}

// TestReceiptsOfLyingQuorums: even what a whole quorum signed must fit together.
func TestReceiptsOfLyingQuorums(t *testing.T) {
	s := newScene(t, 4)
	refuse := func(what, want string, r *juno.Receipt) {
		t.Helper()
		if _, err := Receipt(r, s.cluster); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", what, err, want)
		}
	}
	first := juno.Entry{Index: 1, Type: juno.EntryNoop}
	refuse("a first entry that does not follow the genesis", "want the ledger's hash",
		&juno.Receipt{
			Genesis: s.genesis, Prev: juno.Hash{1}, Entry: first,
			Certificate: s.certify(&s.configs[0], juno.Hash{1}, &first),
		})

	stolen := &juno.Command{Request: 1, Text: "transfer(alice->bob, 1%1)"}
	stolen.Sign(testKey(2), s.cluster)
	stolen.Key = testKey(1).Public().ID() // bob says that he is alice, and signs as himself
	stolen.Signature = juno.Seal(testKey(2), s.cluster, juno.KindCommand,
		stolen.SignedBody()).Signature
	e := juno.Entry{Index: 2, Type: juno.EntryCommand, Payload: stolen.Payload()}
	for _, signer := range []juno.PublicKey{testKey(1).Public(), testKey(2).Public()} {
		want := "bad signature"
		if signer == testKey(2).Public() {
			want = "the receipt brings key"
		}
		refuse("a command under another's name", want, &juno.Receipt{
			Genesis: s.genesis,
			Prev:    juno.Hash{1}, Entry: e, Certificate: s.certify(&s.configs[0], juno.Hash{1},
				&e),
			Signer: signer,
		})
	}

	// Epoch 1 ends before it has begun, and epoch 2 certifies something.
	change := testConfigChange(&s.configs[0], s.cluster)
	change.Previous, change.Next = s.configs[1].Hash(), s.configs[1]
	change.Next.Epoch, change.Possessed, change.Approvals = 2, nil, nil
	change.Approve(testKey(90), s.cluster)
	change.Approve(testKey(91), s.cluster)
	end := juno.Entry{
		Index: 5, Term: juno.TermOf(1, 0), Type: juno.EntryConfig,
		Payload: change.Payload(),
	}
	last := juno.Entry{Index: 9, Term: juno.TermOf(2, 0), Type: juno.EntryNoop}
	refuse("an epoch that ends before it begins", "epoch 1 ends at 5, but begins behind 8",
		&juno.Receipt{
			Genesis: s.genesis, Prev: juno.Hash{1}, Entry: last,
			Certificate: s.certify(&change.Next, juno.Hash{1}, &last),
			Epochs: []juno.EpochChange{
				s.epochEnd(),
				{Prev: juno.Hash{1}, Entry: end, Certificate: s.certify(&s.configs[1],
					juno.Hash{1}, &end)},
			},
		})
	early := juno.Entry{Index: 8, Term: juno.TermOf(1, 0), Type: juno.EntryNoop}
	refuse("a certificate from before its epoch", "epoch 1 begins behind 8",
		&juno.Receipt{
			Genesis: s.genesis, Prev: juno.Hash{1}, Entry: early,
			Certificate: s.certify(&s.configs[1], juno.Hash{1}, &early),
			Epochs:      []juno.EpochChange{s.epochEnd()},
		})
}
