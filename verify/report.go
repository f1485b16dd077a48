package verify

import (
	"fmt"
	"strings"

	"juno"
)

// String says in sentences what is proven and what is not, one a line.
func (r *Report) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("proven: entry %d (%s) of %s is committed in cluster %s", r.Pos.Index, r.Type, r.Time,
		r.Cluster)
	line("proven: its chain hash is %s, and with it everything before it", r.Pos.Hash)
	line("because %d of the %d voters of epoch %d attest index %d: %s", len(r.Attested), r.Voters,
		r.Epoch, r.Certified.Index, juno.NodeNames(r.Attested))
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

func (r *Report) describeSigner(line func(string, ...any)) {
	if r.Signer == (juno.PublicKey{}) {
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

func (r *Report) describeResult(line func(string, ...any)) {
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
	voters := "voters"
	if r.AnswerEpoch != r.Epoch {
		voters = fmt.Sprintf("voters of epoch %d", r.AnswerEpoch)
	}
	if r.ResultProven() {
		line("proven: its result is %s; %s who signed that: %d, it takes %d: %s", said, voters,
			len(r.Answered), r.AnswerFaulty+1, juno.NodeNames(r.Answered))
	} else {
		line("claimed only: its result is %s; %s who signed that: %d, it takes %d", said, voters,
			len(r.Answered), r.AnswerFaulty+1)
	}
}

func names(ids []juno.NodeID) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = id.String()
	}
	return all
}

// ReportRecord is the JSON form of a report. Every text in it is Clean.
type ReportRecord struct {
	Verified     bool      `json:"verified"`
	Ledger       string    `json:"ledger"`
	Pinned       bool      `json:"pinned"`
	Entry        PosRecord `json:"entry"`
	Type         string    `json:"type"`
	Time         string    `json:"time"`
	Epoch        uint32    `json:"epoch"`
	Certified    PosRecord `json:"certified"`
	Attested     []string  `json:"attested"`
	SignedBy     string    `json:"signed_by,omitempty"`
	Client       string    `json:"client,omitempty"`
	Text         string    `json:"text,omitempty"`
	Result       string    `json:"result,omitempty"`
	Value        string    `json:"value,omitempty"`
	ResultProven bool      `json:"result_proven"`
	Answered     []string  `json:"answered"`
}

// Record returns the JSON form.
func (r *Report) Record() ReportRecord {
	out := ReportRecord{
		Verified: true, Ledger: r.Cluster.String(), Pinned: r.Pinned, Entry: posRecord(r.Pos),
		Type: r.Type.String(), Time: r.Time.String(), Epoch: r.Epoch,
		Certified: posRecord(r.Certified), Attested: names(r.Attested),
		Client: juno.Clean(r.Client), ResultProven: r.ResultProven(), Answered: names(r.Answered),
	}
	if r.Signer != (juno.PublicKey{}) {
		out.SignedBy = r.Signer.ID().String()
	}
	if r.Command != nil {
		out.Text = juno.Clean(r.Command.Text)
	}
	if r.Result != nil {
		out.Result = r.Result.Status.String()
		if r.Result.Code != "" {
			out.Result += " " + string(r.Result.Code)
		}
		out.Value = juno.Clean(r.Result.Value)
	}
	return out
}
