package files

import (
	"errors"
	"fmt"

	"juno"
	"juno/db/audit"
	"juno/verify"
	"juno/wal"
)

// Options say what is verified.
type Options struct {
	// Pinned is the ledger that the files must be of; zero stands for any, and the verdict says so.
	Pinned juno.ClusterID
	// SkipSignatures and SkipReplay leave out the client signatures, and the execution of the log
	// with the state hashes. The chain, the certificates and every change of the membership are
	// always checked; the verdict names what was not.
	SkipSignatures, SkipReplay bool
	// HashOnly is both, on all cores: the chain, the memberships, and a certificate of its head.
	HashOnly bool
	// From and To bound what is reported, [From, To); 0 stands for the ends.
	From, To juno.Index
	// Progress is told how many bytes were read, of how many; 0 where that is not known. May be
	// nil.
	Progress func(done, total int64)
}

// skipped names what the options leave out.
func (o *Options) skipped() []string {
	var all []string
	if o.SkipSignatures || o.HashOnly {
		all = append(all, "client signatures")
	}
	if o.SkipReplay || o.HashOnly {
		all = append(all, "execution and state hashes")
	}
	if o.HashOnly {
		all = append(all, "order of terms and times")
	}
	if o.From > 1 {
		all = append(all, fmt.Sprintf("entries before %d but for chain and certificates", o.From))
	}
	if o.To > 0 {
		all = append(all, fmt.Sprintf("entries from %d on but for chain and certificates", o.To))
	}
	return all
}

// The names of checks that only files need.
const (
	checkSnapshot = "snapshot"
	checkFile     = "file"
	checkEpochs   = "epochs"
	checkRecords  = "records"
)

// unprovenMax is the longest stretch without a certificate that a crash can leave: what may be in
// flight, and the certificates that a node holds back meanwhile.
const unprovenMax = 65_536 + 64

// damage puts a damaged log into a finding, and reports whether err is that.
func damage(f *juno.Finding, err error) bool {
	var corrupt *wal.CorruptError
	if !errors.As(err, &corrupt) {
		return false
	}
	f.OK, f.FirstBad = false, max(f.FirstBad, corrupt.Index)
	f.Detail = fmt.Sprintf("%s at byte %d", corrupt.File, corrupt.Offset)
	f.Expected, f.Actual = "bytes that their checksums confirm", corrupt.Reason
	return true
}

// bad returns a finding that says what is wrong.
func bad(check string, at juno.Index, expected, actual string, err error) juno.Finding {
	return juno.Finding{
		Check: check, From: at, To: at + 1, FirstBad: at, Expected: expected, Actual: actual,
		Detail: err.Error(),
	}
}

// judgeTail looks at the entries behind the proven head. Anybody who can write the files can write
// entries there; that the clients' signatures are good says nothing about what is missing between
// them.
func judgeTail(v *verify.Verdict) {
	if v.Unproven() <= unprovenMax { // rule: tail
		return
	}
	from := v.Head().Index + 1
	v.Findings = append(v.Findings, juno.Finding{
		Check: audit.CheckProofs, From: from, To: v.Held.Index + 1, FirstBad: from,
		Expected: "a commit certificate that covers it",
		Actual:   fmt.Sprintf("none, nor for the %d entries behind it", v.Unproven()-1),
		Detail: "nothing proves that these entries are what was committed; after a crash, " +
			"opening the ledger once writes what is missing",
	})
}

// showRecord shows a record of a log to an auditor. It returns a finding if the record says what it
// does not hold.
func showRecord(a *audit.Auditor, r juno.Record) *juno.Finding {
	lies := func(err error) *juno.Finding {
		f := bad(checkRecords, r.Index, fmt.Sprintf("a %s record of entry %d", r.Kind, r.Index),
			"another", err)
		return &f
	}
	switch r.Kind {
	case juno.RecordProof:
		c, err := juno.ParseProof(r.Bytes)
		if err != nil {
			return lies(err)
		}
		if c.Pos.Index != r.Index { // rule: record-index
			return lies(fmt.Errorf("it holds the certificate of entry %d", c.Pos.Index))
		}
		a.Certificate(c)
	case juno.RecordEpoch:
		e, err := juno.ParseEpochRecord(r.Bytes)
		if err != nil {
			return lies(err)
		}
		if e.Certificate.Pos.Index != r.Index { // rule: epoch-record-index
			return lies(fmt.Errorf("it holds the end of an epoch at %d", e.Certificate.Pos.Index))
		}
		change := e.Change()
		a.Epoch(&change)
	}
	return nil
}
