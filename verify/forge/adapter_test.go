package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"juno"
	"juno/verify"
	"juno/verify/files"
)

// outcome is what a verifier says of a piece of evidence.
type outcome struct {
	err      error // why nothing is said at all
	crash    any   // what it panicked with
	ledger   juno.ClusterID
	pinned   bool
	verified bool
	problem  string
	head     juno.Pos // proven
	start    juno.Pos
	held     juno.Pos
	base     *verify.ProvenState
	report   *verify.Report
	text     string // all that people are shown
}

func (o *outcome) String() string {
	switch {
	case o.crash != nil:
		return fmt.Sprintf("panic: %v", o.crash)
	case o.err != nil:
		return "refused: " + o.err.Error()
	case !o.verified:
		return "not verified: " + o.problem
	}
	return fmt.Sprintf("verified to %d/%s", o.head.Index, o.head.Hash.Short())
}

// errInput says that the forger made something that cannot be written down at all.
var errInput = errors.New("no such input")

// judge shows evidence to the verifier. The error is errInput.
func (p *pieces) judge(o files.Options, scratch string) (out *outcome, err error) {
	run, err := p.prepare(o, scratch)
	if err != nil {
		return nil, err
	}
	return guarded(run), nil
}

// guarded runs a verifier that may panic.
func guarded(run func() *outcome) (out *outcome) {
	defer func() {
		if r := recover(); r != nil {
			out = &outcome{crash: r}
		}
	}()
	return run()
}

// prepare writes evidence down, and returns the call that judges it, any number of times.
func (p *pieces) prepare(o files.Options, scratch string) (func() *outcome, error) {
	switch p.kind {
	case aReceipt:
		return p.prepareReceipt(o)
	case anExport:
		b := p.export()
		if p.onText != nil {
			b = p.onText(b)
		}
		return func() *outcome {
			v, err := files.ExportFrom(context.Background(), bytes.NewReader(b), o)
			return verdictOutcome(v, err)
		}, nil
	}
	all, err := p.directory(scratch)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInput, err)
	}
	path := filepath.Join(scratch, "evidence")
	if err := store(path, all); err != nil {
		return nil, err
	}
	if p.kind == aSnapshot && len(p.snaps) > 0 {
		name := fmt.Sprintf("%020d.manifest", p.snaps[0].manifest.Pos.Index)
		return func() *outcome {
			return verdictOutcome(files.Snapshot(context.Background(),
				filepath.Join(path, "snapshots", name), o))
		}, nil
	}
	return func() *outcome {
		return verdictOutcome(files.Directory(context.Background(), path, o))
	}, nil
}

func (p *pieces) prepareReceipt(o files.Options) (func() *outcome, error) {
	r := *p.receipt
	r.Genesis, r.Epochs = p.genesis, p.epochs
	if !p.asText && p.onText == nil {
		return func() *outcome { return reportOutcome(verify.Receipt(&r, o.Pinned)) }, nil
	}
	text, err := juno.FormatReceipt(&r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInput, err)
	}
	if p.onText != nil {
		text = p.onText(text)
	}
	return func() *outcome {
		r, err := juno.ParseReceipt(text)
		if err != nil {
			return &outcome{err: err}
		}
		return reportOutcome(verify.Receipt(r, o.Pinned))
	}, nil
}

func reportOutcome(r *verify.Report, err error) *outcome {
	if err != nil {
		return &outcome{err: err}
	}
	return &outcome{
		ledger: r.Cluster, pinned: r.Pinned, verified: true, head: r.Pos, report: r,
		text: r.String() + fmt.Sprintf("%+v", r.Record()),
	}
}

func verdictOutcome(v *verify.Verdict, err error) *outcome {
	if err != nil {
		return &outcome{err: err}
	}
	return &outcome{
		ledger: v.Ledger, pinned: v.Pinned, verified: v.Verified(), problem: v.Problem(),
		head: v.Head(), start: v.Start, held: v.Held, base: v.Base,
		text: v.Summary() + fmt.Sprintf("%+v", v.Record()),
	}
}

// scratchDir returns a directory for files that nobody keeps: in memory, if the machine has such a
// place, because the verifiers do not care and the disk does.
func scratchDir(t testing.TB) string {
	t.Helper()
	const inMemory = "/dev/shm"
	if info, err := os.Stat(inMemory); err == nil && info.IsDir() {
		if dir, err := os.MkdirTemp(inMemory, "juno-forge"); err == nil {
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			return dir
		}
	}
	return t.TempDir()
}
