package audit

import (
	"errors"

	"juno"
	"juno/db/state"
)

// CheckSignatures is the name of the check of validity and signatures.
const CheckSignatures = "signatures"

// validity judges every entry by the log before it, and has its signature verified.
type validity struct {
	finding juno.Finding
	prefix  *state.Prefix
	cluster juno.ClusterID
	pool    *pool
	broken  bool // an entry was refused: what follows cannot be judged
}

func newValidity(prefix *state.Prefix, pool *pool, o *Options) *validity {
	return &validity{
		finding: juno.Finding{
			Check: CheckSignatures, From: max(o.From, o.StateAt.Index+1),
			OK: true,
		},
		prefix: prefix, cluster: o.Genesis.ID(), pool: pool,
	}
}

// entry judges the next entry.
func (v *validity) entry(e *juno.Entry) {
	if v.broken {
		return
	}
	if e.Index != v.prefix.Last()+1 {
		v.broken = true
		v.pool.keep(&v.finding, fault{v.prefix.Last() + 1, "all entries", "a gap", detailMissing})
		return
	}
	if e.Index >= v.finding.From {
		v.signature(e)
	}
	if err := v.prefix.Append(e); err != nil {
		v.refuse(e, err)
	}
}

// signature queues the signature of an entry. Commands of a batch have none: they hash to what
// their head signs.
func (v *validity) signature(e *juno.Entry) {
	envelope, signed, err := state.Envelope(e)
	if err != nil || !signed {
		if err == nil && (e.Type == juno.EntryCommand || e.Type == juno.EntryKeyOp) {
			v.finding.Items++
		}
		return // Append says what is wrong
	}
	signer, known := v.prefix.Keyring().Lookup(envelope.Key)
	if !known {
		return
	}
	v.finding.Items++
	s := item{public: signer.Public, index: e.Index, finding: &v.finding, what: signer.Subject}
	v.pool.add(s, v.cluster, &envelope)
}

// refuse notes an entry that may not stand where it stands.
func (v *validity) refuse(e *juno.Entry, err error) {
	v.broken = true
	expected, actual := "an entry that is valid there", e.Type.String()
	if errors.Is(err, juno.ErrBadSignature) {
		expected, actual = "a valid signature", "one that is not"
	}
	v.pool.keep(&v.finding, fault{e.Index, expected, actual, err.Error()})
}

// forget lets go of what taking entries back would need.
func (v *validity) forget() { v.prefix.Committed(v.prefix.Last()) }
