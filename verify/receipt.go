package verify

import (
	"errors"
	"fmt"

	"juno"
)

// Report is what a receipt proves, no more. Everything in it was checked, except what its comment
// calls claimed.
type Report struct {
	Cluster juno.ClusterID
	// Pinned says that the ledger is the one that the caller expected. If not, the receipt is about
	// some ledger with that genesis: anyone can make one.
	Pinned bool
	Pos    juno.Pos // of the entry
	Term   juno.Term
	Time   juno.Millis
	Type   juno.EntryType
	// Epoch is that of the certificate; Voters of that epoch could vote, Faulty of them could lie
	// without anything false being certified, and Attested did vote for Certified, which is the
	// entry or a later one on the same chain.
	Epoch     uint32
	Voters    int
	Faulty    int
	Certified juno.Pos
	Attested  []juno.NodeID
	// Signer is the key that signed the entry; zero where entries of its type have none.
	Signer juno.PublicKey
	// Client is whose key it is, if the genesis says so; otherwise the voters attest only that
	// the key was valid there, by having committed the entry.
	Client  string
	Request juno.RequestID
	Command *juno.Command // for commands
	Batched int           // how many commands were signed together; 0 for a single one
	// Result is what came of it; claimed unless ResultProven. Its message is always only claimed.
	Result   *juno.Result
	Answered []juno.NodeID // voters of AnswerEpoch who signed that result
	// AnswerEpoch is the epoch whose voters answer: that of the certificate, or a later one.
	AnswerEpoch uint32
	// AnswerFaulty of its voters can lie; one more equal answer holds that of a correct one.
	AnswerFaulty int
}

// ResultProven reports whether at least one correct node signed the result, if no more than
// AnswerFaulty voters are Byzantine: f+1 equal answers.
func (r *Report) ResultProven() bool {
	return r.Result != nil && len(r.Answered) > r.AnswerFaulty
}

// ErrReceipt is what every error about a receipt begins with.
var ErrReceipt = errors.New("receipt")

// Receipt checks everything in a receipt, offline, and reports what it proves. pinned is the ledger
// that the caller expects; zero if he knows none, and then the report says so.
//
// What is proven rests on one assumption: in every epoch, at most f of its voters are Byzantine.
func Receipt(r *juno.Receipt, pinned juno.ClusterID) (*Report, error) {
	report, err := verifyReceipt(r, pinned)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	return report, nil
}

