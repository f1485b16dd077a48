package verify

import (
	"fmt"

	"juno"
)

// Verdict is what the verification of a directory, an export or a snapshot came to.
type Verdict struct {
	Ledger juno.ClusterID
	Pinned bool // it is the ledger that the caller expected
	// Start is the position before the first entry that is held, Held that of the last one.
	Start, Held juno.Pos
	// Proven is the newest position that a commit certificate proves; nil if none does.
	Proven *ProvenPosition
	// Base is the proven state that the execution began with; nil if there is none.
	Base *ProvenState
	// Missing is why something that everything else rests upon is not proven; nil if it is. It is a
	// ClaimError where it is the word of a node.
	Missing error
	// Findings has one record for each check.
	Findings []juno.Finding
	// Skipped names what was not checked because the caller did not want it.
	Skipped []string
}

// Head returns the newest position that is proven to be committed, the end of what the verdict is
// about: of a certificate, or of the proven state that it begins with.
func (v *Verdict) Head() juno.Pos {
	head := juno.Pos{Hash: v.Ledger}
	if v.Base != nil {
		head = v.Base.Pos()
	}
	if v.Proven != nil && v.Proven.Pos().Index >= head.Index {
		head = v.Proven.Pos()
	}
	return head
}

// Unproven returns how many of the entries that are held lie behind the proven head.
func (v *Verdict) Unproven() uint64 {
	return uint64(v.Held.Index - min(v.Head().Index, v.Held.Index))
}

// Verified reports whether nothing wrong was found, and whether what is said about the entries up
// to Head is proven.
func (v *Verdict) Verified() bool { return v.Problem() == "" }

// Problem says in one line why the verdict is not "verified"; empty if it is.
func (v *Verdict) Problem() string {
	if v.Missing != nil {
		return v.Missing.Error()
	}
	for i := range v.Findings {
		if f := &v.Findings[i]; !f.OK {
			return f.String()
		}
	}
	if v.Head().Index < v.Held.Index && v.Head().Index <= v.Start.Index { // rule: nothing-proven
		return fmt.Sprintf("%d entries are held, and no certificate proves any of them",
			v.Unproven())
	}
	return ""
}

// Summary says in one line what the verdict is, for people.
func (v *Verdict) Summary() string {
	if problem := v.Problem(); problem != "" {
		return "NOT verified: " + juno.Clean(problem)
	}
	s := fmt.Sprintf("verified, ledger %s", v.Ledger)
	if !v.Pinned {
		s += " (not pinned)"
	}
	head := v.Head()
	switch n := head.Index - min(v.Start.Index, head.Index); n {
	case 0:
		s += fmt.Sprintf(", no entries, at %d/%s", head.Index, head.Hash)
	case 1:
		s += fmt.Sprintf(", 1 entry to %d/%s", head.Index, head.Hash)
	default:
		s += fmt.Sprintf(", %d entries to %d/%s", n, head.Index, head.Hash)
	}
	if n := v.Unproven(); n == 1 {
		s += "; 1 entry held behind it, not proven to be committed"
	} else if n > 1 {
		s += fmt.Sprintf("; %d entries held behind it, not proven to be committed", n)
	}
	for i, what := range v.Skipped {
		if i == 0 {
			s += "; not checked: " + what
		} else {
			s += ", " + what
		}
	}
	return s
}

// CheckRecord is one check in the JSON form of a verdict.
type CheckRecord struct {
	Check    string     `json:"check"`
	OK       bool       `json:"ok"`
	From     juno.Index `json:"from"`
	To       juno.Index `json:"to"`
	Items    uint64     `json:"items"`
	FirstBad juno.Index `json:"first_bad,omitempty"`
	Expected string     `json:"expected,omitempty"`
	Actual   string     `json:"actual,omitempty"`
	Detail   string     `json:"detail,omitempty"`
}

// PosRecord is a position in the JSON form of a verdict.
type PosRecord struct {
	Index juno.Index `json:"index"`
	Hash  string     `json:"hash"`
}

func posRecord(p juno.Pos) PosRecord { return PosRecord{p.Index, p.Hash.String()} }

// VerdictRecord is the JSON form of a verdict. Every text in it is Clean.
type VerdictRecord struct {
	Verified bool      `json:"verified"`
	Problem  string    `json:"problem,omitempty"`
	Ledger   string    `json:"ledger"`
	Pinned   bool      `json:"pinned"`
	Start    PosRecord `json:"start"`
	Proven   PosRecord `json:"proven"`
	Attested []string  `json:"attested"` // the voters whose signatures prove the head
	Held     PosRecord `json:"held"`
	Unproven uint64    `json:"held_not_proven"`
	// Base says how the state that the execution began with is proven; empty if it is not.
	Base string `json:"base"`
	// ClaimedBy is the node whose word the base state is, where it is no more than that.
	ClaimedBy  string        `json:"claimed_by,omitempty"`
	NotChecked []string      `json:"not_checked"`
	Checks     []CheckRecord `json:"checks"`
}

// Record returns the JSON form.
func (v *Verdict) Record() VerdictRecord {
	r := VerdictRecord{
		Verified: v.Verified(), Problem: juno.Clean(v.Problem()), Ledger: v.Ledger.String(),
		Pinned: v.Pinned, Start: posRecord(v.Start), Proven: posRecord(v.Head()),
		Attested: []string{}, Held: posRecord(v.Held), Unproven: v.Unproven(),
		NotChecked: append([]string{}, v.Skipped...), Checks: []CheckRecord{},
	}
	if v.Base != nil {
		r.Base = v.Base.String()
	}
	if claim, ok := v.Missing.(*ClaimError); ok {
		r.ClaimedBy = claim.By.String()
	}
	if v.Proven != nil {
		r.Attested = names(v.Proven.Attested())
	}
	for _, f := range v.Findings {
		r.Checks = append(r.Checks, CheckRecord{
			Check: f.Check, OK: f.OK, From: f.From, To: f.To, Items: f.Items, FirstBad: f.FirstBad,
			Expected: juno.Clean(f.Expected), Actual: juno.Clean(f.Actual),
			Detail: juno.Clean(f.Detail),
		})
	}
	return r
}
