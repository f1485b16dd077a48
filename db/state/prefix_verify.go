package state

import (
	"fmt"

	"juno"
)

// Envelope returns the statement by which a client signed an entry, and false for entries that
// carry none: those of other types, and the commands of a batch, which its head speaks for.
// Entries that change keys, membership or mode are checked whole by Append.
func Envelope(e *juno.Entry) (juno.Envelope, bool, error) {
	switch e.Type {
	case juno.EntryCommand:
		c, err := juno.ParseCommand(e.Payload)
		if err != nil || c.Batched {
			return juno.Envelope{}, false, err
		}
		return c.Envelope(), true, nil
	case juno.EntryBatchHead:
		h, err := juno.ParseBatchHead(e.Payload)
		if err != nil {
			return juno.Envelope{}, false, err
		}
		return h.Envelope(), true, nil
	}
	return juno.Envelope{}, false, nil
}

// SignatureError is an entry whose signature does not verify.
type SignatureError struct {
	Index juno.Index
	Err   error // wraps juno.ErrBadSignature, juno.ErrUnknownKey or juno.ErrMalformed
}

// Error names the entry and what is wrong with it.
func (e *SignatureError) Error() string { return fmt.Sprintf("entry %d: %v", e.Index, e.Err) }

// Unwrap returns what is wrong.
func (e *SignatureError) Unwrap() error { return e.Err }

// Verify checks the client signatures of entries that are about to be appended, all in one batch,
// about 10 to 20 µs each. It returns a *SignatureError for the first bad one. Whether a key is
// valid at its entry is Append's to say; keys that an entry of the same run introduces are known.
func (p *Prefix) Verify(entries []juno.Entry) error {
	fresh := newKeys(entries)
	batch := juno.NewBatchVerifier(len(entries))
	var added []juno.Index
	var message []byte
	for i := range entries {
		e := &entries[i]
		envelope, signed, err := Envelope(e)
		if err != nil {
			return &SignatureError{e.Index, err}
		}
		if !signed {
			continue
		}
		public, known := fresh[envelope.Key]
		if r, ok := p.ring.Lookup(envelope.Key); ok {
			public, known = r.Public, true
		}
		if !known {
			return &SignatureError{
				e.Index,
				fmt.Errorf("key %s: %w", envelope.Key, juno.ErrUnknownKey),
			}
		}
		message = juno.AppendSigningBytes(message[:0], envelope.Kind, p.ring.Cluster(),
			envelope.Body)
		batch.Add(public, message, envelope.Signature)
		added = append(added, e.Index)
	}
	for i, ok := range batch.Verify() {
		if !ok {
			return &SignatureError{added[i], juno.ErrBadSignature}
		}
	}
	return nil
}

// newKeys returns the keys that changes of keys among the entries introduce.
func newKeys(entries []juno.Entry) map[juno.KeyID]juno.PublicKey {
	keys := make(map[juno.KeyID]juno.PublicKey)
	for i := range entries {
		if entries[i].Type != juno.EntryKeyOp {
			continue
		}
		if o, err := juno.ParseKeyOp(entries[i].Payload); err == nil && o.Action != juno.KeyRevoke {
			keys[o.Public.ID()] = o.Public
		}
	}
	return keys
}
