package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"juno"
	"juno/db/audit"
	"juno/db/state"
	"juno/snapshot"
	"juno/verify"
)

// Export verifies an exported file as Directory does a directory. The file holds no hash per entry:
// the chain is what its entries give, and has to meet its certificates.
func Export(ctx context.Context, path string, o Options) (*verify.Verdict, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	read := &countingReader{r: f, total: info.Size(), progress: o.Progress}
	return ExportFrom(ctx, bufio.NewReaderSize(read, 1<<20), o)
}

// ExportFrom verifies what a reader gives of an exported file.
func ExportFrom(ctx context.Context, r io.Reader, o Options) (*verify.Verdict, error) {
	a := NewExportAudit(o)
	return a.Verdict(snapshot.Import(ctx, r, a, nil))
}

type countingReader struct {
	r           io.Reader
	done, total int64
	progress    func(done, total int64)
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.done += int64(n); c.progress != nil {
		c.progress(c.done, c.total)
	}
	return n, err
}

// ExportAudit is a snapshot.Receiver that verifies what it receives. Whoever takes an export in
// shows it everything that comes, and asks for the verdict at the end.
type ExportAudit struct {
	options  Options
	verdict  *verify.Verdict
	members  *verify.Memberships
	audit    audit.Options
	auditor  *audit.Auditor
	manifest *snapshot.Manifest
	memory   *audit.Memory
	set      state.SetHash
	tip      juno.Pos
	found    []juno.Finding
	changes  []juno.EpochChange
}

var _ snapshot.Receiver = (*ExportAudit)(nil)

// NewExportAudit returns an audit of one export. Verdict must be called, also after an error.
func NewExportAudit(o Options) *ExportAudit {
	if o.HashOnly {
		o.SkipSignatures, o.SkipReplay = true, true
	}
	return &ExportAudit{options: o}
}

// Genesis implements snapshot.Receiver. It fails with verify.ErrPin where the ledger is another.
func (x *ExportAudit) Genesis(g *juno.Genesis) error {
	m, err := verify.FromGenesis(g, x.options.Pinned)
	if err != nil {
		return err
	}
	x.members, x.tip = m, juno.Pos{Hash: m.Cluster()}
	x.verdict = &verify.Verdict{
		Ledger: m.Cluster(), Pinned: m.Pinned(), Start: x.tip, Skipped: x.options.skipped(),
		Base: m.Genesis(),
	}
	x.audit = audit.Options{
		Genesis: g, Start: x.tip, From: x.options.From, To: x.options.To, Members: m, Proofs: true,
		Signatures: !x.options.SkipSignatures, Replay: !x.options.SkipReplay,
	}
	return nil
}

// Epoch implements snapshot.Receiver.
func (x *ExportAudit) Epoch(e *juno.EpochChange) error {
	x.changes = append(x.changes, *e)
	return nil
}

// extend proves the memberships of the epochs that came. What is wrong with one is a finding: then
// the certificates of later epochs prove nothing.
func (x *ExportAudit) extend() {
	if err := x.members.ExtendAll(x.changes); err != nil {
		x.found = append(x.found, bad(checkEpochs, x.members.Newest().Begin().Index+1,
			"the proven end of an epoch", "one that is not", err))
	}
	x.changes = nil
}

// Manifest implements snapshot.Receiver.
func (x *ExportAudit) Manifest(m *snapshot.Manifest) error {
	x.extend()
	v := x.verdict
	x.manifest, x.memory = m, audit.NewMemory()
	x.tip, x.audit.Start, x.audit.State, v.Start, v.Base = m.Pos, m.Pos, x.memory, m.Pos, nil
	base, err := proveState(x.members, m)
	var claim *verify.ClaimError
	switch {
	case err == nil:
		v.Base = base
	case errors.As(err, &claim):
		v.Missing = err
	default:
		x.found = append(x.found, bad(checkSnapshot, m.Pos.Index, "a proof of its state",
			"one that is not", err))
		v.Missing = fmt.Errorf("the state at %s is not proven", m.Pos)
	}
	return nil
}

// Element implements snapshot.Receiver.
func (x *ExportAudit) Element(e snapshot.Element) error {
	x.set.Add(e.Key, e.Value)
	x.memory.Put([]byte(string(e.Key)), []byte(string(e.Value)))
	return nil
}

// ManifestEnd implements snapshot.Receiver.
func (x *ExportAudit) ManifestEnd() error {
	m := x.manifest
	f := juno.Finding{
		Check: checkSnapshot, From: m.Pos.Index, To: m.Pos.Index + 1, Items: m.Elements, OK: true,
	}
	if got := x.set.Hash(); got != m.StateHash { // rule: export-elements
		f = bad(checkSnapshot, m.Pos.Index, m.StateHash.String(), got.String(),
			errors.New("the elements give another state hash than the manifest names"))
	}
	x.found = append(x.found, f)
	return nil
}

func (x *ExportAudit) begin() (err error) {
	if x.auditor == nil {
		x.extend()
		x.auditor, err = audit.New(x.audit)
	}
	return err
}

// Entries implements snapshot.Receiver.
func (x *ExportAudit) Entries(all []juno.Entry) error {
	if err := x.begin(); err != nil {
		return err
	}
	chained := make([]juno.Chained, len(all))
	for i := range all {
		x.tip = juno.Pos{Index: all[i].Index, Hash: all[i].ChainHash(x.tip.Hash)}
		chained[i] = juno.Chained{Entry: all[i], Hash: x.tip.Hash}
	}
	x.auditor.Entries(chained)
	return nil
}

// Record implements snapshot.Receiver.
func (x *ExportAudit) Record(r juno.Record) error {
	if err := x.begin(); err != nil {
		return err
	}
	if f := showRecord(x.auditor, r); f != nil {
		x.found = append(x.found, *f)
	}
	return nil
}

// End implements snapshot.Receiver.
func (x *ExportAudit) End() error { return x.begin() }

// Verdict ends the audit. err is how reading ended: bytes that are not an export are a finding,
// other errors are returned.
func (x *ExportAudit) Verdict(err error) (*verify.Verdict, error) {
	var findings []juno.Finding
	if x.auditor != nil {
		if err != nil {
			x.auditor.Damage(x.tip.Index+1, err)
		}
		var failed error
		if findings, failed = x.auditor.Finish(); failed != nil {
			return nil, errors.Join(err, failed)
		}
	}
	damaged := errors.Is(err, snapshot.ErrCorrupt) || errors.Is(err, juno.ErrMalformed)
	if x.verdict == nil || err != nil && !damaged {
		return nil, err
	}
	v := x.verdict
	v.Held, v.Findings = x.tip, append(x.found, findings...)
	if x.auditor != nil {
		v.Proven = x.auditor.Proven()
	}
	if err != nil {
		v.Findings = append(v.Findings, bad(checkFile, x.tip.Index+1, "a complete export",
			"a damaged one", err))
	} else if v.Head() != v.Held { // rule: export-head
		newest := "none that is valid"
		if v.Head().Index > 0 {
			newest = "the newest is of " + v.Head().String()
		}
		v.Findings = append(v.Findings, bad(audit.CheckProofs, max(v.Head().Index, v.Start.Index)+1,
			"a commit certificate of "+v.Held.String(), newest,
			errors.New("an export ends where its newest certificate does")))
	}
	return v, nil
}