func verifyReceipt(r *juno.Receipt, pinned juno.ClusterID) (*Report, error) {
	if r.Genesis == nil || r.Certificate == nil {
		return nil, errors.New("genesis or certificate is missing")
	}
	if len(r.Epochs) > juno.ReceiptEpochsMax {
		return nil, fmt.Errorf("%d epochs, at most %d", len(r.Epochs), juno.ReceiptEpochsMax)
	}
	m, err := FromGenesis(r.Genesis, pinned)
	if err != nil {
		return nil, err
	}
	for i := range r.Epochs {
		if err := m.Extend(&r.Epochs[i]); err != nil {
			return nil, err
		}
	}
	if !r.Certificate.Detached { // rule: receipt-detached
		return nil, errors.New("want a detached commit certificate, which needs no log")
	}
	at, err := m.Position(r.Certificate, nil)
	if err != nil {
		return nil, err
	}
	of := at.Members().Config()
	report := &Report{
		Cluster: m.Cluster(), Pinned: m.Pinned(), Term: r.Entry.Term, Time: r.Entry.Time,
		Type: r.Entry.Type, Certified: at.Pos(), Attested: at.Attested(),
		Epoch: of.Epoch, Voters: len(of.Voters), Faulty: of.Faulty(),
	}
	v := receiptVerifier{receipt: r, report: report, members: m}
	for _, step := range []func() error{v.chain, v.signer, v.result, v.answers} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// receiptVerifier fills in a report.
type receiptVerifier struct {
	receipt *juno.Receipt
	report  *Report
	members *Memberships
}

// chain rolls the hash from the entry to the certificate.
func (v *receiptVerifier) chain() error {
	r, e, c := v.receipt, &v.receipt.Entry, v.receipt.Certificate
	if e.Index == 0 || !e.Type.Valid() || e.Time < 0 ||
		len(e.Payload) > juno.EntryPayloadBytesMax {
		return fmt.Errorf("no entry: index %d, %s, time %d, %d bytes", e.Index, e.Type, e.Time,
			len(e.Payload))
	}
	if e.Index == 1 && r.Prev != v.report.Cluster { // rule: receipt-first
		return fmt.Errorf("entry 1 follows %s, want the ledger's hash %s", r.Prev, v.report.Cluster)
	}
	hash := e.ChainHash(r.Prev)
	v.report.Pos = juno.Pos{Index: e.Index, Hash: hash}
	_, err := v.members.inForce(e.Term.Epoch(), v.report.Pos)
	if err != nil { // rule: receipt-epoch
		return fmt.Errorf("entry %d of term %s: %w", e.Index, e.Term, err)
	}
	if c.Pos.Index == e.Index {
		if c.Pos.Hash != hash || len(r.Headers) != 0 { // rule: receipt-entry
			return fmt.Errorf("the certificate is for %s, the entry is at %s, with %d links",
				c.Pos, v.report.Pos, len(r.Headers))
		}
		return nil
	}
	if c.Pos.Index < e.Index || uint64(c.Pos.Index-e.Index-1) != uint64(len(r.Headers)) {
		return fmt.Errorf("%d links lead from entry %d to a certificate at %d", len(r.Headers),
			e.Index, c.Pos.Index)
	}
	last := e.Header()
	for i, h := range r.Headers {
		at := e.Index + 1 + juno.Index(i)
		if err := CheckOrder(last, h, at); err != nil {
			return err
		}
		hash, last = h.Chain(hash, at), h
		_, err := v.members.inForce(h.Term.Epoch(), juno.Pos{Index: at, Hash: hash})
		if err != nil { // rule: receipt-epochs
			return fmt.Errorf("entry %d of term %s: %w", at, h.Term, err)
		}
	}
	if hash != c.PrevHash { // rule: receipt-chain
		return fmt.Errorf("the chain leads from entry %d to %s at %d, the certificate follows %s",
			e.Index, hash.Short(), c.Pos.Index-1, c.PrevHash.Short())
	}
	return CheckOrder(last, c.Head, c.Pos.Index)
}

// signer checks the client's signature, where entries of the type have one.
func (v *receiptVerifier) signer() error {
	r, report := v.receipt, v.report
	e, err := v.signed()
	if err != nil {
		return err
	}
	if e == nil {
		if r.Signer != (juno.PublicKey{}) || r.Batch != nil {
			return fmt.Errorf("entries of type %s are not signed by clients", r.Entry.Type)
		}
		return nil
	}
	if e.Key != r.Signer.ID() { // rule: receipt-key
		return fmt.Errorf("signed by key %s, the receipt brings key %s", e.Key, r.Signer.ID())
	}
	if err := r.Signer.Check(); err != nil {
		return err
	}
	message := juno.AppendSigningBytes(nil, e.Kind, report.Cluster, e.Body)
	if !juno.VerifySignature(r.Signer, message, e.Signature) { // rule: receipt-signature
		return fmt.Errorf("key %s: %w", e.Key, juno.ErrBadSignature)
	}
	report.Signer = r.Signer
	for _, c := range r.Genesis.Clients {
		if c.Public == r.Signer {
			report.Client = c.Name
		}
	}
	return nil
}

// signed returns what the client signed: the entry itself, or the head of its batch; nil if
// entries of the type are not signed by clients.
func (v *receiptVerifier) signed() (*juno.Envelope, error) {
	r, report := v.receipt, v.report
	var e juno.Envelope
	switch r.Entry.Type {
	case juno.EntryCommand:
		c, err := juno.ParseCommand(r.Entry.Payload)
		if err != nil {
			return nil, err
		}
		report.Command, report.Request = &c, c.Request
		if c.Batched {
			return v.signedBatch(&c)
		}
		e = c.Envelope()
	case juno.EntryBatchHead:
		h, err := juno.ParseBatchHead(r.Entry.Payload)
		if err != nil {
			return nil, err
		}
		report.Batched = h.Count
		e = h.Envelope()
	case juno.EntryKeyOp:
		o, err := juno.ParseKeyOp(r.Entry.Payload)
		if err != nil {
			return nil, err
		}
		report.Request = o.Request
		e = o.Envelope()
	default:
		return nil, nil
	}
	if r.Batch != nil {
		return nil, fmt.Errorf("entry %d is in no batch", r.Entry.Index)
	}
	return &e, nil
}

func (v *receiptVerifier) signedBatch(c *juno.Command) (*juno.Envelope, error) {
	r := v.receipt
	if r.Batch == nil {
		return nil, errors.New("the command was signed in a batch, whose head is missing")
	}
	h := &r.Batch.Head
	if _, err := juno.ParseBatchHead(h.Payload()); err != nil {
		return nil, err
	}
	i, ok := h.Place(c)
	leaf := juno.MerkleLeaf(r.Entry.Payload)
	if !ok || !juno.CheckMerklePath(leaf, i, h.Count, r.Batch.Path, h.Root) { // rule: receipt-batch
		return nil, fmt.Errorf("request %d of %s is not in the batch of %d from %d by %s",
			c.Request, c.Key, h.Count, h.FirstRequest, h.Key)
	}
	v.report.Batched = h.Count
	e := h.Envelope()
	return &e, nil
}

// result wants every answer to say the same of the same entry as the claimed result.
func (v *receiptVerifier) result() error {
	r, report := v.receipt, v.report
	report.Result = r.Result
	if r.Result == nil {
		if len(r.Answers) > 0 { // rule: receipt-result
			return fmt.Errorf("%d answers, but no result is claimed", len(r.Answers))
		}
		return nil
	}
	d := juno.NewDecoder(juno.AppendResult(nil, r.Result))
	if d.Result(); d.Done() != nil { // rule: receipt-result-form
		return fmt.Errorf("result: %w", d.Err())
	}
	if report.Request == 0 {
		return fmt.Errorf("a result is claimed of an entry of type %s", r.Entry.Type)
	}
	want := juno.Answer{
		Client: report.Client, Request: report.Request,
		Command: juno.CommandID(r.Entry.Payload), Pos: report.Pos, Result: *r.Result,
	}
	for i := range r.Answers {
		if want.Client == "" {
			want.Client = r.Answers[0].Client
		}
		if a := &r.Answers[i]; !a.Agrees(&want) { // rule: receipt-answer
			return fmt.Errorf("%s answers %s %s to request %d of %s at %s; the receipt says "+
				"%s %s, request %d of %s at %s", a.Node, a.Result.Status, a.Result.Code, a.Request,
				juno.Clean(a.Client), a.Pos, want.Result.Status, want.Result.Code, want.Request,
				juno.Clean(want.Client), want.Pos)
		}
	}
	return nil
}

// answers checks the signatures of the answers: distinct voters of one epoch, each with its own
// key. It is the newest epoch that the receipt proves: what an old entry gave, the voters of today
// can still say, who have executed it too.
func (v *receiptVerifier) answers() error {
	r, of := v.receipt, v.members.Newest()
	v.report.AnswerEpoch, v.report.AnswerFaulty = of.config.Epoch, of.config.Faulty()
	if len(r.Answers) > len(of.config.Voters) {
		return fmt.Errorf("%d answers of %d voters", len(r.Answers), len(of.config.Voters))
	}
	seen := make(map[juno.NodeID]bool, len(r.Answers))
	envelopes := make([]juno.Envelope, len(r.Answers))
	for i := range r.Answers {
		a := &r.Answers[i]
		if _, votes := of.config.Voter(a.Node); !votes { // rule: answer-voter
			return fmt.Errorf("answer %d: %s is no voter of epoch %d", i, a.Node, of.config.Epoch)
		}
		if seen[a.Node] { // rule: answer-twice
			return fmt.Errorf("answer %d: %s answers twice", i, a.Node)
		}
		seen[a.Node] = true
		envelopes[i] = a.Envelope()
	}
	for i, o := range of.ring.OpenAll(envelopes, 0) {
		if err := o.By(r.Answers[i].Node); err != nil { // rule: answer-signature
			return fmt.Errorf("answer of %s: %w", r.Answers[i].Node, err)
		}
		v.report.Answered = append(v.report.Answered, r.Answers[i].Node)
	}
	return nil
}
