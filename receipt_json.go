package juno

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// receiptFormat is the first thing in a receipt; its number is the version.
const receiptFormat = "juno receipt 1"

// The text of a receipt is one JSON object with the fields below, in this order. What is proven
// stands in the fields named bytes, head, path, links, previous_hash, genesis, signer: canonical
// bytes in lower-case hexadecimal. The others say the same in words, for people; they are written
// from the bytes and compared with them when a receipt is read, so they cannot lie.
type receiptJSON struct {
	Format      string             `json:"format"`
	Cluster     string             `json:"cluster"`
	Entry       receiptEntry       `json:"entry"`
	Signer      string             `json:"signer,omitempty"`
	Batch       *receiptBatch      `json:"batch,omitempty"`
	Result      *receiptResult     `json:"result,omitempty"`
	Answers     []receiptAnswer    `json:"answers"`
	Links       []string           `json:"links"`
	Certificate receiptCertificate `json:"certificate"`
	Epochs      []receiptEpoch     `json:"epochs"`
	Genesis     string             `json:"genesis"`
}

type receiptEntry struct {
	Index        Index           `json:"index"`
	Hash         string          `json:"hash"`
	Term         string          `json:"term"`
	Time         string          `json:"time"`
	Type         string          `json:"type"`
	Command      *receiptCommand `json:"command,omitempty"`
	PreviousHash string          `json:"previous_hash"`
	Bytes        string          `json:"bytes"`
}

type receiptCommand struct {
	Key      string    `json:"key"`
	Request  RequestID `json:"request"`
	Expires  Index     `json:"expires"`
	Language Language  `json:"language"`
	Text     string    `json:"text"`
}

type receiptBatch struct {
	Place int      `json:"place"`
	Count int      `json:"count"`
	Head  string   `json:"head"`
	Path  []string `json:"path"`
}

type receiptResult struct {
	Status  string `json:"status"`
	Code    Code   `json:"code"`
	Value   string `json:"value"`
	Message string `json:"message"`
}

type receiptAnswer struct {
	Node  string `json:"node"`
	Bytes string `json:"bytes"`
}

type receiptCertificate struct {
	Index Index    `json:"index"`
	Term  string   `json:"term"`
	Nodes []string `json:"nodes"`
	Bytes string   `json:"bytes"`
}

type receiptEpoch struct {
	Index        Index  `json:"index"`
	PreviousHash string `json:"previous_hash"`
	Entry        string `json:"entry"`
	Certificate  string `json:"certificate"`
}

// FormatReceipt returns the text of a receipt: indented JSON, ending in a newline. It does not
// check what the receipt says; VerifyReceipt does.
func FormatReceipt(r *Receipt) ([]byte, error) {
	if r.Genesis == nil || r.Certificate == nil {
		return nil, receiptError("genesis or certificate is missing")
	}
	w := receiptJSON{
		Format: receiptFormat, Cluster: r.Genesis.ID().String(), Entry: describeEntry(r),
		Answers: make([]receiptAnswer, len(r.Answers)), Links: make([]string, len(r.Headers)),
		Certificate: describeCertificate(r.Certificate),
		Epochs:      make([]receiptEpoch, len(r.Epochs)),
		Genesis:     hex.EncodeToString(AppendGenesis(nil, r.Genesis)),
	}
	if r.Signer != (PublicKey{}) {
		w.Signer = r.Signer.String()
	}
	if r.Batch != nil {
		w.Batch = describeBatch(r)
	}
	if res := r.Result; res != nil {
		w.Result = &receiptResult{res.Status.String(), res.Code, res.Value, res.Message}
	}
	for i := range r.Answers {
		a := &r.Answers[i]
		w.Answers[i] = receiptAnswer{a.Node.String(), hex.EncodeToString(AppendAnswer(nil, a))}
	}
	for i, l := range r.Headers {
		w.Links[i] = hex.EncodeToString(AppendEntryHeader(nil, l))
	}
	for i := range r.Epochs {
		e := &r.Epochs[i]
		if e.Certificate == nil {
			return nil, receiptError("the certificate of epoch %d is missing", i)
		}
		w.Epochs[i] = receiptEpoch{
			e.Entry.Index, e.Prev.String(),
			hex.EncodeToString(AppendEntry(nil, &e.Entry)),
			hex.EncodeToString(AppendCertificate(nil, e.Certificate)),
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // people read it: transfer(a->b) and not transfer(a-\u003eb)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(w); err != nil {
		return nil, receiptError("%w", err)
	}
	return b.Bytes(), nil
}

func describeEntry(r *Receipt) receiptEntry {
	e := &r.Entry
	d := receiptEntry{
		Index: e.Index, Hash: e.ChainHash(r.Prev).String(), Term: e.Term.String(),
		Time: e.Time.String(), Type: e.Type.String(), PreviousHash: r.Prev.String(),
		Bytes: hex.EncodeToString(AppendEntry(nil, e)),
	}
	if e.Type == EntryCommand {
		if c, err := ParseCommand(e.Payload); err == nil {
			d.Command = &receiptCommand{c.Key.String(), c.Request, c.Expires, c.Language, c.Text}
		}
	}
	return d
}

func describeBatch(r *Receipt) *receiptBatch {
	d := &receiptBatch{
		Count: r.Batch.Head.Count, Path: make([]string, len(r.Batch.Path)),
		Head: hex.EncodeToString(r.Batch.Head.Payload()),
	}
	if c, err := ParseCommand(r.Entry.Payload); err == nil {
		d.Place, _ = r.Batch.Head.Place(&c)
	}
	for i, h := range r.Batch.Path {
		d.Path[i] = h.String()
	}
	return d
}

func describeCertificate(c *QuorumCertificate) receiptCertificate {
	d := receiptCertificate{
		Index: c.Pos.Index, Term: c.Term.String(),
		Nodes: make([]string, len(c.Votes)), Bytes: hex.EncodeToString(AppendCertificate(nil, c)),
	}
	for i := range c.Votes {
		d.Nodes[i] = c.Votes[i].Node.String()
	}
	return d
}

// ParseReceipt reads what FormatReceipt wrote: the same fields in the same order with the same
// spelling, each once, and nothing else. Only the space between them is free, so that a receipt
// survives tools that indent. It checks the form; VerifyReceipt checks what it says.
func ParseReceipt(text []byte) (*Receipt, error) {
	if len(text) > ReceiptBytesMax {
		return nil, receiptError("%d bytes, at most %d", len(text), ReceiptBytesMax)
	}
	var w receiptJSON
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, receiptError("%w: %w", ErrMalformed, err)
	}
	if w.Format != receiptFormat {
		return nil, receiptError("%w: format %.40q, this program knows %q", ErrMalformed, w.Format,
			receiptFormat)
	}
	r, err := w.read()
	if err != nil {
		return nil, receiptError("%w", err)
	}
	canonical, err := FormatReceipt(r)
	if err != nil {
		return nil, err
	}
	got, want := compactJSON(text), compactJSON(canonical)
	if !bytes.Equal(got, want) {
		return nil, receiptError("%w: not as it was written, from %s on", ErrMalformed,
			firstDifference(got, want))
	}
	return r, nil
}

