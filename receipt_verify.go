package juno

import (
	"fmt"
	"strings"
)

// ReceiptReport is what a receipt proves, no more. Everything in it was checked, except what its
// comment calls claimed.
type ReceiptReport struct {
	Cluster ClusterID
	// Pinned says that the cluster is the one that the verifier expected. If not, the receipt is
	// about some cluster of that name: anyone can make a genesis.
	Pinned bool
	Pos    Pos // of the entry
	Term   Term
	Time   Millis
	Type   EntryType
	// Epoch is that of the certificate; Voters of that epoch could vote, Faulty of them could lie
	// without anything false being certified, and Attested did vote for Certified, which is the
	// entry or a later one on the same chain.
	Epoch     uint32
	Voters    int
	Faulty    int
	Certified Pos
	Attested  []NodeID
	// Signer is the key that signed the entry; zero where entries of its type have none.
	Signer PublicKey
	// Client is whose key it is, if the genesis says so; otherwise the voters attest only that
	// the key was valid there, by having committed the entry.
	Client  string
	Request RequestID
	Command *Command // for commands
	Batched int      // how many commands were signed together; 0 for a single one
	// Result is what came of it; claimed unless ResultProven. Its message is always only claimed.
	Result   *Result
	Answered []NodeID // voters who signed that result
}

// ResultProven reports whether at least one correct node signed the result, if no more than
// Faulty voters are Byzantine: f+1 equal answers.
func (r *ReceiptReport) ResultProven() bool {
	return r.Result != nil && len(r.Answered) > r.Faulty
}

// VerifyReceipt checks everything in a receipt, offline, and reports what it proves. pinned is
// the cluster that the verifier expects; zero if he knows none, and then the report says so.
//
// What is proven rests on one assumption: in every epoch, at most f of its voters are Byzantine.
func VerifyReceipt(r *Receipt, pinned ClusterID) (*ReceiptReport, error) {
	if r.Genesis == nil || r.Certificate == nil {
		return nil, receiptError("genesis or certificate is missing")
	}
	if err := r.Genesis.Check(); err != nil {
		return nil, receiptError("%w", err)
	}
	report := &ReceiptReport{
		Cluster: r.Genesis.ID(), Term: r.Entry.Term, Time: r.Entry.Time,
		Type: r.Entry.Type, Certified: r.Certificate.Pos,
	}
	if report.Pinned = pinned != (ClusterID{}); report.Pinned && pinned != report.Cluster {
		return nil, receiptError("it is of cluster %s, expected %s", report.Cluster, pinned)
	}
	for _, step := range []func(*Receipt, *ReceiptReport) error{
		checkReceiptCertificate, checkReceiptChain, checkReceiptSigner, checkReceiptResult,
	} {
		if err := step(r, report); err != nil {
			return nil, receiptError("%w", err)
		}
	}
	return report, nil
}

// checkReceiptCertificate goes from the genesis through all epochs to the certificate.
func checkReceiptCertificate(r *Receipt, report *ReceiptReport) error {
	if len(r.Epochs) > receiptEpochsMax {
		return fmt.Errorf("%d epochs, at most %d", len(r.Epochs), receiptEpochsMax)
	}
	cfg, last := &r.Genesis.Config, Index(0)
	for i := range r.Epochs {
		next, err := r.Epochs[i].verify(cfg, report.Cluster)
		if err != nil {
			return fmt.Errorf("end of epoch %d: %w", cfg.Epoch, err)
		}
		if r.Epochs[i].Entry.Index <= last {
			return fmt.Errorf("epoch %d ends at %d, the one before at %d", cfg.Epoch,
				r.Epochs[i].Entry.Index, last)
		}
		cfg, last = next, r.Epochs[i].Entry.Index
	}
	if at := r.Certificate.Pos.Index; at <= last {
		return fmt.Errorf("certificate at %d, but its epoch begins after %d", at, last)
	}
	if err := verifyDetached(r.Certificate, cfg, report.Cluster); err != nil {
		return err
	}
	report.Epoch, report.Voters, report.Faulty = cfg.Epoch, len(cfg.Voters), cfg.Faulty()
	for i := range r.Certificate.Votes {
		report.Attested = append(report.Attested, r.Certificate.Votes[i].Node)
	}
	ring, err := cfg.Keyring(report.Cluster)
	if err != nil {
		return err
	}
	return checkAnswers(r, cfg, ring, report)
}

// verifyDetached wants a certificate of kind Commit that needs no log.
func verifyDetached(c *QuorumCertificate, cfg *EpochConfig, cluster ClusterID) error {
	if c == nil || !c.Detached || c.Kind != Commit {
		return fmt.Errorf("want a detached commit certificate of epoch %d", cfg.Epoch)
	}
	ring, err := cfg.Keyring(cluster)
	if err != nil {
		return err
	}
	return c.Verify(cfg, ring, nil)
}

