package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"juno"
	"juno/db/audit"
	"juno/db/state"
	"juno/snapshot"
)

// VerifyCarrier verifies an exported file as VerifyDirectory does a directory. The file holds no
// hash per entry: the chain is what its entries give, and has to meet its certificates.
func VerifyCarrier(ctx context.Context, path string, o VerifyOptions) (*Verdict, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r := &carrierAudit{options: o}
	read := &countingReader{r: f, total: info.Size(), progress: o.Progress}
	err = snapshot.Import(ctx, bufio.NewReaderSize(read, 1<<20), r, nil)
	return r.verdict(err)
}

type countingReader struct {
	r           *os.File
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

// carrierAudit shows a carrier to an auditor while it is read.
type carrierAudit struct {
	options  VerifyOptions
	audit    audit.Options
	auditor  *audit.Auditor
	manifest *snapshot.Manifest
	memory   *audit.Memory
	set      state.SetHash
	tip      juno.Pos
	proven   juno.Pos
	findings []juno.Finding
}

// Genesis implements snapshot.Receiver.
func (c *carrierAudit) Genesis(g *juno.Genesis) error {
	c.tip = juno.Pos{Hash: g.ID()}
	c.audit = audit.Options{
		Genesis: g, Start: c.tip, From: c.options.From, To: c.options.To,
		Signatures: !c.options.SkipSignatures && !c.options.HashOnly,
		Proofs:     !c.options.HashOnly, Replay: !c.options.SkipReplay && !c.options.HashOnly,
	}
	return nil
}

// Manifest implements snapshot.Receiver.
func (c *carrierAudit) Manifest(m *snapshot.Manifest) error {
	ring, err := c.audit.Genesis.Config.Keyring(c.audit.Genesis.ID())
	if err != nil {
		return err
	}
	c.manifest, c.memory = m, audit.NewMemory()
	c.tip, c.audit.Start, c.audit.State = m.Pos, m.Pos, c.memory
	return m.Check(ring)
}

// Element implements snapshot.Receiver.
func (c *carrierAudit) Element(e snapshot.Element) error {
	c.set.Add(e.Key, e.Value)
	c.memory.Put([]byte(string(e.Key)), []byte(string(e.Value)))
	return nil
}

// ManifestEnd implements snapshot.Receiver.
func (c *carrierAudit) ManifestEnd() error {
	m := c.manifest
	f := juno.Finding{
		Check: checkSnapshot, From: m.Pos.Index, To: m.Pos.Index + 1,
		Items: m.Elements, OK: true,
	}
	if got := c.set.Hash(); got != m.StateHash {
		f = badSnapshot(f, m.StateHash.String(), got.String(),
			errors.New("the elements give another state hash than the manifest names"))
	}
	c.findings = append(c.findings, f)
	return nil
}

func (c *carrierAudit) begin() (err error) {
	if c.auditor == nil {
		c.auditor, err = audit.New(c.audit)
	}
	return err
}

// Entries implements snapshot.Receiver.
func (c *carrierAudit) Entries(all []juno.Entry) error {
	if err := c.begin(); err != nil {
		return err
	}
	chained := make([]juno.Chained, len(all))
	for i := range all {
		c.tip = juno.Pos{Index: all[i].Index, Hash: all[i].ChainHash(c.tip.Hash)}
		chained[i] = juno.Chained{Entry: all[i], Hash: c.tip.Hash}
	}
	c.auditor.Entries(chained)
	return nil
}

// Record implements snapshot.Receiver.
func (c *carrierAudit) Record(r juno.Record) error {
	if err := c.begin(); err != nil {
		return err
	}
	if r.Kind != juno.RecordProof {
		return nil
	}
	d := juno.NewDecoder(r.Bytes)
	proof := d.Certificate()
	if err := d.Done(); err != nil {
		return fmt.Errorf("proof of entry %d: %w", r.Index, err)
	}
	c.proven = proof.Pos
	if speaksOnlyOf(proof, c.options.To) {
		c.auditor.Certificate(proof)
	}
	return nil
}

// End implements snapshot.Receiver.
func (c *carrierAudit) End() error { return c.begin() }

// verdict ends the audit. err is how reading ended.
func (c *carrierAudit) verdict(err error) (*Verdict, error) {
	if c.audit.Genesis == nil {
		return nil, err
	}
	if err != nil && !errors.Is(err, snapshot.ErrCorrupt) && !errors.Is(err, juno.ErrMalformed) {
		return nil, err
	}
	v := &Verdict{
		Cluster: c.audit.Genesis.ID(), Start: c.audit.Start, Tip: c.tip,
		Findings: c.findings,
	}
	if c.auditor != nil {
		if err != nil {
			c.auditor.Damage(c.tip.Index+1, err)
		}
		findings, errFinish := c.auditor.Finish()
		v.Findings = append(v.Findings, findings...)
		if errFinish != nil {
			return nil, errFinish
		}
	}
	if err != nil {
		v.Findings = append(v.Findings, juno.Finding{
			Check: "file", From: c.tip.Index + 1,
			FirstBad: c.tip.Index + 1, Expected: "a complete carrier", Actual: "a damaged one",
			Detail: err.Error(),
		})
	} else if c.proven != c.tip && !c.options.HashOnly {
		v.Findings = append(v.Findings, juno.Finding{
			Check: audit.CheckProofs, From: c.tip.Index,
			To: c.tip.Index + 1, FirstBad: c.proven.Index + 1, Expected: "a certificate of " +
				c.tip.String(), Actual: "the newest is of " + c.proven.String(),
			Detail: "the last entries are not proven to be final",
		})
	}
	return v, nil
}
