package juno

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// signerOf returns the key that signed an entry of the scene.
func (s *scene) signerOf(i Index) PublicKey {
	switch i {
	case 2, 3:
		return testKey(1).Public()
	case 4, 5, 6:
		return testKey(2).Public()
	case 10:
		return testKey(21).Public()
	}
	return PublicKey{}
}

// epochEnd proves the membership change at 8.
func (s *scene) epochEnd() EpochChange {
	return EpochChange{s.hashes[7], *s.entry(8), s.detached(Commit, 8, 8)}
}

// receipt proves the entry at index by a certificate at another.
func (s *scene) receipt(index, certified Index) *Receipt {
	s.t.Helper()
	var epochs []EpochChange
	if s.entry(certified).Term.Epoch() == 1 {
		epochs = []EpochChange{s.epochEnd()}
	}
	r, err := NewReceipt(s.genesis, epochs, s, *s.entry(index), s.certificate(Commit, certified),
		s.signerOf(index))
	if err != nil {
		s.t.Fatal(err)
	}
	if index == 5 || index == 6 {
		head, err := ParseBatchHead(s.entry(4).Payload)
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
func (s *scene) answered(r *Receipt, answers int) *Receipt {
	r.Result = &Result{Status: StatusOK, Value: "12.5"}
	for i := range answers {
		r.Answers = append(r.Answers, s.answer(NodeID(i+1), r.Entry.Index, *r.Result))
	}
	return r
}

func TestReceipts(t *testing.T) {
	s := newScene(t, 4)
	for index := Index(1); index <= 10; index++ {
		for certified := index; certified <= 10; certified++ {
			r := s.receipt(index, certified)
			report, err := VerifyReceipt(r, s.cluster)
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
			text, err := FormatReceipt(r)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseReceipt(text)
			if err != nil {
				t.Fatalf("entry %d by a certificate at %d: %v", index, certified, err)
			}
			if other, err := FormatReceipt(again); err != nil || !bytes.Equal(other, text) {
				t.Errorf("entry %d by a certificate at %d is written again as\n%s", index,
					certified, other)
			}
			if _, err := VerifyReceipt(again, s.cluster); err != nil {
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
		r      *Receipt
		pinned ClusterID
	}{
		"batched":      {s.answered(s.receipt(5, 6), 2), s.cluster},
		"later epoch":  {s.answered(s.receipt(10, 10), 1), ClusterID{}},
		"across":       {s.receipt(2, 9), s.cluster},
		"membership":   {s.receipt(8, 8), s.cluster},
		"single voter": {one.answered(one.receipt(2, 2), 1), one.cluster},
	} {
		report, err := VerifyReceipt(c.r, c.pinned)
		if err != nil {
			t.Fatal(err)
		}
		text, err := FormatReceipt(c.r)
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
		report, err := VerifyReceipt(r, s.cluster)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := report.ResultProven(), answers >= 2; got != want {
			t.Errorf("%d answers: proven %t, want %t", answers, got, want)
		}
	}
	report, err := VerifyReceipt(s.receipt(2, 2), s.cluster)
	if err != nil || report.ResultProven() || report.Result != nil {
		t.Errorf("a result that nobody claims: %+v, %v", report, err)
	}
}

// TestReceiptsRefused changes one thing each of valid receipts.
func TestReceiptsRefused(t *testing.T) {
	s := newScene(t, 4)
	other := newScene(t, 5)
	batched := func() *Receipt { return s.answered(s.receipt(5, 6), 2) }
	linked := func() *Receipt { return s.answered(s.receipt(2, 6), 2) }
	across := func() *Receipt { return s.receipt(10, 10) }
	for name, c := range map[string]struct {
		from   func() *Receipt
		change func(*Receipt)
	}{
		"no genesis":      {linked, func(r *Receipt) { r.Genesis = nil }},
		"bad genesis":     {linked, func(r *Receipt) { r.Genesis = &Genesis{} }},
		"another genesis": {linked, func(r *Receipt) { r.Genesis = other.genesis }},
		"no certificate":  {linked, func(r *Receipt) { r.Certificate = nil }},
		"not detached":    {linked, func(r *Receipt) { r.Certificate = s.certificate(Commit, 6) }},
		"only prepared": {linked, func(r *Receipt) {
			r.Certificate = s.detached(Prepare, 6, 6)
		}},
		"of another cluster": {linked, func(r *Receipt) {
			r.Certificate = other.detached(Commit, 6, 6)
		}},
		"too few votes": {linked, func(r *Receipt) {
			r.Certificate.Votes = r.Certificate.Votes[:2]
		}},
		"payload":       {linked, func(r *Receipt) { r.Entry.Payload[20] ^= 1 }},
		"time":          {linked, func(r *Receipt) { r.Entry.Time++ }},
		"term":          {linked, func(r *Receipt) { r.Entry.Term++ }},
		"index":         {linked, func(r *Receipt) { r.Entry.Index++ }},
		"index 0":       {linked, func(r *Receipt) { r.Entry.Index = 0 }},
		"previous hash": {linked, func(r *Receipt) { r.Prev[0] ^= 1 }},
		"link changed":  {linked, func(r *Receipt) { r.Headers[1].Time++ }},
		"link missing":  {linked, func(r *Receipt) { r.Headers = r.Headers[1:] }},
		"link too many": {linked, func(r *Receipt) {
			r.Headers = append(r.Headers, r.Headers[0])
		}},
		"links swapped":     {linked, func(r *Receipt) { slices.Reverse(r.Headers) }},
		"link at the place": {batchAtPlace(s), func(r *Receipt) { r.Headers = []EntryHeader{{}} }},
		"entry after certificate": {linked, func(r *Receipt) {
			r.Certificate, r.Headers = s.detached(Commit, 1, 1), nil
		}},
		"other signer":     {linked, func(r *Receipt) { r.Signer = testKey(2).Public() }},
		"no signer":        {linked, func(r *Receipt) { r.Signer = PublicKey{} }},
		"no batch":         {batched, func(r *Receipt) { r.Batch = nil }},
		"batch: root":      {batched, func(r *Receipt) { r.Batch.Head.Root[0] ^= 1 }},
		"batch: signature": {batched, func(r *Receipt) { r.Batch.Head.Signature[0] ^= 1 }},
		"batch: key":       {batched, func(r *Receipt) { r.Batch.Head.Key[0] ^= 1 }},
		"batch: first":     {batched, func(r *Receipt) { r.Batch.Head.FirstRequest-- }},
		"batch: count":     {batched, func(r *Receipt) { r.Batch.Head.Count = 1 }},
		"batch: count 0":   {batched, func(r *Receipt) { r.Batch.Head.Count = 0 }},
		"batch: path":      {batched, func(r *Receipt) { r.Batch.Path[0][0] ^= 1 }},
		"batch: no path":   {batched, func(r *Receipt) { r.Batch.Path = nil }},
		"batch: long path": {batched, func(r *Receipt) {
			r.Batch.Path = append(r.Batch.Path, Hash{})
		}},
		"batch for nothing": {linked, func(r *Receipt) { r.Batch = batched().Batch }},
		"result":            {linked, func(r *Receipt) { r.Result.Value = "13" }},
		"result: status":    {linked, func(r *Receipt) { r.Result.Status = StatusRefused }},
		"no result":         {linked, func(r *Receipt) { r.Result = nil }},
		"answer: signature": {linked, func(r *Receipt) { r.Answers[0].Signature[0] ^= 1 }},
		"answer: twice":     {linked, func(r *Receipt) { r.Answers[1] = r.Answers[0] }},
		"answer: other node": {linked, func(r *Receipt) {
			r.Answers[0].Sign(nodeKey(3), s.cluster)
		}},
		"answer: observer": {linked, func(r *Receipt) {
			r.Answers[0].Node = 200
			r.Answers[0].Sign(testKey(49), s.cluster)
		}},
		"answer: other command": {linked, func(r *Receipt) {
			r.Answers[0].Command[0] ^= 1
			r.Answers[0].Sign(nodeKey(1), s.cluster)
		}},
		"answer: other place": {linked, func(r *Receipt) {
			r.Answers[0].Pos.Index++
			r.Answers[0].Sign(nodeKey(1), s.cluster)
		}},
		"answer: other client": {linked, func(r *Receipt) {
			r.Answers[0].Client = "bob"
			r.Answers[0].Sign(nodeKey(1), s.cluster)
		}},
		"answer: other result": {linked, func(r *Receipt) {
			r.Answers[0].Result.Value = "13"
			r.Answers[0].Sign(nodeKey(1), s.cluster)
		}},
		"result of a term start": {func() *Receipt { return s.receipt(1, 1) }, func(r *Receipt) {
			r.Result = &Result{Status: StatusOK}
		}},
		"signer of a term start": {func() *Receipt { return s.receipt(1, 1) }, func(r *Receipt) {
			r.Signer = testKey(1).Public()
		}},
		"first entry elsewhere": {func() *Receipt { return s.receipt(1, 1) }, func(r *Receipt) {
			r.Prev = Hash{1}
		}},
		"epoch missing": {across, func(r *Receipt) { r.Epochs = nil }},
		"epoch twice": {across, func(r *Receipt) {
			r.Epochs = append(r.Epochs, s.epochEnd())
		}},
		"epoch not needed":   {linked, func(r *Receipt) { r.Epochs = []EpochChange{s.epochEnd()} }},
		"epoch: certificate": {across, func(r *Receipt) { r.Epochs[0].Certificate = nil }},
		"epoch: votes": {across, func(r *Receipt) {
			r.Epochs[0].Certificate.Votes[0].Signature[0] ^= 1
		}},
		"epoch: entry":         {across, func(r *Receipt) { r.Epochs[0].Entry.Time++ }},
		"epoch: previous hash": {across, func(r *Receipt) { r.Epochs[0].Prev[0] ^= 1 }},
		"epoch: other entry": {across, func(r *Receipt) {
			r.Epochs[0] = EpochChange{s.hashes[6], *s.entry(7), s.detached(Commit, 7, 7)}
		}},
	} {
		r := cloneReceipt(t, c.from())
		if _, err := VerifyReceipt(r, s.cluster); err != nil {
			t.Fatalf("%s: refused before it was changed: %v", name, err)
		}
		c.change(r)
		if report, err := VerifyReceipt(r, s.cluster); err == nil {
			t.Errorf("%s: accepted, as\n%s", name, report)
		}
	}
	if _, err := VerifyReceipt(linked(), other.cluster); err == nil {
		t.Error("a receipt of another cluster than the pinned one: accepted")
	}
}

// cloneReceipt makes a receipt that shares no memory with the scene.
func cloneReceipt(t *testing.T, r *Receipt) *Receipt {
	t.Helper()
	text, err := FormatReceipt(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseReceipt(text)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func batchAtPlace(s *scene) func() *Receipt {
	return func() *Receipt { return s.receipt(5, 5) }
}

// TestReceiptForgedGenesis: a receipt that is true in a cluster of the forger's own.
func TestReceiptForgedGenesis(t *testing.T) {
	s := newScene(t, 4)
	report, err := VerifyReceipt(s.receipt(2, 2), ClusterID{})
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
	text, err := FormatReceipt(s.answered(s.receipt(5, 6), 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, spaced := range []string{string(compactJSON(text)), "\n\t" + string(text) + "  \n"} {
		if _, err := ParseReceipt([]byte(spaced)); err != nil {
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
			return s + strings.Repeat(" ", ReceiptBytesMax)
		},
	} {
		if _, err := ParseReceipt([]byte(change(string(text)))); err == nil {
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
	if _, err := ParseReceipt(sorted); err == nil {
		t.Error("fields in another order: accepted")
	}
}

// TestReceiptEveryByte changes every byte of a receipt: it must be refused, or say the same.
func TestReceiptEveryByte(t *testing.T) {
	s := newScene(t, 4)
	text, err := FormatReceipt(s.answered(s.receipt(5, 6), 2))
	if err != nil {
		t.Fatal(err)
	}
	want, err := VerifyReceipt(s.answered(s.receipt(5, 6), 2), s.cluster)
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
		r, err := ParseReceipt(changed)
		if err != nil {
			continue
		}
		report, err := VerifyReceipt(r, s.cluster)
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
		log       History
		index, at Index
	}{
		"a certificate before the entry":     {s, 5, 4},
		"a log that does not hold the links": {short, 2, 6},
	} {
		if _, err := NewReceipt(s.genesis, nil, c.log, *s.entry(c.index),
			s.certificate(Commit, c.at), PublicKey{}); err == nil {
			t.Errorf("%s: a receipt is made", name)
		}
	}
	r := s.receipt(2, 2)
	head, payloads, _ := testBatch(t, 3)
	if err := r.AddBatch(head, payloads); err == nil {
		t.Error("a single command is put into a batch")
	}
	r = s.receipt(5, 5)
	if err := r.AddBatch(head, payloads); err == nil {
		t.Error("a command is put into a batch that it is not of")
	}
}

// TestDetach wants every certificate to stand alone once it is detached, with no more links than
// its votes need.
func TestDetach(t *testing.T) {
	s := newScene(t, 4)
	for far := Index(3); far <= 6; far++ {
		c := s.certificate(Commit, 3)
		c.Votes[1] = s.vote(2, 0, Commit, far)
		// A position beyond the prepared one is nothing that a commit needs.
		beyond := s.pos(6)
		vote := c.Votes[2].Vote
		vote.Accepted = &beyond
		c.Votes[2] = SignVote(nodeKey(3), s.cluster, vote)
		d, err := c.Detach(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Verify(&s.configs[0], s.rings[0], nil); err != nil {
			t.Errorf("votes up to %d: %v", far, err)
		}
		if got, want := len(d.Headers), int(far-3); got != want {
			t.Errorf("votes up to %d: %d links, want %d", far, got, want)
		}
		if again, err := d.Detach(nil); err != nil || again != d {
			t.Errorf("a detached certificate is detached again: %v", err)
		}
	}
	c := s.certificate(Commit, 3)
	far := Pos{Index: 3 + certificateHeadersMax + 1}
	vote := c.Votes[0].Vote
	vote.Prepared, vote.Accepted = &far, &far
	c.Votes[0] = SignVote(nodeKey(1), s.cluster, vote)
	if _, err := c.Detach(s); err == nil {
		t.Error("more links than are allowed")
	}
}

func FuzzReceipt(f *testing.F) {
	s := newScene(f, 4)
	for _, r := range []*Receipt{
		s.answered(s.receipt(5, 6), 2), s.receipt(10, 10),
		s.receipt(1, 4),
	} {
		text, err := FormatReceipt(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(compactJSON(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseReceipt(text)
		if err != nil {
			return
		}
		again, err := FormatReceipt(r)
		if err != nil || !bytes.Equal(compactJSON(again), compactJSON(text)) {
			t.Fatalf("%s is written again as %s, %v", text, again, err)
		}
		report, err := VerifyReceipt(r, s.cluster)
		if err == nil && s.hashes[report.Pos.Index] != report.Pos.Hash {
			t.Fatalf("%s is proven, and not in the log", report.Pos)
		}
	})
}

// certify returns a certificate of a quorum of an epoch for anything, on no matter which chain.
func (s *scene) certify(cfg *EpochConfig, prev Hash, e *Entry) *QuorumCertificate {
	pos := Pos{e.Index, e.ChainHash(prev)}
	c := &QuorumCertificate{
		Term: e.Term, Pos: pos, Kind: Commit, Detached: true, PrevHash: prev,
		Head: e.Header(),
	}
	for _, m := range cfg.Voters[:cfg.Quorum()] {
		vote := Vote{Term: e.Term, Node: m.ID, Accepted: &pos, Prepared: &pos}
		c.Votes = append(c.Votes, SignVote(nodeKey(m.ID), s.cluster, vote))
	}
	return c
}

// TestReceiptsOfLyingQuorums: even what a whole quorum signed must fit together.
func TestReceiptsOfLyingQuorums(t *testing.T) {
	s := newScene(t, 4)
	refuse := func(what, want string, r *Receipt) {
		t.Helper()
		if _, err := VerifyReceipt(r, s.cluster); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", what, err, want)
		}
	}
	first := Entry{Index: 1, Type: EntryNoop}
	refuse("a first entry that does not follow the genesis", "want the cluster id",
		&Receipt{
			Genesis: s.genesis, Prev: Hash{1}, Entry: first,
			Certificate: s.certify(&s.configs[0], Hash{1}, &first),
		})

	stolen := &Command{Request: 1, Text: "transfer(alice->bob, 1%1)"}
	stolen.Sign(testKey(2), s.cluster)
	stolen.Key = testKey(1).Public().ID() // bob says that he is alice, and signs as himself
	stolen.Signature = Seal(testKey(2), s.cluster, KindCommand, stolen.SignedBody()).Signature
	e := Entry{Index: 2, Type: EntryCommand, Payload: stolen.Payload()}
	for _, signer := range []PublicKey{testKey(1).Public(), testKey(2).Public()} {
		want := "bad signature"
		if signer == testKey(2).Public() {
			want = "the receipt brings key"
		}
		refuse("a command under another's name", want, &Receipt{
			Genesis: s.genesis,
			Prev:    Hash{1}, Entry: e, Certificate: s.certify(&s.configs[0], Hash{1}, &e),
			Signer: signer,
		})
	}

	// Epoch 1 ends before it has begun, and epoch 2 certifies something.
	change := testConfigChange(&s.configs[0], s.cluster)
	change.Previous, change.Next = s.configs[1].Hash(), s.configs[1]
	change.Next.Epoch, change.Possessed, change.Approvals = 2, nil, nil
	change.Approve(testKey(90), s.cluster)
	change.Approve(testKey(91), s.cluster)
	end := Entry{Index: 5, Term: TermOf(1, 0), Type: EntryConfig, Payload: change.Payload()}
	last := Entry{Index: 9, Term: TermOf(2, 0), Type: EntryNoop}
	refuse("an epoch that ends before it begins", "epoch 1 ends at 5, the one before at 8",
		&Receipt{
			Genesis: s.genesis, Prev: Hash{1}, Entry: last,
			Certificate: s.certify(&change.Next, Hash{1}, &last),
			Epochs: []EpochChange{
				s.epochEnd(),
				{Hash{1}, end, s.certify(&s.configs[1], Hash{1}, &end)},
			},
		})
	early := Entry{Index: 8, Term: TermOf(1, 0), Type: EntryNoop}
	refuse("a certificate from before its epoch", "its epoch begins after 8",
		&Receipt{
			Genesis: s.genesis, Prev: Hash{1}, Entry: early,
			Certificate: s.certify(&s.configs[1], Hash{1}, &early),
			Epochs:      []EpochChange{s.epochEnd()},
		})
}