// verify checks the end of an epoch and returns the membership of the next.
func (e *EpochChange) verify(cfg *EpochConfig, cluster ClusterID) (*EpochConfig, error) {
	if err := verifyDetached(e.Certificate, cfg, cluster); err != nil {
		return nil, err
	}
	at := Pos{Index: e.Entry.Index, Hash: e.Entry.ChainHash(e.Prev)}
	if at != e.Certificate.Pos || e.Entry.Type != EntryConfig {
		return nil, fmt.Errorf("the certificate is for %s, the entry is %s at %s",
			e.Certificate.Pos, e.Entry.Type, at)
	}
	change, err := ParseConfigChange(e.Entry.Payload)
	if err != nil {
		return nil, err
	}
	if err := change.Verify(cfg, cluster); err != nil {
		return nil, err
	}
	return &change.Next, nil
}

// checkReceiptChain rolls the hash from the entry to the certificate.
func checkReceiptChain(r *Receipt, report *ReceiptReport) error {
	e, c := &r.Entry, r.Certificate
	if e.Index == 0 || !e.Type.Valid() || e.Time < 0 || len(e.Payload) > EntryPayloadBytesMax {
		return fmt.Errorf("no entry: index %d, %s, time %d, %d bytes", e.Index, e.Type, e.Time,
			len(e.Payload))
	}
	if e.Index == 1 && r.Prev != report.Cluster {
		return fmt.Errorf("entry 1 follows %s, want the cluster id %s", r.Prev, report.Cluster)
	}
	hash := e.ChainHash(r.Prev)
	report.Pos = Pos{Index: e.Index, Hash: hash}
	if c.Pos.Index == e.Index {
		if c.Pos.Hash != hash || len(r.Headers) != 0 {
			return fmt.Errorf("the certificate is for %s, the entry is at %s, with %d links",
				c.Pos, report.Pos, len(r.Headers))
		}
		return nil
	}
	if c.Pos.Index < e.Index || uint64(c.Pos.Index-e.Index-1) != uint64(len(r.Headers)) {
		return fmt.Errorf("%d links lead from entry %d to a certificate at %d", len(r.Headers),
			e.Index, c.Pos.Index)
	}
	for i, l := range r.Headers {
		hash = l.Chain(hash, e.Index+1+Index(i))
	}
	if hash != c.PrevHash {
		return fmt.Errorf("the chain leads from entry %d to %s at %d, the certificate follows %s",
			e.Index, hash.Short(), c.Pos.Index-1, c.PrevHash.Short())
	}
	return nil
}