func compactJSON(text []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		panic(fmt.Sprintf("receipt: JSON that was read before: %v", err))
	}
	return b.Bytes()
}

// firstDifference returns some text around the first byte in which a and b differ.
func firstDifference(a, b []byte) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from, to := max(0, i-30), min(len(a), i+30)
	return fmt.Sprintf("%.80q", a[from:to])
}

// read makes the receipt from the fields that hold bytes.
func (w *receiptJSON) read() (*Receipt, error) {
	if len(w.Epochs) > ReceiptEpochsMax || len(w.Links) > receiptHeadersMax ||
		len(w.Answers) > VotersMax {
		return nil, fmt.Errorf("%d epochs, %d links, %d answers; at most %d, %d, %d", len(w.Epochs),
			len(w.Links), len(w.Answers), ReceiptEpochsMax, receiptHeadersMax, VotersMax)
	}
	var f hexFields
	r := &Receipt{
		Genesis: field(&f, "genesis", w.Genesis, (*Decoder).Genesis),
		Prev:    field(&f, "previous_hash", w.Entry.PreviousHash, (*Decoder).Hash),
		Entry:   field(&f, "entry", w.Entry.Bytes, (*Decoder).Entry),
		Certificate: field(&f, "certificate", w.Certificate.Bytes,
			(*Decoder).Certificate),
	}
	if w.Signer != "" {
		r.Signer = PublicKey(field(&f, "signer", w.Signer, (*Decoder).Hash))
	}
	for _, l := range w.Links {
		r.Headers = append(r.Headers, field(&f, "link", l, (*Decoder).EntryHeader))
	}
	for _, a := range w.Answers {
		r.Answers = append(r.Answers, field(&f, "answer", a.Bytes, (*Decoder).Answer))
	}
	for _, e := range w.Epochs {
		r.Epochs = append(r.Epochs, EpochChange{
			Prev:        field(&f, "epoch", e.PreviousHash, (*Decoder).Hash),
			Entry:       field(&f, "epoch", e.Entry, (*Decoder).Entry),
			Certificate: field(&f, "epoch", e.Certificate, (*Decoder).Certificate),
		})
	}
	if w.Batch != nil {
		r.Batch = w.Batch.read(&f)
	}
	if w.Result != nil {
		r.Result = w.Result.read(&f)
	}
	return r, f.err
}

func (w *receiptBatch) read(f *hexFields) *BatchProof {
	p := &BatchProof{}
	payload := field(f, "batch", w.Head, func(d *Decoder) []byte { return d.Fixed(d.Rest()) })
	head, err := ParseBatchHead(payload)
	if err != nil {
		f.fail("batch", err)
	}
	p.Head = head
	for _, h := range w.Path {
		p.Path = append(p.Path, field(f, "path", h, (*Decoder).Hash))
	}
	return p
}

func (w *receiptResult) read(f *hexFields) *Result {
	r := &Result{Code: w.Code, Value: w.Value, Message: w.Message}
	for _, s := range []Status{StatusOK, StatusRefused} {
		if s.String() == w.Status {
			r.Status = s
		}
	}
	d := NewDecoder(AppendResult(nil, r))
	if d.Result(); d.Done() != nil {
		f.fail("result", d.Err())
	}
	return r
}

// hexFields remembers the first field that could not be read.
type hexFields struct{ err error }

func (f *hexFields) fail(name string, err error) {
	if f.err == nil {
		f.err = fmt.Errorf("%s: %w", name, err)
	}
}

// field reads one field of hexadecimal digits with a reader of Decoder's.
func field[T any](f *hexFields, name, digits string, read func(*Decoder) T) (value T) {
	if f.err != nil {
		return value
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		f.fail(name, fmt.Errorf("%w: %w", ErrMalformed, err))
		return value
	}
	d := NewDecoder(b)
	value = read(d)
	if err := d.Done(); err != nil {
		f.fail(name, err)
	}
	return value
}
