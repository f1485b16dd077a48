package cluster

import (
	"fmt"

	"juno"
)

// signatureValidator is the Validator that the core sees: it refuses entries whose client signature
// was not verified on this node. Signatures that admission or the checker verified are known by
// their hash; the others are verified here, one by one.
type signatureValidator struct {
	Validator
	node    *Node
	message []byte
	// admitted holds the payloads that the pool gave to the core: admission has verified them.
	admitted map[*byte]struct{}
}

// clientEnvelope returns the statement by which a client signed an entry. It returns false for
// entries without one: those of other types, which the Validator checks completely, the commands of
// a batch, which the head's signature covers, and malformed entries, which the Validator refuses.
func clientEnvelope(e *juno.Entry) (juno.Envelope, bool) {
	switch e.Type {
	case juno.EntryCommand:
		if juno.IsBatched(e.Payload) {
			break // covered by the signature of the head before it
		}
		if c, err := juno.ParseCommand(e.Payload); err == nil && !c.Batched {
			return c.Envelope(), true
		}
	case juno.EntryBatchHead:
		if h, err := juno.ParseBatchHead(e.Payload); err == nil {
			return h.Envelope(), true
		}
	}
	return juno.Envelope{}, false
}

// Append implements consensus.Validator.
func (j *signatureValidator) Append(e *juno.Entry) error {
	if err := j.verifyClient(e); err != nil {
		return err
	}
	return j.Validator.Append(e)
}

func (j *signatureValidator) verifyClient(e *juno.Entry) error {
	if e.Type != juno.EntryCommand && e.Type != juno.EntryBatchHead {
		return nil
	}
	if len(e.Payload) > 0 {
		if _, ok := j.admitted[&e.Payload[0]]; ok {
			return nil
		}
	}
	envelope, signed := clientEnvelope(e)
	if !signed {
		return nil
	}
	record, known := j.Keyring().Lookup(envelope.Key)
	if !known {
		return nil // the Validator refuses it
	}
	j.message = juno.AppendSigningBytes(j.message[:0], envelope.Kind, j.node.cfg.Cluster,
		envelope.Body)
	h := signatureHash(record.Public, j.message, envelope.Signature)
	if j.node.seen.has(h) {
		return nil
	}
	if !juno.VerifySignature(record.Public, j.message, envelope.Signature) {
		return fmt.Errorf("entry %d: key %s of %s: %w", e.Index, envelope.Key, record.Subject,
			juno.ErrBadSignature)
	}
	j.node.seen.add(h)
	return nil
}