// checkReceiptSigner checks the client's signature, where entries of the type have one.
func checkReceiptSigner(r *Receipt, report *ReceiptReport) error {
	e, err := r.signed(report)
	if err != nil {
		return err
	}
	if e == nil {
		if r.Signer != (PublicKey{}) || r.Batch != nil {
			return fmt.Errorf("entries of type %s are not signed by clients", r.Entry.Type)
		}
		return nil
	}
	if e.Key != r.Signer.ID() {
		return fmt.Errorf("signed by key %s, the receipt brings key %s", e.Key, r.Signer.ID())
	}
	if err := r.Signer.Check(); err != nil {
		return err
	}
	message := AppendSigningBytes(nil, e.Kind, report.Cluster, e.Body)
	if !VerifySignature(r.Signer, message, e.Signature) {
		return fmt.Errorf("key %s: %w", e.Key, ErrBadSignature)
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
func (r *Receipt) signed(report *ReceiptReport) (*Envelope, error) {
	var e Envelope
	switch r.Entry.Type {
	case EntryCommand:
		c, err := ParseCommand(r.Entry.Payload)
		if err != nil {
			return nil, err
		}
		report.Command, report.Request = &c, c.Request
		if c.Batched {
			return r.signedBatch(&c, report)
		}
		e = c.Envelope()
	case EntryBatchHead:
		h, err := ParseBatchHead(r.Entry.Payload)
		if err != nil {
			return nil, err
		}
		report.Batched = h.Count
		e = h.Envelope()
	case EntryKeyOp:
		o, err := ParseKeyOp(r.Entry.Payload)
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

func (r *Receipt) signedBatch(c *Command, report *ReceiptReport) (*Envelope, error) {
	if r.Batch == nil {
		return nil, fmt.Errorf("the command was signed in a batch, whose head is missing")
	}
	h := &r.Batch.Head
	if _, err := ParseBatchHead(h.Payload()); err != nil {
		return nil, err
	}
	i, ok := h.place(c)
	if !ok || !CheckMerklePath(MerkleLeaf(r.Entry.Payload), i, h.Count, r.Batch.Path, h.Root) {
		return nil, fmt.Errorf("request %d of %s is not in the batch of %d from %d by %s",
			c.Request, c.Key, h.Count, h.FirstRequest, h.Key)
	}
	report.Batched = h.Count
	e := h.Envelope()
	return &e, nil
}

// checkReceiptResult wants every answer to say the same of the same entry as the vote.
func checkReceiptResult(r *Receipt, report *ReceiptReport) error {
	report.Result = r.Result
	if r.Result == nil {
		if len(r.Answers) > 0 {
			return fmt.Errorf("%d answers, but no result is claimed", len(r.Answers))
		}
		return nil
	}
	d := NewDecoder(AppendResult(nil, r.Result))
	if d.Result(); d.Done() != nil {
		return fmt.Errorf("result: %w", d.Err())
	}
	if report.Request == 0 {
		return fmt.Errorf("a result is claimed of an entry of type %s", r.Entry.Type)
	}
	want := Answer{
		Client: report.Client, Request: report.Request,
		Command: CommandID(r.Entry.Payload), Pos: report.Pos, Result: *r.Result,
	}
	for i := range r.Answers {
		if want.Client == "" {
			want.Client = r.Answers[0].Client
		}
		if a := &r.Answers[i]; !a.Agrees(&want) {
			return fmt.Errorf("%s answers %s %s to request %d of %s at %s; the receipt says "+
				"%s %s, request %d of %s at %s", a.Node, a.Result.Status, a.Result.Code, a.Request,
				a.Client, a.Pos, want.Result.Status, want.Result.Code, want.Request, want.Client,
				want.Pos)
		}
	}
	return nil
}

// checkAnswers checks the signatures of the answers: distinct voters, each with its own key.
func checkAnswers(r *Receipt, cfg *EpochConfig, ring *Keyring, report *ReceiptReport) error {
	if len(r.Answers) > len(cfg.Voters) {
		return fmt.Errorf("%d answers of %d voters", len(r.Answers), len(cfg.Voters))
	}
	seen := make(map[NodeID]bool, len(r.Answers))
	for i := range r.Answers {
		a := &r.Answers[i]
		if _, votes := cfg.Voter(a.Node); !votes || seen[a.Node] {
			return fmt.Errorf("answer %d: %s is no voter of epoch %d, or answers twice", i, a.Node,
				cfg.Epoch)
		}
		seen[a.Node] = true
		v, err := ring.Open(a.Envelope(), 0)
		if err != nil {
			return fmt.Errorf("answer of %s: %w", a.Node, err)
		}
		if v.Signer().Subject != a.Node.String() || v.Signer().Role != RoleNode {
			return fmt.Errorf("answer of %s is signed by %s", a.Node, v.Signer().Subject)
		}
		report.Answered = append(report.Answered, a.Node)
	}
	return nil
}

// String says in sentences what is proven and what is not, one a line.
func (r *ReceiptReport) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("proven: entry %d (%s) of %s is committed in cluster %s", r.Pos.Index, r.Type, r.Time,
		r.Cluster)
	line("proven: its chain hash is %s, and with it everything before it", r.Pos.Hash)
	line("because %d of the %d voters of epoch %d attest index %d: %s", len(r.Attested), r.Voters,
		r.Epoch, r.Certified.Index, NodeNames(r.Attested))
	r.describeSigner(line)
	r.describeResult(line)
	if r.Faulty == 0 {
		line("assumed: no voter is Byzantine; fewer than 4 voters survive none, and here are %d",
			r.Voters)
	} else {
		line("assumed: of the %d voters at most %d are Byzantine", r.Voters, r.Faulty)
	}
	if r.Epoch > 0 {
		line("assumed: no more than a third of the voters of each earlier epoch either")
	}
	if !r.Pinned {
		line("not proven: that this is the cluster you mean; compare its id with one you trust")
	}
	return b.String()
}

func (r *ReceiptReport) describeSigner(line func(string, ...any)) {
	if r.Signer == (PublicKey{}) {
		return
	}
	what := "it"
	switch {
	case r.Command != nil && r.Batched > 0:
		what = fmt.Sprintf("request %d, %q, in a batch of %d", r.Request, r.Command.Text, r.Batched)
	case r.Command != nil:
		what = fmt.Sprintf("request %d, %q", r.Request, r.Command.Text)
	case r.Batched > 0:
		what = fmt.Sprintf("the head of a batch of %d commands", r.Batched)
	}
	line("proven: key %s signed %s", r.Signer.ID(), what)
	if r.Client != "" {
		line("proven: that key is in the genesis, as a key of %q", r.Client)
	} else {
		line("attested only: whose key that is; the genesis does not know it, and the voters " +
			"accepted it")
	}
}

func (r *ReceiptReport) describeResult(line func(string, ...any)) {
	if r.Result == nil {
		return
	}
	said := r.Result.Status.String()
	if r.Result.Code != "" {
		said += " " + string(r.Result.Code)
	}
	if r.Result.Value != "" {
		said += fmt.Sprintf(" %q", r.Result.Value)
	}
	if r.ResultProven() {
		line("proven: its result is %s; voters who signed that: %d, it takes %d: %s", said,
			len(r.Answered), r.Faulty+1, NodeNames(r.Answered))
	} else {
		line("claimed only: its result is %s; voters who signed that: %d, it takes %d", said,
			len(r.Answered), r.Faulty+1)
	}
}
